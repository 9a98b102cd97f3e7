"""Recipes and flags: find them, read them strictly, check their names and merge them.

A recipe is one flat, runnable YAML file per experiment. dlcore's own are in ``configs/`` at the top of the repository;
a wheel contains them as ``dlcore/configs/``. This package imports nothing, so a command that only lists recipes
answers at once.
"""
