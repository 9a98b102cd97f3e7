"""The command line: the tour, the tiered help, the recipes, and the commands that train and measure.

Commands that answer at once (`tour`, `help`, `recipes`) import neither torch nor Lightning.
"""
