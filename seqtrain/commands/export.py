"""`seqtrain export RUN`: a trained model as an ONNX file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from seqtrain.commands.arguments import load_run, parse_arguments
from seqtrain.commands.exit_codes import exit_code
from seqtrain.config import ConfigError

USAGE = """\
Export a run's best checkpoint as an ONNX file, which runs without seqtrain and without torch.

    seqtrain export RUN [output=FILE] [checkpoint=FILE]

Beside the file it writes a JSON file with the vocabularies and labels, and a short Python example
that needs onnxruntime and numpy alone. `seqtrain predict model=FILE text="..."` reads the file, too.

  RUN         a run folder; or latest, or latest:pos/bilstm, the newest finished run;
              run_dir=RUN is the same
  format      onnx (default); needs the extra onnx: pip install 'seqtrain[onnx]'
  output      the file to write (default: model.onnx in the run folder)
  checkpoint  a file to use in place of the run's checkpoints/best.ckpt
  plugins     packages whose classes the configuration may name, as in plugins=[mine]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the exported model; returns the exit code."""
    return exit_code(lambda: _export(sys.argv[1:] if arguments is None else arguments))


def _export(arguments: Sequence[str]) -> None:
    optional = ("format", "output", "checkpoint", "plugins")
    given = parse_arguments(arguments, USAGE, required=("run_dir",), optional=optional)
    if given is None:
        return
    given.check_choice("format", ("onnx",))
    run = load_run(given)
    output = Path(given.get("output", run.folder.path / "model.onnx"))
    _check_output(output)

    from seqtrain.export.onnx_files import export_onnx
    from seqtrain.training.network import load_network

    for path in export_onnx(*load_network(run.config, run.checkpoint), output):
        print(path)


def _check_output(output: Path) -> None:
    if output.suffix != ".onnx":
        raise ConfigError([f"output: got {output}, expected a name that ends in .onnx"])
    if not output.parent.is_dir():
        raise ConfigError([f"output: there is no folder {output.parent}"])
    if find_spec("onnx") is None:
        raise ConfigError(["format: onnx needs the package onnx: pip install 'seqtrain[onnx]'"])
