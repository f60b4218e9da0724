"""`seqtrain check_data data=...`: what is in a data set, before training on it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from seqtrain.commands.interface import exit_code
from seqtrain.config import CONFIG_DIR, ConfigError, compose_config
from seqtrain.errors import printable
from seqtrain.runs.files import PICTURES, check_output, open_output, save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seqtrain.data.corpus import Batching, Corpus
    from seqtrain.records import SequenceBatch
    from seqtrain.training.memory import StepMemory

USAGE = """\
Describe a data set: sizes, lengths, targets, unknown and ambiguous words, sequences that the splits share,
padding, and the memory of the largest training batch.

    seqtrain check_data data=... [data.path=...] [key=value ...] [page=FILE] [--config-dir=FOLDER]

  data       a data set, as in training; the task that goes with it is found
  page       a PNG, SVG or PDF file for the same in pictures
  key=value  any other setting of a training: data.batch_size=64, model=bilstm, ...

Nothing is trained and no run folder is made.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the summary; returns the exit code."""
    return exit_code(lambda: _check_data(list(sys.argv[1:] if arguments is None else arguments)))


def _check_data(arguments: list[str]) -> None:
    if any(argument in ("--help", "-h") for argument in arguments):
        print(USAGE, end="")
        return
    page = _take(arguments, "page=")
    if page is not None:
        check_output(page, "page", PICTURES)
    folder = _take(arguments, "--config-dir=")
    cfg = _compose(arguments, [] if folder is None else [folder])

    from seqtrain.training.memory import measure_memory
    from seqtrain.training.network import build_network, construct

    source = construct(cfg["data"])
    corpus = source.load()
    construct(cfg["task"]).check_spec(corpus.spec)
    text, largest, draw = _summarize(corpus, source.batching, cfg.seed)
    batch = corpus.splits["train"].batch(largest)
    memory = measure_memory(build_network(cfg, corpus.spec, corpus.vectors), batch)
    if page is not None:
        figure = draw(corpus.describe(), _in_megabytes(memory))
        with open_output(page, "page") as file:
            save_picture(figure, file, Path(page).suffix)
    print(printable(text))
    print(f"\n{_describe_memory(memory, batch)}")


def _summarize(
    corpus: Corpus, batching: Batching, seed: int
) -> tuple[str, Any, Callable[[str, Mapping[str, float]], Figure]]:
    """The summary, what the largest training batch consists of, and how to draw a page."""
    from seqtrain.data.batching.token_dataset import TokenDataset
    from seqtrain.data.check.page import draw_page
    from seqtrain.data.check.running_text import draw_text_page, render_text, summarize_text
    from seqtrain.data.check.summary import summarize
    from seqtrain.data.check.text import render_summary

    if isinstance(corpus.splits["train"], TokenDataset):
        text = summarize_text(corpus, batching, seed)
        return render_text(text), text.largest, partial(draw_text_page, text)
    summary = summarize(corpus, batching, seed)
    return render_summary(summary), summary.padding.largest, partial(draw_page, summary)


def _take(arguments: list[str], prefix: str) -> str | None:
    """Remove an argument that is not part of the configuration, and return its value."""
    values = [argument.removeprefix(prefix) for argument in arguments if argument.startswith(prefix)]
    arguments[:] = [argument for argument in arguments if not argument.startswith(prefix)]
    return values[-1] if values else None


def _compose(overrides: Sequence[str], config_dirs: Sequence[str]) -> DictConfig:
    """The configuration of a training on this data; of the task that it goes with, if none is given."""
    try:
        return compose_config(overrides, config_dirs)
    except ConfigError as refusal:
        if any(override.startswith("task=") for override in overrides):
            raise
        refusals = [refusal]
        for task in sorted(path.stem for path in (CONFIG_DIR / "task").glob("*.yaml")):
            try:
                return compose_config([f"task={task}", *overrides], config_dirs)
            except ConfigError as refusal_of_task:
                refusals.append(refusal_of_task)
        # If the data suits another task, report what else is wrong with it.
        raise min(refusals, key=_is_of_other_task) from None


def _is_of_other_task(refusal: ConfigError) -> bool:
    return any(problem.startswith("data: task=") for problem in refusal.problems)


def _in_megabytes(memory: StepMemory) -> dict[str, float]:
    sizes = {
        "weights, gradients\nand optimizer": memory.weights,
        "kept for the\nbackward pass": memory.activations,
        "together": memory.total,
    }
    return {name: size / 1e6 for name, size in sizes.items()}


def _describe_memory(memory: StepMemory, batch: SequenceBatch) -> str:
    steps = int(batch.lengths.max())
    return (
        f"the largest training batch ({len(batch)} sequences of up to {steps} steps) needs about "
        f"{memory.total / 1e6:,.1f} MB with this model: {memory.weights / 1e6:,.1f} MB for weights, "
        f"gradients and optimizer, {memory.activations / 1e6:,.1f} MB for what the backward pass needs"
    )
