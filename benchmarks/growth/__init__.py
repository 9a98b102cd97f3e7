"""How time and memory grow, with a figure: ``python -m benchmarks.growth``."""
