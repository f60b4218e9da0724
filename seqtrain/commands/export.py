"""`seqtrain export RUN`: a trained model as one file, which runs without seqtrain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from seqtrain.commands.interface import exit_code, load_run, parse_arguments
from seqtrain.errors import ConfigError, printable_line
from seqtrain.runs.files import check_output
from seqtrain.serving.export.files import check_replaceable

USAGE = """\
Export a run's best checkpoint as one file, which runs without seqtrain.

    seqtrain export RUN [format=onnx|torch] [quantize=int8] [output=FILE]

Beside the file it writes a JSON file with the vocabularies and labels, and a short Python example
of the same name, from words, images or numbers to labels or numbers. Files of an earlier export are
replaced; others that have one of the three names are not, and nothing is written.

  RUN         a run folder; or latest, or latest:pos/bilstm, the newest finished run;
              run_dir=RUN is the same
  format      onnx (default): runs with onnxruntime, without torch; `seqtrain predict model=FILE`
              reads it, too. Needs the extra onnx: pip install 'seqtrain[onnx]'
              torch: a program of torch.export, which needs torch alone; for any model.cell
  quantize    int8: weights of an ONNX file as bytes; with an LSTM a quarter of its size, and
              faster. Those of a GRU or RNN stay float. Answers change a little
  output      the file to write (default: model.onnx or program.pt2 in the run folder)
  checkpoint  a file to use in place of the run's checkpoints/best.ckpt
  plugins     packages whose classes the configuration may name, as in plugins=[mine]
"""

FILES = {"onnx": "model.onnx", "torch": "program.pt2"}
"""The formats, and the file that each writes into the run folder unless output= says otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the exported model; returns the exit code."""
    return exit_code(lambda: _export(sys.argv[1:] if arguments is None else arguments))


def _export(arguments: Sequence[str]) -> None:
    optional = ("format", "quantize", "output", "checkpoint", "plugins")
    given = parse_arguments(arguments, USAGE, required=("run_dir",), optional=optional)
    if given is None:
        return
    given.check_choice("format", tuple(FILES))
    given.check_choice("quantize", ("int8",))
    form = given.get("format", "onnx")
    if "quantize" in given and form != "onnx":
        raise ConfigError(["quantize: is for format=onnx; leave it out"])
    run = load_run(given)
    output = Path(given.get("output", run.folder.path / FILES[form]))
    _check_output(output, form)

    from seqtrain.serving.export.files import export_onnx, export_torch
    from seqtrain.training.network import load_trained

    trained = load_trained(run.config, run.checkpoint)
    if form == "onnx":
        paths = export_onnx(trained.network, trained.spec, output, quantize="quantize" in given)
    else:
        paths = export_torch(trained.network, trained.spec, output)
    for path in paths:
        print(printable_line(path))


def _check_output(output: Path, form: str) -> None:
    if form == "onnx" and find_spec("onnx") is None:
        raise ConfigError(["format: onnx needs the package onnx: pip install 'seqtrain[onnx]'"])
    check_output(str(output), suffixes=(Path(FILES[form]).suffix,))
    check_replaceable(output)
