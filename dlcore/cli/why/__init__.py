"""The command ``why``: which parts of the input decided a trained model's answer."""
