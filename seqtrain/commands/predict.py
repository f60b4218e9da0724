"""`seqtrain predict RUN`: tag text or classify images with a finished run or an exported model."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtrain.commands.interface import Arguments, exit_code, load_run, parse_arguments
from seqtrain.errors import ConfigError, InputError
from seqtrain.runs.files import check_output, open_output

if TYPE_CHECKING:
    from seqtrain.commands.reading_text import Reading
    from seqtrain.serving.base import BasePredictor

USAGE = """\
Tag text or classify images with a run's best checkpoint, or with an exported model.

    seqtrain predict RUN [text="..." | input=FILE] [format=...] [output=FILE]
    seqtrain predict model=FILE.onnx ...

  RUN         a run folder; or latest, or latest:pos/bilstm, the newest finished run;
              run_dir=RUN is the same
  model       a file that `seqtrain export` wrote; needs the extra onnx, but not torch
  text        text to tag
  input       a file, or - for standard input (the default), which is answered as lines come:
              plain text, or CoNLL-U (*.conllu, or text in its columns), or a word and its tag on
              each line, between them a tab (or a space in *.conll, *.bio and *.iob files);
              for a model of images PNG or npy files: input may be given several times, name a
              folder, or a pattern as in 'scans/*.png'; for a model of data=arrays npz files;
              for a forecast a CSV file with the columns of the training
  split       whether to split text into sentences. A sentence ends after . ! ? or an ellipsis
              before a space, unless the next word begins with a lower-case letter or the
              mark belongs to an abbreviation (default: true for text=, false for input=, where
              each line is a sentence); spaces where each line is a sentence, whose words have
              spaces between them
  resize      true to stretch images to the size that the model was trained on (default: false)
  format      table (default); json: one object per line, with the start and end of each token in
              the text, or in the line; tsv: columns between tabs; conllu; for forecasts also csv,
              which is their default
  output      a file, or - for standard output (the default)
  checkpoint  a file to use in place of the run's checkpoints/best.ckpt
  plugins     packages whose classes the configuration may name, as in plugins=[mine]
"""

OPTIONS = (
    "run_dir", "model", "text", "input", "split", "resize", "format", "output", "checkpoint", "plugins",
)  # fmt: skip
FORMATS = ("table", "json", "tsv", "csv", "conllu")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print predictions; returns the exit code."""
    return exit_code(lambda: _predict(sys.argv[1:] if arguments is None else arguments))


def _predict(arguments: Sequence[str]) -> None:
    given = parse_arguments(arguments, USAGE, required=(), optional=OPTIONS, repeatable=("input",))
    if given is None:
        return
    _check(given)

    from seqtrain.commands.reading import read
    from seqtrain.tasks.answers import choose_form

    predictor, word_column = _load(given)
    form = choose_form(given.get("format"), predictor.spec)
    with ExitStack() as stack:
        reading = read(predictor.spec, given, stack, word_column)
        _write(given.get("output", "-"), _show(predictor, reading, form))
    if reading.refused:
        raise InputError("\n".join([*reading.refused, "All other lines have been answered."]))


def _show(predictor: BasePredictor[Any], reading: Reading, form: str) -> Iterator[str]:
    """The answer, piece by piece."""
    for chunk in reading.chunks:
        for each, answer in zip(chunk, predictor.answer(chunk), strict=True):
            yield predictor.show(each, answer, form)
    if form == "conllu":
        yield reading.tail()


def _check(given: Arguments) -> None:
    given.check_choice("format", FORMATS)
    given.check_choice("split", ("true", "false", "spaces"))
    given.check_choice("resize", ("true", "false"))
    if given.get("output", "-") != "-":
        check_output(given["output"])
    problems = []
    if "text" in given and "input" in given:
        problems.append("text, input: give one of the two")
    if "run_dir" not in given and "model" not in given:
        problems.append("run_dir: missing; give a run folder, or model=FILE.onnx")
    if not _is_valid(given.get("text", "")):
        problems.append("text: is not valid UTF-8")
    if "model" in given:
        if Path(given["model"]).suffix == ".pt2":
            problems.append(
                "model: got a torch program; expected FILE.onnx (the .py file beside the program runs it)"
            )
        unused = [key for key in ("run_dir", "checkpoint", "plugins") if key in given]
        problems += [f"{key}: is not used with model=; leave it out" for key in unused]
    if problems:
        raise ConfigError(problems)


def _is_valid(text: str) -> bool:
    """Whether an argument was valid UTF-8: Python marks other bytes by characters that cannot be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _load(given: Arguments) -> tuple[BasePredictor[Any], int]:
    """The model, and the column that held the words in its training data."""
    if "model" in given:
        from seqtrain.serving import OnnxPredictor

        return OnnxPredictor(given["model"]), 1
    run = load_run(given)

    from seqtrain.serving.predictor import Predictor
    from seqtrain.training.network import load_trained

    word_column = run.config.data.get("word_column", 1)
    return Predictor.of(load_trained(run.config, run.checkpoint)), word_column


def _write(target: str, pieces: Iterable[str]) -> None:
    """Write as the answer comes; a file appears only once it is complete."""
    if target == "-":
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        return
    with open_output(target) as file:
        file.writelines(piece.encode() for piece in pieces)
