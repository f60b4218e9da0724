"""The metrics that a task, a checkpoint or early stopping may monitor."""

from __future__ import annotations

from collections.abc import Iterator

from seqtrain.config.problems import not_among
from seqtrain.config.schemas.schema import Tree, schema_at

MODES = {"val/loss": "min", "val/accuracy": "max", "val/macro_f1": "max"}  # measured in every validation
MODES_OF_TAGS = {  # where words can be unseen, or tags mark spans
    "val/accuracy_unseen": "max",
    "val/span_f1": "max",
    "val/span_precision": "max",
    "val/span_recall": "max",
}


def find_bad_monitor(node: Tree, tree: Tree) -> Iterator[str]:
    """A `monitor` that the task does not measure, or a `mode` that prefers the worse value.

    Metrics of a user's own task are not judged. What is written as ${task.monitor} is reported once.
    """
    task = schema_at(tree, "task")
    monitor, path = node.get("monitor"), _path(node, tree)
    if task is None or monitor is None:
        return
    modes = MODES | MODES_OF_TAGS if task.targets == "StepClasses" else MODES
    mode = node.get("mode", "min")  # Lightning's default
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


def _path(node: Tree, tree: Tree) -> str:
    task = tree["task"]
    if (node.get("monitor"), node.get("mode")) == (task.get("monitor"), task.get("mode")):
        return "task"
    return path_of(node, tree)


def path_of(node: Tree, tree: Tree) -> str:
    """Where a callback stands in the configuration."""
    return next(f"callbacks.{name}" for name, each in tree["callbacks"].items() if each is node)
