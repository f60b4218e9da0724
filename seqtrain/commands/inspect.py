"""`seqtrain inspect RUN`: one page that shows what the recurrent layers of a run do."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqtrain.commands.interface import Arguments, LoadedRun, exit_code, load_run, parse_arguments
from seqtrain.config import ConfigError
from seqtrain.errors import printable_line
from seqtrain.runs.files import atomic_write, check_output, open_output

if TYPE_CHECKING:
    from seqtrain.analysis.examine import ExaminedExample
    from seqtrain.analysis.report import Report
    from seqtrain.data import Dataset
    from seqtrain.data.corpus import Source
    from seqtrain.model import Network
    from seqtrain.spec import DataSpec

NUM_EXAMPLES = 200

USAGE = f"""\
Show what the recurrent layers of a trained network do at every step, in one HTML file.

    seqtrain inspect RUN [text="..." | input=FILE] [examples=N] [output=FILE.html | output=FOLDER/]
    seqtrain inspect RUN RUN [text="..." | input=FILE] [examples=N] [output=FILE.html]

Of two runs the page shows them side by side: what they differ in, curves, the gradient through time, and
the same sequences in both, first those that they answer differently.

  RUN         a run folder; or latest, or latest:pos/bilstm, the newest finished run;
              run_dir=RUN is the same
  text        sentences of your own, shown before the examples
  input       a file of your own, shown before the examples: plain text, or CoNLL-U (*.conllu),
              or for a model of images a PNG or npy file, of sequences of numbers an npz file
  examples    how many sequences of the validation data to show and to search (default {NUM_EXAMPLES});
              with 0 the data is not read
  output      the page, by default inspect.html in the run folder, of two runs compare.html in that of
              the first; with a / at its end, a folder for the same as pictures (PNG) and
              numbers (JSON)
  checkpoint  a file to use in place of the run's checkpoints/best.ckpt
  data_dir    where the data is, if it has moved since the training; MNIST and English-EWT are
              downloaded there if they are missing; without data_dir= nothing is downloaded
  plugins     packages whose classes the configuration may name, as in plugins=[mine]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page or the pictures; returns the exit code."""
    return exit_code(lambda: _inspect(sys.argv[1:] if arguments is None else arguments))


def _inspect(arguments: Sequence[str]) -> None:
    given = parse_arguments(
        arguments,
        USAGE,
        required=("run_dir",),
        optional=("text", "input", "examples", "output", "checkpoint", "data_dir", "plugins"),
        repeatable=("run_dir",),
    )
    if given is None:
        return
    num_examples = _read_number(given)
    runs = [load_run({**given, "run_dir": folder}) for folder in given.all_of("run_dir")]
    if len(runs) > 1:
        _compare(runs, given, num_examples)
        return
    (run,) = runs
    page = run.folder.path / "inspect.html"
    output = given.get("output", str(page))
    _check_output(output)

    from seqtrain.analysis.page import render_page

    report = _report(run, given, num_examples)
    if output.endswith("/"):
        from seqtrain.analysis.pictures import write_pictures

        print(printable_line(f"{output}  ({len(write_pictures(report, Path(output)))} files)"))
        return
    text, num_shown = render_page(report)
    _write(text, given, page, f"{num_shown} of {len(report.examples)} examples")


def _compare(runs: Sequence[LoadedRun], given: Arguments, num_examples: int) -> None:
    if len(runs) > 2:
        raise ConfigError([f"run_dir: got {len(runs)} runs; expected one, or two to see side by side"])
    if "checkpoint" in given:
        raise ConfigError(["checkpoint: is for a single run; two are compared by their best checkpoints"])
    page = runs[0].folder.path / "compare.html"
    if given.get("output", "").endswith("/"):
        raise ConfigError([f"output: got {given['output']}; two runs make one page, so give a FILE.html"])
    _check_output(given.get("output", str(page)))

    from seqtrain.analysis.comparison import Side, render_comparison
    from seqtrain.runs.report.collect import read_run

    one, other = (Side(read_run(run.folder.path), _report(run, given, num_examples)) for run in runs)
    text, num_shown = render_comparison((one, other))
    _write(text, given, page, f"{num_shown} of {len(one.report.examples)} examples")


def _report(run: LoadedRun, given: Arguments, num_examples: int) -> Report:
    from seqtrain.analysis.passage import passage_of
    from seqtrain.analysis.report import build_report, describe_run
    from seqtrain.model.ensemble import first_member
    from seqtrain.training.network import construct, load_trained

    trained = load_trained(run.config, run.checkpoint)
    network, spec, source = trained.network, trained.spec, construct(run.config["data"])
    member, datasets = first_member(network), _read(spec, source, given, num_examples)
    examples = _examine(member, spec, datasets, num_examples)
    facts = describe_run(network, type(source).__name__, len(examples))
    passage = passage_of(member, spec, next(iter(datasets.values())))
    return build_report(run.folder, facts, spec, examples, trained.task.name_value, passage)


def _write(text: str, given: Arguments, page: Path, what: str) -> None:
    """To the output that was given, or else to a page in the run folder."""
    content = text.encode(errors="backslashreplace")
    # A link in a run folder, which may be someone else's, is replaced.
    with open_output(given["output"]) if "output" in given else atomic_write(page) as file:
        file.write(content)
    print(printable_line(f"{given.get('output', page)}  ({len(content) / 1e6:.1f} MB, {what})"))


def _read_number(given: Arguments) -> int:
    if "text" in given and "input" in given:
        raise ConfigError(["text, input: give one of the two"])
    text = given.get("examples", str(NUM_EXAMPLES))
    if not text.isdecimal():
        raise ConfigError([f"examples: got {text!r}, expected a number of sequences"])
    if int(text) == 0 and "text" not in given and "input" not in given:
        raise ConfigError(["examples: got 0, and neither text nor input, so there is nothing to show"])
    return int(text)


def _check_output(output: str) -> None:
    """Refuse, before the work, an output that cannot be written."""
    path = Path(output)
    if output.endswith("/"):
        if path.exists() and not path.is_dir():
            raise ConfigError([f"output: {path} is a file; give another folder"])
    elif path.is_dir():
        raise ConfigError([f"output: {path} is a folder; give {path}/ for pictures, or the name of a file"])
    else:
        check_output(output)


def _read(spec: DataSpec, source: Source, given: Arguments, num_examples: int) -> dict[str, Dataset]:
    """The sequences that were given, then the validation data, by what they are called; at least one."""
    from seqtrain.analysis.sample import load_dev

    own = _read_own(spec, given)
    datasets = {} if own is None else {"yours": own}
    return datasets | ({"dev": load_dev(source, spec)} if num_examples else {})


def _examine(
    network: Network, spec: DataSpec, datasets: Mapping[str, Dataset], num_examples: int
) -> list[ExaminedExample]:
    """All sequences that were given, and some of the validation data."""
    from seqtrain.analysis.examine import examine
    from seqtrain.analysis.sample import spread_evenly

    examples: list[ExaminedExample] = []
    for name, dataset in datasets.items():
        indices = range(len(dataset.lengths))
        chosen = spread_evenly(indices, num_examples) if name == "dev" else indices
        examples += examine(network, spec, dataset, chosen, name)
    return examples


def _read_own(spec: DataSpec, given: Arguments) -> Dataset | None:
    from seqtrain.data import (
        encode_images,
        encode_sentences,
        encode_sequences,
        encode_text,
        read_images,
        read_sequences,
    )
    from seqtrain.data.batching.text_dataset import TextDataset
    from seqtrain.spec import ImageInputs, NextToken, TokenInputs, WordInputs

    if "text" not in given and "input" not in given:
        return None
    inputs = spec.inputs
    if isinstance(spec.targets, NextToken):
        return encode_text(spec, _read_text(given))
    if isinstance(inputs, TokenInputs):
        return TextDataset.encode(inputs, _read_text(given).splitlines())
    if isinstance(inputs, WordInputs):
        return encode_sentences(spec, _read_sentences(given))
    if "text" in given:
        kind = "images" if isinstance(inputs, ImageInputs) else "sequences of numbers"
        raise ConfigError([f"text: this run reads {kind}; give a file of them as input=FILE"])
    if isinstance(inputs, ImageInputs):
        return encode_images(spec, read_images(Path(given["input"]), inputs.size))
    return encode_sequences(spec, read_sequences(Path(given["input"])))


def _read_text(given: Arguments) -> str:
    from seqtrain.data import read_utf8

    return given["text"] if "text" in given else read_utf8(Path(given["input"]))


def _read_sentences(given: Arguments) -> list[Sequence[str]]:
    from seqtrain.data import ConlluReader
    from seqtrain.data.sentences import split_sentences

    text = _read_text(given)
    if given.get("input", "").endswith(".conllu"):
        return [sentence.words for sentence in ConlluReader(text.splitlines(keepends=True), given["input"])]
    return [sentence.tokens for sentence in split_sentences(text)]
