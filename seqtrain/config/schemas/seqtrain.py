"""Schemas of the root, of tasks and the metrics that they monitor, and of this package's callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeAlias

from seqtrain.config.schemas.schema import (
    OPTIONAL,
    Count,
    LocalPath,
    NonNegative,
    Positive,
    Range,
    Tree,
    describes,
    read_schema,
    schema_at,
)
from seqtrain.errors import not_among

BUILT_IN = ("seqtrain.", "pytorch_lightning.")
LOSS = {"val/loss": "min"}  # measured in every validation
MODES_OF_CLASSES = {"val/accuracy": "max", "val/macro_f1": "max"}
MODES_OF_TAGS = {  # where words can be unseen, or tags mark spans
    "val/accuracy_unseen": "max",
    "val/span_f1": "max",
    "val/span_precision": "max",
    "val/span_recall": "max",
}
MODES_OF_NUMBERS = {
    f"val/{scale}{error}": "min" for scale in ("", "scaled_") for error in ("mae", "mse", "rmse")
}
MODES_OF_TOKENS = {"val/perplexity": "min", "val/bits_per_character": "min"}  # the latter of characters
MODES = {
    "SequenceClasses": LOSS | MODES_OF_CLASSES,
    "StepClasses": LOSS | MODES_OF_CLASSES | MODES_OF_TAGS,
    "NextToken": LOSS | MODES_OF_TOKENS,
    "Horizon": LOSS | MODES_OF_NUMBERS | {"val/mase": "min"},
    "SequenceNumbers|StepNumbers": LOSS | MODES_OF_NUMBERS | {"val/r2": "max"},
}


def find_bad_monitor(path: str, node: Tree, tree: Tree) -> Iterator[str]:
    """The `monitor` of a node that the task does not measure, or its `mode` that prefers the worse value.

    Metrics of a user's own task are not checked, nor is what a callback of the user's own monitors. What is
    written as ${task.monitor} is reported once.
    """
    task, monitor, mode = schema_at(tree, "task"), node.get("monitor"), node.get("mode", "min")
    if task is None or monitor is None or not node["_target_"].startswith(BUILT_IN):
        return
    if (monitor, mode) == (tree["task"]["monitor"], tree["task"]["mode"]):
        path = "task"
    modes = MODES.get(task.targets or "", LOSS)
    own = [f"val/{name}" for name in tree.get("metrics") or {}]
    if any(monitor == name or monitor.startswith(f"{name}/") for name in own):
        return
    if monitor not in modes:
        yield f"{path}.monitor: {not_among(monitor, [*modes, *own])}"
    elif mode != modes[monitor]:
        better = {"min": "lower", "max": "higher"}[modes[monitor]]
        yield (
            f"{path}.mode: got {mode}, but a {better} {monitor} is better; give {path}.mode={modes[monitor]}"
        )


Group: TypeAlias = dict[str, Any]


class Saved:
    """What a run folder's configuration must have for the run to be evaluated."""

    seed: Annotated[int, Range(0, 2**32 - 1)]
    members: Count = OPTIONAL  # run folders of the first version have no such key
    plugins: list[str] = OPTIONAL
    metrics: Group | None = OPTIONAL
    task: Group
    data: Group
    encoder: Group
    head: Group
    model: Group
    trainer: Group


class Root(Saved):
    data_dir: LocalPath
    run_dir: LocalPath
    checkpoint: LocalPath | None
    parameters: Count | None = OPTIONAL
    initialization: Group
    optimizer: Group
    schedule: Group
    callbacks: Group | None = OPTIONAL
    logger: Group | None = OPTIONAL


ROOT = replace(
    read_schema(Root, "seqtrain", "root"),
    elsewhere={"search": "needs -m: a search starts one run for each trial"},
)
SAVED = read_schema(Saved, "seqtrain", "root")


NEEDS_TOKENS = "does nothing without a language model; set task=language_model"
NEEDS_BOARD = "does nothing without TensorBoard; set logger=tensorboard"


def _has_board(tree: Tree) -> bool:
    """Whether a logger is TensorBoard's, or a user's own, which may be one."""
    logger = tree.get("logger") or {}
    nodes = [logger] if "_target_" in logger else [node for node in logger.values() if node]
    return any(not str(node.get("_target_")).endswith(".CSVLogger") for node in nodes)


