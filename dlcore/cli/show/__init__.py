"""The command ``show``: inspect before training. One file per subject; help imports neither torch nor matplotlib."""
