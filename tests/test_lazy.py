from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

LAZY = ["seqtrain", "seqtrain.data", "seqtrain.serving", "seqtrain.training"]


@pytest.mark.parametrize("name", LAZY)
def test_a_lazy_package_gives_each_public_name(name: str) -> None:
    package = import_module(name)
    assert package.__all__
    for public in package.__all__:
        assert getattr(package, public).__name__.rpartition(".")[2] == public


@pytest.mark.parametrize("name", [*LAZY, "seqtrain.predictions", "seqtrain.spec"])
def test_importing_takes_neither_torch_nor_lightning(name: str) -> None:
    heavy = "{'torch', 'pytorch_lightning', 'torchmetrics', 'sklearn'}"
    code = f"import sys, {name}; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
