"""Private names of the packages that seqtrain builds on: few, in known places, and each with what follows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import seqtrain

ROOT = Path(seqtrain.__file__).parent
ALLOWED = {
    # torch and Lightning, of any later release: see the comments there for what happens without the name
    ("recurrence/modes.py", "_C"),
    ("recurrence/modes.py", "_are_functorch_transforms_active"),
    ("recurrence/modes.py", "_current_level"),
    ("recurrence/modes.py", "_dispatch_key_set"),
    ("recurrence/modes.py", "_len_torch_dispatch_stack"),
    ("recurrence/onnx.py", "_optional_input_placeholder_tensor"),
    ("training/steps.py", "_step_supports_amp_scaling"),
    ("training/learner.py", "_current_fx_name"),
    ("training/learner.py", "_schedule_phases"),
    ("training/telemetry/sink.py", "_get_file_writer"),
    ("serving/export/scan.py", "torch._higher_order_ops.scan"),
    # Hydra, OmegaConf and Optuna, whose versions pyproject.toml limits to those that have the name
    ("config/command_line.py", "hydra._internal.utils"),
    ("config/files.py", "_get_header_dict"),
    ("config/files.py", "_normalize_file_name"),
    ("config/files.py", "hydra._internal.core_plugins.file_config_source"),
    ("config/files.py", "hydra._internal.core_plugins"),
    ("config/sweep.py", "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"),
    ("config/tree.py", "_get_node"),
    ("config/tree.py", "_is_none"),
    ("sweeps/launch.py", "_return_value"),
    ("sweeps/launch.py", "hydra._internal.callbacks"),
    ("sweeps/search.py", "_trial_id"),
}
PUBLIC = {"_fields", "_replace", "_asdict", "_target_"}  # of named tuples, and Hydra's key
# in quotes: an attribute's name of several words, or a path to something private
TEXT = r"_[a-z]+(_[a-z]+)+|\w+(\.\w+)*\._\w*[a-z](\.\w+)*"


def find_private_names(source: str) -> set[str]:
    """Names with an underscore in front that `source` uses and does not define."""
    nodes = list(ast.walk(ast.parse(source)))
    pieces = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
    whole = set(nodes) - {piece for each in pieces for piece in each}
    return {name for node in whole for name in _names_in(node)} - set(_own_names(nodes)) - PUBLIC


def _names_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and _is_private(node.attr):
        yield node.attr
    elif isinstance(node, ast.ImportFrom) and not node.level:
        module = node.module or ""
        if any(map(_is_private, module.split("."))):
            yield module
        yield from (f"{module}.{alias.name}" for alias in node.names if _is_private(alias.name))
    elif isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if any(map(_is_private, alias.name.split("."))))
    elif isinstance(node, ast.Constant) and re.fullmatch(TEXT, str(node.value)):
        yield str(node.value)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _own_names(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node):
            yield node.attr
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _is_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def test_private_names_of_other_packages_are_where_they_are_known_to_be() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in ROOT.rglob("*.py")
        for name in find_private_names(path.read_text(encoding="utf-8"))
    }
    assert found == ALLOWED


def test_every_way_to_use_a_private_name_is_seen() -> None:
    source = """
import torch._dynamo.utils
from torch._higher_order_ops import scan
from torch.nn import _reduction
from seqtrain.records import valid_steps
class Mine(Theirs):
    def _own(self):
        self._kept, other._changed = self._theirs, getattr(self, "_of_a_text")
        return self._own(), self._kept, Tuple()._fields, "hydra._internal.utils.locate", f"{self}_per_second"
"""
    assert find_private_names(source) == {
        "torch._dynamo.utils",
        "torch._higher_order_ops",
        "torch.nn._reduction",
        "_theirs",
        "_changed",
        "_of_a_text",
        "hydra._internal.utils.locate",
    }
