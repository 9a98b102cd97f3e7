"""Names of the trackers that a run can be sent to; a light module, since the help names them."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal["mlflow", "swanlab", "wandb"]
KINDS: tuple[Kind, ...] = get_args(Kind)
