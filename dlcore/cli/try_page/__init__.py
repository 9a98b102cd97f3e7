"""``try``: a page on this machine, on which a trained model answers."""
