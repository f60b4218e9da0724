"""The script beside an exported model: how to run it with onnxruntime and NumPy alone."""

from __future__ import annotations

from seqtrain.export.description import Description

_WORDS = '''\
"""Tag a sentence: python {name}.py They saw the light . (needs onnxruntime and numpy)"""
import json, pathlib, sys
import numpy as np, onnxruntime

path = pathlib.Path(__file__)
about, tokens = json.loads(path.with_suffix(".json").read_text(encoding="utf-8")), sys.argv[1:]
letters = np.zeros((1, len(tokens), max(map(len, tokens))), dtype=np.int64)  # 0 is padding, 1 is unknown
for place, token in enumerate(tokens):
    letters[0, place, : len(token)] = [about["characters"].get(letter, 1) for letter in token]
words = np.array([[about["words"].get(token.lower(), 1) for token in tokens]])
session = onnxruntime.InferenceSession(path.with_suffix(".onnx"))
inputs = {{"words": words, "letters": letters, "lengths": np.array([len(tokens)])}}
inputs = {{each.name: inputs[each.name] for each in session.get_inputs()}}
'''

_EACH_BY_ITSELF = """\
(scores,) = session.run(None, inputs)
best = scores[0].argmax(axis=-1)
"""

_VITERBI = """\
scores, transition, start, end, allowed_transition, allowed_start = session.run(None, inputs)
best, origins = start + allowed_start + scores[0, 0], []  # Viterbi: the most likely sequence of tags
for emitted in scores[0, 1:]:
    table = best[:, None] + transition + allowed_transition
    origins, best = [*origins, table.argmax(axis=0)], table.max(axis=0) + emitted
best = [(best + end).argmax()]
for origin in reversed(origins):
    best = [origin[best[0]], *best]
"""

_TAGS = """\
print(*(f"{token}\\t{about['labels'][tag]}" for token, tag in zip(tokens, best)), sep="\\n")
"""

_IMAGES = '''\
"""Classify images (images, height, width), 0 to 1: python {name}.py A.npy (needs onnxruntime and numpy)"""
import json, pathlib, sys
import numpy as np, onnxruntime

path = pathlib.Path(__file__)
about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
session = onnxruntime.InferenceSession(path.with_suffix(".onnx"))
(scores,) = session.run(None, {{"images": np.load(sys.argv[1]).astype(np.float32)}})
print(*(about["labels"][best] for best in scores.argmax(axis=-1)), sep="\\n")
'''

_FEATURES = '''\
"""Classify a sequence (time, {num_features}): python {name}.py A.npy (needs onnxruntime and numpy)"""
import json, pathlib, sys
import numpy as np, onnxruntime

path = pathlib.Path(__file__)
about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
features = np.load(sys.argv[1]).astype(np.float32)[None]
session = onnxruntime.InferenceSession(path.with_suffix(".onnx"))
inputs = {{"features": features, "lengths": np.array([features.shape[1]])}}
'''

_LABELS = """\
print(*(about["labels"][tag] for tag in np.ravel(best)), sep="\\n")
"""


def write_example(name: str, description: Description, has_crf: bool) -> str:
    """The text of a script that runs the model `name`.onnx."""
    if description.image_size is not None:
        return _IMAGES.format(name=name)
    decode = _VITERBI if has_crf else _EACH_BY_ITSELF
    if description.num_features is not None:
        return _FEATURES.format(name=name, num_features=description.num_features) + decode + _LABELS
    return _WORDS.format(name=name) + decode + _TAGS
