"""dlcore: the classic neural networks on PyTorch Lightning, and why training goes well or badly.

This file imports nothing, so that ``python -m dlcore`` starts fast. Import from `dlcore.models`, `dlcore.data`,
`dlcore.callbacks` and `dlcore.runs`.
"""

__version__ = "0.1.0"
