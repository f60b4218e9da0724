"""Imports flow one way; and each library is known in a few rooms of the house only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "seqtrain"

# From what knows nothing of the others to what knows all. A module imports from its own room and from
# those above it here; what every room may use comes first.
ROOMS = [
    *("errors", "foreign", "shipped", "spec", "records", "predictions", "recurrence", "config", "runs"),
    *("data", "model", "analysis", "tasks", "training", "serving", "sweeps", "commands", "__main__"),
    # `python -m seqtrain.evaluate` and `python -m seqtrain.predict`, from before there were commands
    *("evaluate", "predict"),
    # what `serving` has now, for programs from before
    *("predictor", "export"),
]

HYDRA = {"config", "sweeps", "commands/train.py"}
OMEGACONF = {*HYDRA, "runs", "training", "serving", "commands"}
LIGHTNING = {"training", "data/datamodule.py"}

MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    return module.split("/")[0].removesuffix(".py")


def imports(module: str, at_the_top: bool = False) -> Iterator[str]:
    """The dotted names that a module imports; `at_the_top`: when it is imported itself."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    nodes = tree.body if at_the_top else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            assert node.module is not None
            if node.module == "seqtrain":
                yield from (f"seqtrain.{alias.name}" for alias in node.names)
            else:
                yield node.module


def libraries(module: str) -> set[str]:
    return {name.split(".")[0] for name in imports(module)}


def own_rooms(module: str) -> set[str]:
    names = {name.split(".")[1] for name in imports(module) if name.startswith("seqtrain.")}
    return names - {room_of(module), "__version__"}


def test_every_module_has_a_room() -> None:
    assert {room_of(module) for module in MODULES} - {"__init__"} == set(ROOMS)
    assert libraries("__init__.py") <= {"lazy_loader"}


@pytest.mark.parametrize("module", [module for module in MODULES if module != "__init__.py"])
class TestDirection:
    def test_a_module_knows_only_rooms_before_its_own(self, module: str) -> None:
        room = room_of(module)
        wrong = [other for other in own_rooms(module) if ROOMS.index(other) > ROOMS.index(room)]
        assert wrong == []

    def test_plain_torch_stays_plain(self, module: str) -> None:
        if room_of(module) in ("model", "recurrence"):
            assert own_rooms(module) <= {"spec", "records", "recurrence"}
            assert libraries(module).isdisjoint({"hydra", "omegaconf", "pytorch_lightning", "torchmetrics"})

    def test_hydra_and_omegaconf_stay_in_their_rooms(self, module: str) -> None:
        if "hydra" in libraries(module):
            assert {room_of(module), module} & HYDRA
        if "omegaconf" in libraries(module):
            assert {room_of(module), module} & OMEGACONF

    def test_lightning_stays_where_it_is_needed(self, module: str) -> None:
        if libraries(module) & {"pytorch_lightning", "lightning", "lightning_fabric"}:
            assert {room_of(module), module} & LIGHTNING

    def test_no_module_is_a_bag_of_things(self, module: str) -> None:
        assert not {"utils", "util", "helpers", "common", "misc"} & set(module.removesuffix(".py").split("/"))


@pytest.mark.parametrize(
    "module",
    [
        "__main__.py",
        *("commands/train.py", "commands/predict.py", "commands/evaluate.py", "commands/export.py"),
        "serving/onnx_predictor.py",
        *("runs/folder.py", "runs/logs.py"),
    ],
)
def test_a_refusal_needs_no_torch(module: str) -> None:
    """What is imported before the arguments are checked, and what that imports in turn."""
    heavy, seen, waiting = {"torch", "pytorch_lightning", "torchmetrics", "sklearn"}, set(), [module]
    while waiting:
        each = waiting.pop()
        seen.add(each)
        for name in imports(each, at_the_top=True):
            assert name.split(".")[0] not in heavy, f"{each} imports {name}"
            if name.startswith("seqtrain."):
                path = name.removeprefix("seqtrain.").replace(".", "/")
                found = [place for place in (f"{path}.py", f"{path}/__init__.py") if place in MODULES]
                waiting += [place for place in found if place not in seen]
