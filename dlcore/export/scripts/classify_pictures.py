"""What is on pictures? python classify_pictures.py model.onnx PICTURE [PICTURE ...]; needs onnxruntime and Pillow."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(Path(sys.argv[1]))
about = json.loads(session.get_modelmeta().custom_metadata_map["dlcore"])
height, width = about["size"]
mode = "L" if about["channels"] == 1 else "RGB"


def read(path: str) -> np.ndarray:
    """Return the pixels (C, H, W) of a picture: upright, white where it is transparent, resized."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB").convert(mode)
    how = Image.Resampling.BILINEAR
    if about["resize"] == "squash":
        image = image.resize((width, height), how)
    elif about["resize"] == "pad":
        image = ImageOps.pad(image, (width, height), how)
    else:
        scale = max(width / image.width, height / image.height)
        left, top = (image.width - width / scale) / 2, (image.height - height / scale) / 2
        image = image.resize((width, height), how, box=(left, top, image.width - left, image.height - top))
    return np.asarray(image).reshape(height, width, -1).transpose(2, 0, 1)


for path in sys.argv[2:]:
    (answers,) = session.run(None, {"inputs": read(path)[None]})[0]
    for place in (-answers).argsort()[:3]:
        print(f"{path}: {about['classes'][place]} {answers[place]:.1%}")
