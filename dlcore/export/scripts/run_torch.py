"""Run an exported model: python run_torch.py model.pt2 [FILE.npy]; needs torch and numpy, but not dlcore."""

import json
import sys

import numpy as np
import torch

files = {"dlcore.json": ""}
program = torch.export.load(sys.argv[1], extra_files=files)
about = json.loads(files["dlcore.json"])
print({name: about[name] for name in ("kind", "classes", "size", "columns") if name in about})
if len(sys.argv) > 2:  # samples as the model takes them, such as pixels (N, C, H, W), uint8
    with torch.inference_mode():
        print(program.module()(torch.from_numpy(np.load(sys.argv[2], allow_pickle=False))))
