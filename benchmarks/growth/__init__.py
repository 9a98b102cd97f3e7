"""Growth of time and memory with size, with a figure: ``python -m benchmarks.growth``."""
