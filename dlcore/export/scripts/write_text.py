"""Go on with a text: python write_text.py model.onnx [BEGINNING] [WORDS] [TEMPERATURE]; needs onnxruntime.

If the model's words were cut by jieba, it needs jieba too. A temperature of 0 takes the most probable word each time.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(Path(sys.argv[1]))
about = json.loads(session.get_modelmeta().custom_metadata_map["dlcore"])
beginning, length, temperature = ([*sys.argv[2:], *["", "60", "1"][len(sys.argv) - 2 :]])[:3]
ids = {word: number for number, word in enumerate(about["words"])}
wide = [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]  # digits and letters, read as narrow
beginning = beginning.translate({0x3000: " ", **{number: number - 0xFEE0 for number in wide}})
words = [beginning] if beginning in ids else list(beginning)
if about["jieba"] and beginning not in ids:
    import jieba

    jieba.setLogLevel("ERROR")
    if about["user_dict"]:
        jieba.load_userdict(str(Path(sys.argv[1]).with_name("user_dict.txt")))
    cut = jieba.lcut(beginning, HMM=about["hmm"])
    words = [part for word in cut for part in ([word] if word in ids else word)]
tokens = [1, *(ids.get(word, 0) for word in words)]  # 1 is the end of a document, 0 an unknown word
names = [each.name for each in session.get_inputs()]
state = [np.zeros((about["layers"], 1, about["hidden_size"]), dtype=np.float32) for _ in names[1:]]
random = np.random.default_rng()
print(beginning, end="")
written = 0
while written < int(length):
    scores, *state = session.run(None, dict(zip(names, [np.array([tokens.pop(0)]), *state], strict=True)))
    if tokens:  # of the beginning
        continue
    scores = scores[0].astype(np.float64)
    scores[:2] = -np.inf  # neither an unknown word nor the end
    if float(temperature) > 0:
        scores = scores / float(temperature) + random.gumbel(size=len(scores))  # draws by the softmax
    tokens, written = [int(scores.argmax())], written + 1
    print(about["words"][tokens[0]], end="", flush=True)
print()
