"""Schemas of the root, the tasks and this package's callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from seqtrain.config.schemas.monitor import find_bad_monitor
from seqtrain.config.schemas.schema import OPTIONAL, Tree, describes, read_schema
from seqtrain.config.schemas.values import Count, LocalPath, Positive, Range

Group: TypeAlias = dict[str, Any]


class Saved:
    """What a run folder's configuration must have for the run to be evaluated."""

    seed: Annotated[int, Range(0, 2**32 - 1)]
    members: Count = OPTIONAL  # run folders of the first version have no such key
    plugins: list[str] = OPTIONAL
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
    initialization: Group
    optimizer: Group
    schedule: Group
    callbacks: Group | None = OPTIONAL
    logger: Group | None = OPTIONAL


ROOT = read_schema(Root, "seqtrain", "root")
SAVED = read_schema(Saved, "seqtrain", "root")


class Task:
    monitor: str
    mode: Literal["min", "max"]

    @staticmethod
    def contradictions(node: Tree, tree: Tree) -> Iterator[str]:
        yield from find_bad_monitor(node, tree)


@describes("task", "seqtrain.training.SequenceClassification", targets="sequence")
class SequenceClassification(Task):
    pass


@describes("task", "seqtrain.training.SequenceTagging", targets="step")
class SequenceTagging(Task):
    pass


@describes("callbacks", "seqtrain.training.BestCheckpoint")
class BestCheckpoint:
    path: LocalPath
    monitor: str
    mode: Literal["min", "max"]

    @staticmethod
    def contradictions(node: Tree, tree: Tree) -> Iterator[str]:
        yield from find_bad_monitor(node, tree)


@describes("callbacks", "seqtrain.training.LastCheckpoint")
class LastCheckpoint:
    path: LocalPath
    every_minutes: Positive


@describes("callbacks", "seqtrain.telemetry.HiddenStateTelemetry")
@describes("callbacks", "seqtrain.telemetry.WeightTelemetry")
class EveryNSteps:
    every_n_steps: Count


@describes("callbacks", "seqtrain.telemetry.RecurrenceTelemetry")
class RecurrenceTelemetry:
    every_n_steps: Count
    num_sequences: Count
    gates: bool
    gradients: bool
    figures: bool


@describes("callbacks", "seqtrain.training.StopOnNonfinite")
class StopOnNonfinite:
    pass


@describes("callbacks", "seqtrain.telemetry.PredictionTelemetry")
class PredictionTelemetry:
    num_sequences: Count
    confusions: bool
    mistakes: bool
    projector: bool


@describes("callbacks", "seqtrain.telemetry.HealthWarnings")
class HealthWarnings:
    patience: Count


@describes("callbacks", "seqtrain.telemetry.RunPage")
class RunPage:
    text: bool
    hparams: bool


@describes("callbacks", "seqtrain.training.ProgressBar")
class ProgressBar:
    refresh_rate: Count
