"""`seqtrain predict RUN`: tag text or classify images with a finished run."""

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
    from seqtrain.predictions import TaggedSentence
    from seqtrain.predictor import Predictor

USAGE = """\
Tag text or classify images with a run's best checkpoint.

    seqtrain predict RUN [text="..." | input=FILE] [format=...] [output=FILE]

  RUN         a run folder; or latest, or latest:pos/bilstm, the newest finished run;
              run_dir=RUN is the same
  text        one sentence
  input       a file, or - for standard input (the default): plain text with one sentence
              a line, CoNLL-U (*.conllu, or text in its columns), or for a model of images
              a PNG or npy file
  format      table (default), json: one object a line, or conllu
  output      a file, or - for standard output (the default)
  checkpoint  a file to use in place of the run's checkpoints/best.ckpt
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

    from seqtrain.predictor import Predictor
    from seqtrain.training.network import load_network

    predictor = Predictor(*load_network(cfg, checkpoint))
    answer = _tag if predictor.spec.words is not None else _classify
    _write(given.get("output", "-"), answer(predictor, given))


def _tag(predictor: Predictor, given: Arguments) -> Iterator[str]:
    """The lines of the answer to text."""
    from seqtrain.data import ConlluReader, DataError, TagColumn
    from seqtrain.data.tokenize import tokenize

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
    if not sentences:
        raise DataError("no sentence to tag; expected at least one word")
    tagged = predictor.tag(sentences)
    if form == "conllu":
        if not is_conllu:
            yield "\n".join(map(_conllu_sentence, tagged)) + "\n"
            return
        column = TagColumn.parse(predictor.spec.column or "MISC:Tag")
        yield from (old.with_tags(each.tags, column) for old, each in zip(parsed, tagged, strict=True))
        yield reader.tail
        return
    for each in tagged:
        yield _json_sentence(each) if form == "json" else _table(each)


def _classify(predictor: Predictor, given: Arguments) -> Iterator[str]:
    """The lines of the answer to images."""
    if "text" in given or given.get("input", "-") == "-":
        raise ConfigError(["input: this run reads images; give input=FILE, a PNG or npy file"])
    if given.get("format") == "conllu":
        raise ConfigError(["format: got 'conllu', which is for text; this run reads images: table or json"])
    source = given["input"]
    found = predictor.classify(source)
    names = [source] if len(found) == 1 else [f"{source}[{number}]" for number in range(len(found))]
    for name, each in zip(names, found, strict=True):
        if given.get("format") == "json":
            yield json.dumps({"input": name, "label": each.label, "confidence": each.confidence}) + "\n"
        else:
            yield f"{name}  {each.label}  {each.confidence:.4f}\n"


def _json_sentence(sentence: TaggedSentence) -> str:
    answer = {
        "tokens": sentence.tokens,
        "tags": sentence.tags,
        "confidences": sentence.confidences,
    }
    return json.dumps(answer, ensure_ascii=False) + "\n"


def _table(sentence: TaggedSentence) -> str:
    width = max(map(len, sentence.tokens))
    rows = zip(sentence.tokens, sentence.tags, sentence.confidences, strict=True)
    return "".join(f"{token:{width}}  {tag:5}  {share:.4f}\n" for token, tag, share in rows) + "\n"


def _conllu_sentence(sentence: TaggedSentence) -> str:
    rows = enumerate(zip(sentence.tokens, sentence.tags, strict=True), start=1)
    lines = ["\t".join((str(number), token, "_", tag, *"______")) for number, (token, tag) in rows]
    return "\n".join((f"# text = {' '.join(sentence.tokens)}", *lines)) + "\n"


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
