"""Recipes and flags: found, read strictly, checked by name, laid on each other.

A recipe is one flat, runnable YAML file an experiment; dlcore's own lie in ``configs/`` at the top of the repository,
which a wheel carries along as ``dlcore/configs/``. Nothing is imported here: a command that only lists recipes answers
at once.
"""
