"""What are texts about? python classify_texts.py model.onnx TEXT [TEXT ...]; needs onnxruntime, and jieba for words."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(Path(sys.argv[1]))
about = json.loads(session.get_modelmeta().custom_metadata_map["dlcore"])
ids = {word: number for number, word in enumerate(about["words"])}
wide = {number: number - 0xFEE0 for number in [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]}


def tokens(text: str) -> list[int]:
    """Return the token ids of a text; 0 is an unknown word, 1 the end."""
    text = text.translate({**wide, 0x3000: " "})
    words = list(text)
    if about["jieba"]:
        import jieba

        jieba.setLogLevel("ERROR")
        if about["user_dict"]:
            jieba.load_userdict(str(Path(sys.argv[1]).with_name("user_dict.txt")))
        words = jieba.lcut(text, HMM=about["hmm"])
    known = [ids.get(word, 0) for word in words if not word.isspace()]
    return known[: about["max_length"]] or [1]


for text in sys.argv[2:]:
    (answers,) = session.run(None, {"inputs": np.array([tokens(text)])})[0]
    for place in (-answers).argsort()[:3]:
        print(f"{text}: {about['classes'][place]} {answers[place]:.1%}")
