"""Schemas of the root and of this package's own classes, with what they make of a sequence."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from seqtrain.config.schemas.schema import OPTIONAL, describes, read_schema
from seqtrain.config.schemas.values import Count, Natural, Node, NonNegative, Pattern, Positive, Range, Share
from seqtrain.names import ViewName

Group: TypeAlias = dict[str, Any]
ColumnNumber: TypeAlias = Annotated[int, Range(1)] | Literal[-1]
TagColumn: TypeAlias = Annotated[
    str, Pattern(r"UPOS|XPOS|FEATS|DEPREL|MISC:[^=|\s]+", "UPOS, XPOS, FEATS, DEPREL or MISC:Key")
]


class Root:
    seed: Natural
    members: Count = OPTIONAL  # run folders from before have no such key
    data_dir: str
    run_dir: str
    checkpoint: str | None
    plugins: list[str] = OPTIONAL
    task: Group
    data: Group
    encoder: Group
    head: Group
    model: Group
    initialization: Group
    optimizer: Group
    schedule: Group
    trainer: Group
    callbacks: Group | None = OPTIONAL
    logger: Group | None = OPTIONAL


ROOT = read_schema(Root, "seqtrain", "root")


class Batching:
    batch_size: Count
    eval_batch_size: Count
    max_tokens: Count | None = OPTIONAL


@describes("data", "seqtrain.data.Digits")
class Digits(Batching):
    pass


@describes("data", "seqtrain.data.Mnist")
class Mnist(Batching):
    data_dir: str
    view: ViewName
    dev_size: Count
    path: str | None = OPTIONAL
    augment: Node | None = OPTIONAL


class WordSource(Batching):
    epochs: Count = OPTIONAL
    min_steps: Natural = OPTIONAL
    min_count: Count = OPTIONAL
    vectors: str | None = OPTIONAL
    max_vectors: Natural | None = OPTIONAL
    cache_dir: str | None = OPTIONAL


@describes("data", "seqtrain.data.Treebank")
class Treebank(WordSource):
    data_dir: str
    treebank: str
    column: TagColumn = OPTIONAL
    path: str | None = OPTIONAL


@describes("data", "seqtrain.data.Tagged")
class Tagged(WordSource):
    path: str
    word_column: ColumnNumber = OPTIONAL
    tag_column: ColumnNumber = OPTIONAL


@describes("data", "seqtrain.data.Arrays")
class Arrays(Batching):
    path: str
    epochs: Count = OPTIONAL
    min_steps: Natural = OPTIONAL


@describes("data", "seqtrain.data.Images")
class Images(Batching):
    path: str
    view: ViewName
    size: tuple[int, int] | None = OPTIONAL
    augment: Node | None = OPTIONAL
    epochs: Count = OPTIONAL
    min_steps: Natural = OPTIONAL


@describes("part", "seqtrain.data.RandomAffine")
class RandomAffine:
    max_degrees: Annotated[float, Range(0, 180)] = OPTIONAL
    max_translation: Share = OPTIONAL
    max_scaling: Annotated[float, Range(0, 0.9)] = OPTIONAL
    max_shear: Annotated[float, Range(0, 80)] = OPTIONAL


@describes("part", "seqtrain.data.RandomElastic")
class RandomElastic(RandomAffine):
    max_displacement: Share = OPTIONAL
    points: Annotated[int, Range(2)] = OPTIONAL


@describes("encoder", "seqtrain.model.VectorEncoder")
class VectorEncoder:
    pass


@describes("encoder", "seqtrain.model.WordEncoder")
class WordEncoder:
    word_size: Natural
    character_size: Count
    character_hidden_size: Natural
    unknown_rate: NonNegative
    dropout: Share


class Recurrent:
    input_size: Count | None = OPTIONAL
    hidden_size: Count
    num_layers: Count = OPTIONAL
    bias: bool = OPTIONAL
    batch_first: bool = OPTIONAL
    dropout: Share = OPTIONAL
    bidirectional: bool = OPTIONAL


@describes("model", "torch.nn.RNN")
class RNN(Recurrent):
    nonlinearity: Literal["tanh", "relu"] = OPTIONAL


@describes("model", "torch.nn.LSTM")
@describes("model", "torch.nn.GRU")
class Gated(Recurrent):
    pass


@describes("model", "seqtrain.model.BiLSTM")
class BiLSTM(Recurrent):
    cell: Literal["lstm", "lstm_layernorm", "lstm_peephole", "lstm_coupled", "gru"] = OPTIONAL
    backend: Literal["auto", "reference", "eager", "triton"] = OPTIONAL


class Head:
    dropout: Share
    label_smoothing: Share


@describes("head", "seqtrain.model.LabelHead")
class LabelHead(Head):
    pooling: Literal["last", "mean", "max"] = OPTIONAL


@describes("head", "seqtrain.model.TagHead")
class TagHead(Head):
    pass


@describes("head", "seqtrain.model.CRFHead")
class CRFHead:
    dropout: Share


@describes("initialization", "seqtrain.model.Initialization")
class Initialization:
    orthogonal: bool
    forget_bias: float | None
    chrono_steps: Annotated[int, Range(2)] | None


@describes("task", "seqtrain.training.SequenceClassification")
@describes("task", "seqtrain.training.SequenceTagging")
class Task:
    monitor: str
    mode: Literal["min", "max"]


@describes("callbacks", "seqtrain.training.BestCheckpoint")
class BestCheckpoint:
    path: str
    monitor: str
    mode: Literal["min", "max"]


@describes("callbacks", "seqtrain.training.LastCheckpoint")
class LastCheckpoint:
    path: str
    every_minutes: Positive


@describes("callbacks", "seqtrain.telemetry.HiddenStateTelemetry")
@describes("callbacks", "seqtrain.telemetry.WeightTelemetry")
class EveryNSteps:
    every_n_steps: Count


@describes("callbacks", "seqtrain.telemetry.RecurrenceTelemetry")
class RecurrenceTelemetry:
    num_sequences: Count
    gates: bool
    gradients: bool
    figures: bool


@describes("callbacks", "seqtrain.training.StopOnNonfinite")
class StopOnNonfinite:
    pass


@describes("callbacks", "seqtrain.training.ProgressBar")
class ProgressBar:
    refresh_rate: Count
