"""The command ``show``: look before training. A subject a file; help and usage import neither torch nor matplotlib."""
