"""What fits together: contradictions between parts that are right by themselves, and idle settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Tree = Mapping[Any, Any]

# The task that each built-in part goes with. Classes of a user's own are not judged.
GOES_WITH: dict[str, str] = {
    "seqtrain.training.SequenceClassification": "digits",
    "seqtrain.data.Digits": "digits",
    "seqtrain.data.Mnist": "digits",
    "seqtrain.data.Images": "digits",
    "seqtrain.model.VectorEncoder": "digits",
    "seqtrain.model.LabelHead": "digits",
    "seqtrain.training.SequenceTagging": "pos",
    "seqtrain.data.Treebank": "pos",
    "seqtrain.data.Tagged": "pos",
    "seqtrain.model.WordEncoder": "pos",
    "seqtrain.model.TagHead": "pos",
    "seqtrain.model.CRFHead": "pos",
}

# What each task needs, as it is written on the command line.
NEEDS = {
    "digits": {"data": "digits|mnist|images|arrays", "encoder": "vectors", "head": "label"},
    "pos": {"data": "pos_sample|ud|tagged|arrays", "encoder": "words", "head": "tags|crf"},
}

# Goes with either task; with the second, what it gives are vectors all the same.
ARRAYS = "seqtrain.data.Arrays"

RECURRENT = ("torch.nn.RNN", "torch.nn.LSTM", "torch.nn.GRU", "seqtrain.model.BiLSTM")

PIXELS_PER_STEP = {"rows": 28, "columns": 28, "pixels": 1, "permuted": 1}


def find_mismatches(tree: Tree, choices: Mapping[str, Any]) -> Iterator[str]:
    """Data, encoder and head that do not go with the task, as "path: problem".

    `choices` are the groups' choices, where they are known, to call things by their names.
    """
    task = GOES_WITH.get(_target(tree, "task"))
    if task is None:
        return
    needs = dict(NEEDS[task])
    if _target(tree, "data") == ARRAYS:
        del needs["encoder"]
        if GOES_WITH.get(_target(tree, "encoder")) == "pos":
            yield "encoder: data=arrays needs encoder=vectors"
    for group, fitting in needs.items():
        goes_with = GOES_WITH.get(_target(tree, group), task)
        if goes_with != task:
            chosen = choices.get(group) or _target(tree, group).rpartition(".")[2]
            yield f"{group}: task={task} needs {group}={fitting}; {group}={chosen} goes with task={goes_with}"


def find_misfits(tree: Tree) -> Iterator[str]:
    """Contradictions in a tree whose keys and values are right one by one, as "path: problem"."""
    size, why = _encoder_size(tree["encoder"], tree["data"])
    given = tree["model"].get("input_size")
    if size == 0:
        yield "encoder: word_size=0 and character_hidden_size=0 leave nothing of a word; one must be above 0"
    elif size and given not in (None, size):
        yield f"model.input_size: got {given}, but {why}; leave it null, or write {size}"
    initialization = tree["initialization"]
    if None not in (initialization.get("forget_bias"), initialization.get("chrono_steps")):
        yield "initialization: forget_bias and chrono_steps set the same bias; give one of the two"
    if tree.get("members", 1) > 1 and _target(tree, "head") == "seqtrain.model.CRFHead":
        yield (
            f"members: got {tree['members']}, but the scores of head=crf are no probabilities of a step, of "
            "which to take the mean; choose head=tags, or members=1"
        )
    optimizer, trainer = tree["optimizer"], tree["trainer"]
    if optimizer.get("nesterov") and not optimizer.get("momentum"):
        yield "optimizer.nesterov: true needs optimizer.momentum above 0"
    if _scales_gradients(trainer) and trainer.get("gradient_clip_val") and optimizer.get("fused"):
        yield (
            f"optimizer.fused: true does not go with trainer.precision={trainer['precision']}, whose scaled "
            "gradients could not be clipped; give optimizer.fused=false"
        )
    if trainer.get("max_epochs", 1) is None and trainer.get("max_steps", -1) < 0:
        yield "trainer.max_epochs: null needs trainer.max_steps, or training has no end"


def find_warnings(tree: Tree) -> Iterator[str]:
    """Settings of a checked configuration that are allowed and do nothing."""
    model = tree["model"]
    dropout = model.get("dropout", 0)
    if _target(tree, "model") in RECURRENT and dropout > 0 and model.get("num_layers", 1) == 1:
        yield f"model.dropout={dropout:g} does nothing with num_layers=1: dropout acts between layers"


def _target(tree: Tree, group: str) -> str:
    node = tree.get(group)
    return str(node.get("_target_")) if isinstance(node, dict) else ""


def _scales_gradients(trainer: Tree) -> bool:
    return str(trainer.get("precision")) in ("16", "16-mixed")


def _encoder_size(encoder: Tree, data: Tree) -> tuple[int | None, str]:
    """The numbers per step that the built-in encoders give, and why; None where that is not known yet."""
    if encoder["_target_"] == "seqtrain.model.WordEncoder":
        if data.get("vectors") is not None:
            return None, ""  # the file says how many numbers a word vector has
        words, letters = encoder["word_size"], encoder["character_hidden_size"]
        size = words + 2 * letters
        return size, f"the encoder gives word_size + 2 * character_hidden_size = {size} numbers per step"
    if encoder["_target_"] == "seqtrain.model.VectorEncoder":
        if data["_target_"] == "seqtrain.data.Digits":
            return 8, "the data has 8 numbers per step"
        if data["_target_"] == "seqtrain.data.Mnist":
            size = PIXELS_PER_STEP[data["view"]]
            return size, f"the data has {size} per step with data.view={data['view']}"
    return None, ""
