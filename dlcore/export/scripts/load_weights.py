"""Load exported weights into their model: python load_weights.py model.safetensors; needs dlcore and safetensors."""

import importlib
import json
import sys

from safetensors import safe_open
from safetensors.torch import load_file

with safe_open(sys.argv[1], "pt") as file:
    about = json.loads(file.metadata()["dlcore"])
module, _, name = about["model"].rpartition(".")
model = getattr(importlib.import_module(module), name)(**about["arguments"])
model.load_state_dict(load_file(sys.argv[1]))
print(model.eval())
