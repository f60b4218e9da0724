"""Schemas of encoders, recurrent networks, heads and the initialization."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Annotated, Literal

from seqtrain.config.schemas.schema import (
    OPTIONAL,
    Count,
    Elsewhere,
    Natural,
    NonNegative,
    OneOf,
    Positive,
    Range,
    Share,
    Size,
    Tree,
    describes,
    schema_at,
)
from seqtrain.recurrence.cells import CELLS, Cell

CELL = OneOf(lambda: CELLS, "a cell of your own is known once plugins=[...] names its package")


@describes("encoder", "seqtrain.model.VectorEncoder", inputs="VectorInputs")
class VectorEncoder:
    @staticmethod
    def output_size(_: Tree, tree: Tree) -> Size | None:
        data = schema_at(tree, "data")
        size: Size | None = None if data is None else data.answer("feature_size", tree["data"])
        return size


@describes("encoder", "seqtrain.model.WordEncoder", inputs="WordInputs")
class WordEncoder:
    word_size: Natural
    character_size: Count
    character_hidden_size: Natural
    unknown_rate: NonNegative
    dropout: Share

    @staticmethod
    def output_size(node: Tree, tree: Tree) -> Size | None:
        if tree["data"].get("vectors") is not None:
            return None  # the size of a word vector is that of the file
        size = node["word_size"] + 2 * node["character_hidden_size"]
        reason = f"the encoder gives word_size + 2 * character_hidden_size = {size} numbers per step"
        return Size(size, reason)

    @staticmethod
    def num_parameters(node: Tree, _: int) -> int:
        hidden, characters = node["character_hidden_size"], node["character_size"]
        embeddings = 2 * (node["word_size"] + characters)  # two rows: padding and unknown
        return int(embeddings + 8 * hidden * (characters + hidden))

    @staticmethod
    def unused(node: Tree, _: Tree) -> Iterator[tuple[str, str]]:
        if node["character_hidden_size"] == 0:
            yield (
                "character_size",
                "does nothing without spellings; set encoder.character_hidden_size above 0",
            )
        if node["word_size"] == 0:
            yield "unknown_rate", "does nothing without trained embeddings; set encoder.word_size above 0"

    @staticmethod
    def contradictions(node: Tree, tree: Tree) -> Iterator[str]:
        sizes = (node["word_size"], node["character_hidden_size"], tree["data"].get("vectors"))
        if sizes == (0, 0, None):
            yield (
                "encoder: word_size=0 and character_hidden_size=0 leave nothing of a word; "
                "one must be above 0"
            )


@describes("encoder", "seqtrain.model.TokenEncoder", inputs="TokenInputs")
class TokenEncoder:
    size: Count
    dropout: Share
    token_dropout: Share = OPTIONAL

    @staticmethod
    def output_size(node: Tree, _: Tree) -> Size:
        return Size(node["size"], f"the encoder gives size = {node['size']} numbers per step")

    @staticmethod
    def num_parameters(node: Tree, _: int) -> int:
        return 2 * int(node["size"])  # two rows: padding and unknown


class Recurrent:
    input_size: Count | None = OPTIONAL
    hidden_size: Count
    num_layers: Count = OPTIONAL
    bias: bool = OPTIONAL
    batch_first: bool = OPTIONAL
    dropout: Share = OPTIONAL
    bidirectional: bool = OPTIONAL

    cell_name = "{cell}"  # of `CELLS`, with keys of the node

    @classmethod
    def cell_of(cls, node: Tree) -> Cell:
        return CELLS[cls.cell_name.format_map({"nonlinearity": "tanh", "cell": "lstm", **node})]

    @classmethod
    def num_parameters(cls, node: Tree, input_size: int) -> int:
        """The number of weights, without biases."""
        cell = cls.cell_of(node)
        hidden, layers = node["hidden_size"], node.get("num_layers", 1)
        directions = 2 if node.get("bidirectional", cls is BiLSTM) else 1

        def count(size: int) -> int:
            return sum(map(prod, cell.shapes(size, hidden, bias=False).values()))

        return int(directions * (count(input_size) + (layers - 1) * count(directions * hidden)))

    @staticmethod
    def unused(_: Tree, tree: Tree) -> Iterator[tuple[str, str]]:
        if tree.get("parameters") is not None:
            yield "hidden_size", f"does nothing beside parameters={tree['parameters']}; give one of the two"

    @staticmethod
    def idle(node: Tree, _: Tree) -> Iterator[str]:
        if node.get("dropout", 0) > 0 and node.get("num_layers", 1) == 1:
            yield (
                f"model.dropout={node['dropout']:g} does nothing with num_layers=1: "
                "dropout acts between layers"
            )


@describes("model", "torch.nn.RNN")
class RNN(Recurrent):
    cell_name = "rnn_{nonlinearity}"
    nonlinearity: Literal["tanh", "relu"] = OPTIONAL


@describes("model", "torch.nn.LSTM")
class LSTM(Recurrent):
    cell_name = "lstm"
    proj_size: Elsewhere = "torch's projections make h smaller than hidden_size; set model.hidden_size"


@describes("model", "torch.nn.GRU")
class GRU(Recurrent):
    cell_name = "gru"


@describes("model", "seqtrain.model.BiLSTM")
class BiLSTM(Recurrent):
    cell: Annotated[str, CELL] = OPTIONAL
    backend: Literal["auto", "reference", "native", "triton", "eager"] = OPTIONAL
    weight_drop: Share = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        dropped, cell = node.get("weight_drop", 0), node.get("cell", "lstm")
        if dropped > 0 and "weight_hh" not in CELLS[cell].shapes(1, 1, bias=False):
            yield (
                f"model.weight_drop: got {dropped:g}, but model.cell={cell} has no weight_hh to drop; give 0"
            )


@describes("head", "seqtrain.model.TagHead", targets="StepClasses")
class Head:
    dropout: Share
    label_smoothing: Share


@describes("head", "seqtrain.model.LabelHead", targets="SequenceClasses")
class LabelHead(Head):
    pooling: Literal["last", "mean", "max", "attention"] = OPTIONAL
    class_weights: dict[str, Positive] | Literal["balanced"] | None = OPTIONAL


@describes("head", "seqtrain.model.NextTokenHead", targets="NextToken")
class NextTokenHead(Head):
    tied: bool = OPTIONAL


@describes("head", "seqtrain.model.NumberHead", targets="SequenceNumbers|StepNumbers|Horizon")
class NumberHead:
    dropout: Share
    loss: Literal["mse", "mae", "huber", "quantiles"]
    quantiles: list[Annotated[float, Range(0, 1)]] = OPTIONAL
    pooling: Literal["last", "mean", "max"] | None = OPTIONAL

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        given = node.get("quantiles", [0.5])
        if 0.5 not in given or given != sorted(set(given)) or not 0 < given[0] <= given[-1] < 1:
            yield (
                f"head.quantiles: got {given}, expected rising numbers between 0 and 1, with 0.5 among them"
            )

    @staticmethod
    def unused(node: Tree, _: Tree) -> Iterator[tuple[str, str]]:
        if node["loss"] != "quantiles":
            yield "quantiles", f"does nothing with head.loss={node['loss']}; set head.loss=quantiles"


@describes("head", "seqtrain.model.CRFHead", targets="StepClasses")
class CRFHead:
    dropout: Share

    @staticmethod
    def contradictions(_: Tree, tree: Tree) -> Iterator[str]:
        if tree.get("members", 1) > 1:
            yield (
                f"members: got {tree['members']}, but head=crf scores whole sequences and gives no "
                "probabilities of single steps to average; choose head=tags, or members=1"
            )


@describes("initialization", "seqtrain.model.Initialization")
class Initialization:
    orthogonal: bool
    forget_bias: Annotated[float, Range(-100, 100)] | None
    chrono_steps: Annotated[int, Range(2)] | None

    @staticmethod
    def contradictions(node: Tree, _: Tree) -> Iterator[str]:
        if None not in (node["forget_bias"], node["chrono_steps"]):
            yield "initialization: forget_bias and chrono_steps set the same bias; give one of the two"

    @staticmethod
    def idle(node: Tree, tree: Tree) -> Iterator[str]:
        model = schema_at(tree, "model")
        if model is None or node["chrono_steps"] is None:
            return
        cell = model.answer("cell_of", tree["model"])
        if cell.find_gate("keeps") is None and cell.find_gate("replaces") is None:
            yield (
                f"initialization.chrono_steps={node['chrono_steps']} does nothing with {cell.name}: "
                "it has no gate that keeps the memory"
            )
