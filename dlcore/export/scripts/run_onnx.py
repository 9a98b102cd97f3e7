"""Run an exported model on inputs: python run_onnx.py model.onnx FILE.npy; needs onnxruntime and numpy."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(Path(sys.argv[1]))
about = json.loads(session.get_modelmeta().custom_metadata_map["dlcore"])
kind, *shape = about["input"]
inputs = np.load(sys.argv[2], allow_pickle=False).astype(kind)  # any number of samples of this shape
print(session.run(None, {"inputs": inputs.reshape(-1, *shape)})[0])
