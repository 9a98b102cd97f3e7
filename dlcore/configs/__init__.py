"""Recipes: one flat, runnable YAML file an experiment, and how they are found and read.

`dlcore.configs.recipe` finds and reads them; `dlcore.configs.catalogue` knows which classes and arguments they may
name. Nothing is imported here, so that a command that only lists recipes answers at once.
"""
