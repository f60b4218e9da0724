from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

LAZY = ["seqtrain", "seqtrain.data", "seqtrain.telemetry", "seqtrain.training"]


@pytest.mark.parametrize("name", LAZY)
class TestEveryLazyPackage:
    def test_gives_each_public_name(self, name: str) -> None:
        package = import_module(name)
        for public in package.__all__:
            assert getattr(package, public).__name__ == public

    def test_tells_type_checkers_the_same_homes(self, name: str) -> None:
        package = import_module(name)
        tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
        (block,) = (node for node in tree.body if isinstance(node, ast.If))
        eager = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        told = {alias.name: each.module for each in [*block.body, *eager] for alias in each.names}
        for imported in ("annotations", "TYPE_CHECKING", "lazy_attributes"):
            del told[imported]
        assert sorted(told) == sorted(package.__all__)
        assert told == {public: getattr(package, public).__module__ for public in told}

    def test_refuses_other_names(self, name: str) -> None:
        with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'Nothing'"):
            _ = import_module(name).Nothing
