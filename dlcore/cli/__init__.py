"""The command line: the tour, the tiered help, the recipes, and the commands that train and measure.

What answers at once (`tour`, `help`, `recipes`) imports neither torch nor Lightning.
"""
