"""`python -m seqtrain.predict run_dir=...`: tag text, or name the digits on images, with a finished run."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqtrain.commands.arguments import Arguments, load_run, parse_arguments
from seqtrain.commands.exit_codes import exit_code
from seqtrain.config import ConfigError

if TYPE_CHECKING:
    from seqtrain.model import Ensemble, Network
    from seqtrain.predictor import Prediction
    from seqtrain.records import DataSpec

USAGE = """\
Predict with a run's best checkpoint.

    python -m seqtrain.predict run_dir=DIR [text="..." | input=FILE] [format=...] [output=FILE]

  run_dir     a run folder
  text        one sentence
  input       a file, or - for standard input (the default): plain text with one sentence a line, CoNLL-U
              (*.conllu, or text in its columns), or for digits a PNG or npy file
  format      table (default), json: one object a line, or conllu
  output      a file, or - for standard output (the default)
  checkpoint  another checkpoint than checkpoints/best.ckpt
  plugins     packages whose classes the configuration may name, as in plugins=[mine]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print predictions; returns the exit code."""
    return exit_code(lambda: _predict(sys.argv[1:] if arguments is None else arguments))


def _predict(arguments: Sequence[str]) -> None:
    given = parse_arguments(
        arguments,
        USAGE,
        required=("run_dir",),
        optional=("text", "input", "format", "output", "checkpoint", "plugins"),
    )
    if given is None:
        return
    given.check_choice("format", ("table", "json", "conllu"))
    if "text" in given and "input" in given:
        raise ConfigError(["text, input: give one of the two"])
    cfg, checkpoint = load_run(given)

    from seqtrain.training.build import load_learner

    learner = load_learner(cfg, checkpoint)
    answer = _tag if learner.spec.words is not None else _classify
    _write(given.get("output", "-"), answer(learner.network, learner.spec, given))


def _tag(network: Network | Ensemble, spec: DataSpec, given: Arguments) -> Iterator[str]:
    """The lines of the answer to text."""
    from seqtrain.data import ConlluReader, TagColumn, encode_sentences
    from seqtrain.data.tokenize import tokenize
    from seqtrain.predictor import predict

    source = given.get("input", "-")
    form = given.get("format", "table")
    text = given["text"] if "text" in given else _read_text(source)
    is_conllu = "text" not in given and (source.endswith(".conllu") or _looks_like_conllu(text))
    if is_conllu:
        text_lines = io.StringIO(text, newline="\n")  # other marks than this one end no line
        reader = ConlluReader(text_lines, "standard input" if source == "-" else source)
        parsed = list(reader)
        sentences = [sentence.words for sentence in parsed]
    else:
        lines = text.removeprefix("\ufeff").splitlines()
        sentences = [words for words in map(tokenize, lines) if words]
    predictions = predict(network, spec, encode_sentences(spec, sentences))
    if form == "conllu":
        tags = [prediction.answers for prediction in predictions]
        if not is_conllu:
            yield "\n".join(map(_conllu_sentence, sentences, tags)) + "\n"
            return
        column = TagColumn.parse(spec.column or "MISC:Tag")
        yield from (sentence.with_tags(each, column) for sentence, each in zip(parsed, tags, strict=True))
        yield reader.tail
        return
    for words, prediction in zip(sentences, predictions, strict=True):
        yield _json_sentence(words, prediction) if form == "json" else _table(words, prediction)


def _classify(network: Network | Ensemble, spec: DataSpec, given: Arguments) -> Iterator[str]:
    """The lines of the answer to images."""
    from seqtrain.data import encode_images, read_images
    from seqtrain.predictor import predict

    if "text" in given or given.get("input", "-") == "-":
        raise ConfigError(["input: this run reads images; give input=FILE, a PNG or npy file"])
    if given.get("format") == "conllu":
        raise ConfigError(["format: got 'conllu', which is for text; this run reads images: table or json"])
    source = given["input"]
    images = read_images(Path(source), spec)
    names = [source] if len(images) == 1 else [f"{source}[{number}]" for number in range(len(images))]
    for name, prediction in zip(names, predict(network, spec, encode_images(spec, images)), strict=True):
        label, confidence = prediction.answers[0], prediction.confidences[0]
        if given.get("format") == "json":
            yield json.dumps({"input": name, "label": label, "confidence": confidence}) + "\n"
        else:
            yield f"{name}  {label}  {confidence:.4f}\n"


def _json_sentence(words: list[str], prediction: Prediction) -> str:
    answer = {"tokens": words, "tags": prediction.answers, "confidences": prediction.confidences}
    return json.dumps(answer, ensure_ascii=False) + "\n"


def _table(words: list[str], prediction: Prediction) -> str:
    width = max(len(word) for word in words)
    rows = zip(words, prediction.answers, prediction.confidences, strict=True)
    return "".join(f"{word:{width}}  {tag:5}  {share:.4f}\n" for word, tag, share in rows) + "\n"


def _conllu_sentence(words: list[str], tags: list[str]) -> str:
    rows = enumerate(zip(words, tags, strict=True), start=1)
    lines = ["\t".join((str(number), word, "_", tag, *"______")) for number, (word, tag) in rows]
    return "\n".join((f"# text = {' '.join(words)}", *lines)) + "\n"


def _looks_like_conllu(text: str) -> bool:
    lines = (line for line in text.removeprefix("\ufeff").splitlines() if line.strip())
    first = next((line for line in lines if not line.startswith("#")), "")
    return first[:1].isdecimal() and "\t" in first


def _read_text(source: str) -> str:
    from seqtrain.data import DataError, decode_utf8, read_utf8

    if source == "-":
        return decode_utf8(sys.stdin.buffer.read(), "standard input")
    path = Path(source)
    if not path.is_file():
        raise DataError("no such file", path)
    return read_utf8(path)


def _write(target: str, parts: Iterable[str]) -> None:
    if target == "-":
        sys.stdout.writelines(parts)
        return
    text = "".join(parts)  # all of it first: a refusal leaves the file as it was
    try:
        Path(target).write_bytes(text.encode())
    except OSError as error:
        raise ConfigError([f"output: {target} cannot be written: {error.strerror}"]) from None
