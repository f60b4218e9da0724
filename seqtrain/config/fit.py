"""What fits together: contradictions between parts that are right by themselves, and idle settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Tree = Mapping[str, Any]

# What the built-in parts make of a sequence, or can do with it. Classes of a user's own are not judged.
DATA = {
    "seqtrain.data.Digits": "digits",
    "seqtrain.data.Mnist": "digits",
    "seqtrain.data.Treebank": "pos",
}
TASK = {"seqtrain.task.SequenceClassification": "digits", "seqtrain.task.SequenceTagging": "pos"}
ENCODER = {"seqtrain.model.VectorEncoder": "digits", "seqtrain.model.WordEncoder": "pos"}
HEAD = {"seqtrain.model.LabelHead": "digits", "seqtrain.model.TagHead": "pos"}

# What each task needs, as it is written on the command line.
NEEDS = {
    "digits": {"data": "digits|mnist", "encoder": "vectors", "head": "label"},
    "pos": {"data": "pos_sample|ud", "encoder": "words", "head": "tags"},
}

PIXELS_PER_STEP = {"rows": 28, "columns": 28, "pixels": 1, "permuted": 1}


def find_misfits(tree: Tree, choices: Mapping[str, Any] | None = None) -> list[str]:
    """Contradictions in a tree whose keys and values are right one by one, as "path: problem".

    `choices` are the groups' choices, where they are known, to call things by their names.
    """
    return [
        *_of_parts(tree, choices or {}),
        *_of_sizes(tree),
        *_of_optimization(tree),
    ]


def find_warnings(tree: Tree) -> list[str]:
    """Settings that are allowed and do nothing."""
    model = tree["model"]
    dropout, num_layers = model.get("dropout"), model.get("num_layers", 1)
    if _target(tree, "model") in RECURRENT and dropout and num_layers == 1:
        return [f"model.dropout={dropout:g} does nothing with num_layers=1: dropout acts between layers"]
    return []


RECURRENT = ("torch.nn.RNN", "torch.nn.LSTM", "torch.nn.GRU", "seqtrain.model.BiLSTM")


def _target(tree: Tree, group: str) -> str:
    return str(tree[group]["_target_"])


def _of_parts(tree: Tree, choices: Mapping[str, Any]) -> Iterator[str]:
    task = TASK.get(_target(tree, "task"))
    if task is None:
        return
    for group, table in (("data", DATA), ("encoder", ENCODER), ("head", HEAD)):
        fits = table.get(_target(tree, group))
        if fits is not None and fits != task:
            chosen = choices.get(group) or _target(tree, group).rpartition(".")[2]
            yield (
                f"{group}: task={task} needs {group}={NEEDS[task][group]}; "
                f"{group}={chosen} goes with task={fits}"
            )


def _of_sizes(tree: Tree) -> Iterator[str]:
    model, encoder, data = tree["model"], tree["encoder"], tree["data"]
    given, source = _encoder_size(encoder, data)
    if given == 0:
        yield "encoder: word_size=0 and character_hidden_size=0 leave nothing of a word; one must be above 0"
    elif given and model.get("input_size") not in (None, given):
        yield f"model.input_size: got {model['input_size']}, but {source}; leave it null, or write {given}"
    if (
        _target(tree, "data") == "seqtrain.data.Treebank"
        and data["treebank"] is None
        and data["path"] is None
    ):
        yield "data.treebank: null together with data.path=null; one of them must say where the files are"


def _encoder_size(encoder: Tree, data: Tree) -> tuple[int | None, str]:
    """The numbers per step that the built-in encoders give, and why; None for others."""
    if encoder["_target_"] == "seqtrain.model.WordEncoder":
        words, letters = encoder["word_size"], encoder["character_hidden_size"]
        return words + 2 * letters, f"the encoder gives {words} + 2 * {letters} = {words + 2 * letters}"
    if encoder["_target_"] == "seqtrain.model.VectorEncoder":
        if data["_target_"] == "seqtrain.data.Digits":
            return 8, "the data has 8 numbers per step"
        if data["_target_"] == "seqtrain.data.Mnist":
            size = PIXELS_PER_STEP[data["view"]]
            return size, f"the data has {size} per step with data.view={data['view']}"
    return None, ""


def _of_optimization(tree: Tree) -> Iterator[str]:
    optimizer, trainer = tree["optimizer"], tree["trainer"]
    if optimizer.get("nesterov") and not optimizer.get("momentum"):
        yield "optimizer.nesterov: true needs optimizer.momentum above 0"
    if trainer.get("max_epochs", 1) is None and trainer.get("max_steps", -1) < 0:
        yield "trainer.max_epochs: null needs trainer.max_steps, or training has no end"
