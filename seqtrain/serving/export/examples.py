"""The script beside an exported model: how to run it without seqtrain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from seqtrain.serving.export.description import Description


@dataclass(frozen=True)
class Runtime:
    """How a script runs a model: `run` makes a list of arrays, `outputs`, from arrays by name, `inputs`."""

    needs: str
    imports: str
    run: str


ONNX = Runtime(
    "onnxruntime and numpy",
    "import numpy as np, onnxruntime",
    """\
session = onnxruntime.InferenceSession(path.with_suffix(".onnx"))
outputs = session.run(None, {each.name: inputs[each.name] for each in session.get_inputs()})
""",
)
TORCH = Runtime(
    "torch and numpy",
    "import numpy as np, torch",
    """\
program = torch.export.load(path.with_suffix(".pt2")).module()
outputs = [each.numpy() for each in program(**{name: torch.from_numpy(inputs[name]) for name in inputs})]
""",
)

_OPEN = """
import json, pathlib, sys
{imports}

path = pathlib.Path(__file__)
about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
"""

_WORDS = '''\
"""Tag a sentence: python {script} They saw the light . (needs {needs})"""'''

_ENCODE_WORDS = """\
tokens = sys.argv[1:]
letters = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)  # 0 is padding, 1 is unknown
for row, token in enumerate(tokens):
    letters[row, : len(token)] = [about["characters"].get(letter, 1) for letter in token]
words = np.array([[about["words"].get(token.lower(), 1) for token in tokens]])
spelling = np.arange(len(tokens))[None]  # the row of each word's letters
inputs = {"words": words, "letters": letters, "spelling": spelling, "lengths": np.array([len(tokens)])}
"""

_CHECK = """\
if not np.isfinite(outputs[0]).all():
    sys.exit("the scores are nan or infinite, so there is no answer")
"""

_EACH_BY_ITSELF = """\
(scores,) = outputs
best = scores[0].argmax(axis=-1)
"""

_VITERBI = """\
scores, transition, start, end, allowed_transition, allowed_start = outputs
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
"""Classify images (images, height, width), 0 to 1: python {script} A.npy (needs {needs})"""'''

_READ_IMAGES = """\
inputs = {"images": np.load(sys.argv[1]).astype(np.float32)}
"""

_CLASSES = """\
print(*(about["labels"][best] for best in outputs[0].argmax(axis=-1)), sep="\\n")
"""

_FEATURES = '''\
"""Label a sequence (time, {num_features}): python {script} A.npy (needs {needs})"""'''

_READ_FEATURES = """\
features = np.load(sys.argv[1]).astype(np.float32)[None]
inputs = {"features": features, "lengths": np.array([features.shape[1]])}
"""

_NUMBERS = """\
print(*np.ravel(outputs[0]), sep="\\n")
"""

_NAMED_NUMBERS = """\
# (batch, (time,) (quantiles,) numbers), see numbers and quantiles in the JSON file
print(*about["labels"], *about["quantiles"], sep="\\t")
for row in outputs[0][0].reshape(-1, outputs[0].shape[-1]):
    print(*row, sep="\\t")
"""

_SERIES = '''\
"""Forecast series: python {script} A.csv, with the columns of the JSON file (needs {needs})"""'''

_READ_SERIES = """\
window = about["series"]
header = open(sys.argv[1], encoding="utf-8").readline().strip().split(",")
columns = [header.index(name) for name in window["columns"]]
table = np.genfromtxt(sys.argv[1], delimiter=",", skip_header=1, usecols=columns, ndmin=2)
inputs = {"series": table[None, -window["context"] :].astype(np.float32)}
"""

_FORECAST = """\
rows = outputs[0][0]  # (rows ahead, series); with the quantiles of the JSON file a dimension before these
print(*about["labels"], sep=",")
for row in rows if rows.ndim == 2 else rows[about["quantiles"].index(0.5)]:
    print(*row, sep=",")
"""

_TEXT_OF_WORDS = '''\
"""Classify a text that is cut into words: python {script} Play a waltz . (needs {needs})"""'''

_TOKENS = '''\
"""Classify a text: python {script} "Play a waltz." (needs {needs})"""'''

_TEXT = '''\
"""Continue a text: python {script} "It is" (needs {needs})"""'''

_SPLIT_TEXT = """\
import re

text = sys.argv[1] if len(sys.argv) > 1 else "\\n"
word = r" ?(?:<\\w+>|['\\u2019]?\\w+(?:['\\u2019]\\w+)*|[^\\w\\s])|\\s"
tokens = re.findall(word, text) if about["unit"] == "word" else list(text)
"""

_ENCODE_TOKENS = """\
numbers = [about["tokens"].get(token, 1) for token in tokens]  # 1 is unknown
inputs = {"tokens": np.array([numbers]), "lengths": np.array([len(numbers)])}
"""

_GENERATE = """\
names = {number: token for token, number in about["tokens"].items()}
session = onnxruntime.InferenceSession(path.with_suffix(".onnx"))
_, *states = session.get_inputs()  # how the text so far is remembered: zeros at its beginning
state = {each.name: np.zeros([each.shape[0], 1, each.shape[2]], dtype=np.float32) for each in states}
read, random = [about["tokens"].get(token, 1) for token in tokens], np.random.default_rng()
for _ in range(300):
    scores, *left = session.run(None, {"tokens": np.array([read]), **state})
    state = dict(zip(state, left))
    last = scores[0, -1].astype(np.float64) / 0.8  # the temperature
    last[:2] = -np.inf  # padding and the unknown token
    chances = np.exp(last - last.max())
    read = [int(random.choice(len(chances), p=chances / chances.sum()))]
    print(names[read[0]], end="", flush=True)
print()
"""

_LABELS = """\
print(*(about["labels"][tag] for tag in np.ravel(best)), sep="\\n")
"""


def write_example(
    model: str, description: Description, has_crf: bool, runtime: Runtime, per_step: bool = True
) -> str:
    """The text of a script that runs the file `model`, whose classes are of time steps or of sequences."""
    title, encode, name_classes = _find_texts(description, has_crf, per_step)
    filled = (title + _OPEN).format(
        script=PurePath(model).with_suffix(".py"),
        needs=runtime.needs,
        imports=runtime.imports,
        num_features=description.num_features,
    )
    if _is_language_model(description):
        return filled + encode
    answer = name_classes if description.labels else _NUMBERS
    if description.numbers and description.series is None:
        answer = _NAMED_NUMBERS
    return filled + encode + runtime.run + _CHECK + answer


def _find_texts(description: Description, has_crf: bool, per_step: bool) -> tuple[str, str, str]:
    """The title, how inputs are encoded, and how what is predicted is printed."""
    decode = _VITERBI if has_crf else _EACH_BY_ITSELF
    if _is_language_model(description):
        return _TEXT, _SPLIT_TEXT + _GENERATE, ""
    if description.series is not None:
        return _SERIES, _READ_SERIES, _FORECAST
    if description.image_size is not None:
        return _IMAGES, _READ_IMAGES, _CLASSES
    if description.num_features is not None:
        return _FEATURES, _READ_FEATURES, decode + _LABELS
    if description.tokens is not None:
        return _TOKENS, _SPLIT_TEXT + _ENCODE_TOKENS, decode + _LABELS
    if not per_step:
        return _TEXT_OF_WORDS, _ENCODE_WORDS, decode + _LABELS
    return _WORDS, _ENCODE_WORDS, decode + _TAGS


def _is_language_model(description: Description) -> bool:
    return description.tokens is not None and not description.labels
