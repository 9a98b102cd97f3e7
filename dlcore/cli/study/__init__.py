"""The command ``study``."""
