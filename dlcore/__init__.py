"""dlcore: the classic neural networks on PyTorch Lightning, and why training goes well or badly.

Nothing is imported here, so that ``python -m dlcore`` answers at once. The pieces are in `dlcore.models`,
`dlcore.data`, `dlcore.callbacks` and `dlcore.runs`.
"""

__version__ = "0.1.0"