@describes("task", "seqtrain.tasks.SequenceClassification", targets="SequenceClasses")
@describes("task", "seqtrain.tasks.Regression", targets="SequenceNumbers|StepNumbers")
class Task:
    monitor: str
    mode: Literal["min", "max"]


@describes("task", "seqtrain.tasks.SequenceTagging", targets="StepClasses")
class SequenceTagging(Task):
    carry_state: bool = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, tree: Tree) -> Iterator[str]:
        if node.get("carry_state") and tree["data"].get("steps") and tree["model"].get("bidirectional"):
            yield (
                "task.carry_state: true needs a model of one direction: the backward one starts from what "
                "has not been read; set model.bidirectional=false, or data.steps=null to read whole sequences"
            )

    @staticmethod
    def unused(_: Tree, tree: Tree) -> Iterator[tuple[str, str]]:
        if tree["data"].get("steps") is None:
            yield "carry_state", "does nothing with whole sequences; set data.steps to read them in pieces"


@describes("task", "seqtrain.tasks.LanguageModel", targets="NextToken")
class LanguageModel(Task):
    carry_state: bool = OPTIONAL

    @staticmethod
    def contradictions(_: Tree, tree: Tree) -> Iterator[str]:
        if tree["model"].get("bidirectional"):
            yield (
                "model.bidirectional: true lets the model read the token that it predicts; set "
                "model.bidirectional=false"
            )


@describes("task", "seqtrain.tasks.Forecasting", targets="Horizon")
class Forecasting(Task):
    pass


@describes("callbacks", "seqtrain.training.BestCheckpoint")
class BestCheckpoint:
    path: LocalPath
    monitor: str
    mode: Literal["min", "max"]


@describes("callbacks", "seqtrain.training.WeightAverage")
class WeightAverage:
    decay: Annotated[float, Range(0, 1, below=True)]


@describes("callbacks", "seqtrain.training.LastCheckpoint")
class LastCheckpoint:
    path: LocalPath
    every_minutes: Positive


@describes("callbacks", "seqtrain.training.HiddenStateTelemetry")
@describes("callbacks", "seqtrain.training.WeightTelemetry")
class EveryNSteps:
    every_n_steps: Count


@describes("callbacks", "seqtrain.training.RecurrenceTelemetry")
class RecurrenceTelemetry:
    every_n_steps: Count
    num_sequences: Count
    gates: bool
    gradients: bool
    figures: bool

    @staticmethod
    def unused(node: Tree, tree: Tree) -> Iterator[tuple[str, str]]:
        if not _has_board(tree):
            yield "figures", NEEDS_BOARD
        if not (node["gates"] or node["gradients"] or node["figures"]):
            for key in ("every_n_steps", "num_sequences"):
                yield key, "does nothing without gates, gradients or figures; set one of these to true"


@describes("callbacks", "seqtrain.training.StopOnNonfinite")
class StopOnNonfinite:
    pass


@describes("callbacks", "seqtrain.training.PredictionTelemetry")
class PredictionTelemetry:
    num_sequences: Count
    confusions: bool
    mistakes: bool
    projector: bool

    @staticmethod
    def unused(node: Tree, tree: Tree) -> Iterator[tuple[str, str]]:
        if not _has_board(tree):
            yield from ((key, NEEDS_BOARD) for key in node)
        elif not (node["mistakes"] or node["projector"]):
            yield "num_sequences", "does nothing without mistakes or projector; set one of these to true"


@describes("callbacks", "seqtrain.training.GeneratedText")
class GeneratedText:
    length: Count
    temperature: NonNegative

    @staticmethod
    def unused(node: Tree, tree: Tree) -> Iterator[tuple[str, str]]:
        task = schema_at(tree, "task")
        if task is not None and task.targets != "NextToken":
            yield from ((key, NEEDS_TOKENS) for key in node)
        elif not _has_board(tree):
            yield from ((key, NEEDS_BOARD) for key in node)


@describes("callbacks", "seqtrain.training.HealthWarnings")
class HealthWarnings:
    patience: Count


@describes("callbacks", "seqtrain.training.RunPage")
class RunPage:
    text: bool
    hparams: bool

    @staticmethod
    def unused(node: Tree, tree: Tree) -> Iterator[tuple[str, str]]:
        if not _has_board(tree):
            yield from ((key, NEEDS_BOARD) for key in node)


@describes("callbacks", "seqtrain.training.ProgressBar")
class ProgressBar:
    refresh_rate: Count
