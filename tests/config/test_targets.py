"""What `_target_` may name: a configuration that came from an untrusted source runs nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from seqtrain.config import ConfigError, check_config, compose_config

MINE = """
from subprocess import Popen

import torch


class Net(torch.nn.Module):
    def __init__(self, input_size: int, width: int, mode: str = "a", extra: "Unknown" = None):
        super().__init__()


class Sizeless(torch.nn.Module):
    def __init__(self, width: int):
        super().__init__()


class Data:
    def __init__(self, batch_size: int, **options: object): ...


def function(): ...
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `mine` and configuration files that name its classes."""
    for name, text in {
        "mine.py": MINE,
        "model/net.yaml": "_target_: mine.Net\nwidth: 3\n",
        "data/mine.yaml": "# @package _global_\ndata:\n  _target_: mine.Data\n  batch_size: 4\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("mine", None)


def problems_of(*overrides: str, folder: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        compose_config(overrides, [folder] if folder else [])
    return caught.value.problems


def test_classes_of_ones_own_need_no_change_here(mine: Path) -> None:
    cfg = compose_config(["plugins=[mine]", "model=net", "model.width=5"], [mine])
    assert cfg.model == {"_target_": "mine.Net", "width": 5}
    cfg = compose_config(["plugins=[mine]", "data=mine", "data.any=1", "trainer.max_epochs=2"], [mine])
    assert cfg.data.any == 1


def test_ones_own_package_must_be_named(mine: Path) -> None:
    assert problems_of("model=net", folder=mine) == (
        "model._target_: mine.Net is outside the packages that may be built from "
        "(seqtrain, torch, pytorch_lightning, torchmetrics); if mine is your own, add it with plugins=[mine]",
    )
    assert "mine" not in sys.modules


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("model.wdth=3", "model.wdth: no such key in mine.Net; did you mean model.width?"),
        ("model.width=two", "model.width: got 'two', expected a whole number"),
        ("~model.width", "model.width: missing; mine.Net needs a whole number"),
        ("model._target_=mine.Nett", "model._target_: there is no mine.Nett; did you mean mine.Net?"),
        (
            "model._target_=mine.function",
            "model._target_: mine.function is not a class, and only classes are built",
        ),
        ("model._target_=mine.Data", "model._target_: mine.Data is not a torch.nn.Module, which model needs"),
        (
            "model._target_=mine.Sizeless",
            "model._target_: mine.Sizeless takes no argument input_size, which a class under model is given",
        ),
    ],
)
def test_ones_own_class_is_held_to_its_signature(mine: Path, override: str, problem: str) -> None:
    assert problems_of("plugins=[mine]", "model=net", override, folder=mine) == (problem,)


def test_data_of_ones_own_says_how_long_to_train(mine: Path) -> None:
    assert problems_of("plugins=[mine]", "data=mine", folder=mine) == (
        "trainer.max_epochs: missing; pytorch_lightning.Trainer needs a whole number of at least 1 or auto or"
        " null",
    )


OUTSIDE = "is outside the packages that may be built from"


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("model._target_=os.system", OUTSIDE),
        ("model._target_=hydra.utils.call", OUTSIDE),
        ("model._target_=builtins.eval", OUTSIDE),
        ("task._target_=torch.hub.load", "torch.hub.load is not a class, and only classes are built"),
        ("data._target_=torch.load", "torch.load is not a class, and only classes are built"),
        ("data._target_=torch._C.ScriptModule", "torch._C.ScriptModule is private to torch, and not built"),
        (
            "data._target_=seqtrain.__main__.main",
            "seqtrain.__main__.main is private to seqtrain, and not built",
        ),
        ("model._target_=torch.nn.LSTMM", "there is no torch.nn.LSTMM; did you mean torch.nn.LSTM?"),
        ("model._target_=torch.optim.AdamW", "torch.optim.AdamW belongs under optimizer, not under model"),
        ("model._target_=torch.optim.LBFGS", "torch.optim.LBFGS is not a torch.nn.Module, which model needs"),
        (
            "schedule._target_=torch.optim.lr_scheduler.ReduceLROnPlateau",
            "torch.optim.lr_scheduler.ReduceLROnPlateau follows a metric, and schedules here go by the step",
        ),
        ("model._target_=a-b", "got 'a-b', expected the dotted path of a class"),
    ],
)
def test_refused_targets(override: str, problem: str) -> None:
    (told,) = problems_of(override)
    assert told.startswith(f"{override.partition('=')[0]}: ")
    assert problem in told


def test_library_classes_that_start_processes_or_run_text_are_not_built() -> None:
    (told,) = problems_of("data._target_=torch.distributed.elastic.multiprocessing.SubprocessContext")
    assert told.endswith(
        "SubprocessContext is not built from a configuration: "
        "expected the classes of seqtrain for this key, and those of your plugins"
    )
    (told,) = problems_of("data._target_=torch.jit.CompilationUnit")
    assert "torch.jit.CompilationUnit is not built from a configuration" in told


def test_what_a_plugin_imports_is_not_its_own(mine: Path) -> None:
    told, *_ = problems_of("plugins=[mine]", "data=mine", "data._target_=mine.Popen", folder=mine)
    assert "mine.Popen is not built from a configuration" in told


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ("trainer.plugins=[{_target_:os.system,command:ls}]", "trainer.plugins[0]"),
        ("trainer.strategy={_target_:os.system}", "trainer.strategy"),
        ("callbacks.mine={_target_:os.system}", "callbacks.mine"),
        ("data=mnist data.augment={_target_:os.system}", "data.augment"),
        (
            "data=mnist data.augment={_target_:seqtrain.data.RandomAffine,max_shear:{_target_:os.system}}",
            "data.augment.max_shear",
        ),
    ],
)
def test_nested_targets_are_found(override: str, path: str) -> None:
    assert any(
        told.startswith(f"{path}._target_: os.system {OUTSIDE}") for told in problems_of(*override.split())
    )


@pytest.mark.parametrize("path", ["callbacks.best", "metrics.mine", "logger.tensorboard", "logger.mine"])
def test_a_value_is_refused_where_a_class_is_named(path: str) -> None:
    assert problems_of(f"++{path}=3") == (f"{path}: got 3, expected keys with a _target_, or null",)


def test_a_class_of_a_group_is_not_an_argument() -> None:
    assert problems_of("+trainer.strategy._target_=torch.optim.AdamW") == (
        "trainer.strategy._target_: torch.optim.AdamW belongs under optimizer, not inside another class",
    )


@pytest.mark.parametrize("key", ["_args_", "_partial_", "_recursive_", "_convert_"])
def test_hydras_words_for_building_are_refused(key: str) -> None:
    assert problems_of(f"model.{key}=[]") == (
        f"model.{key}: not allowed; a node has _target_ and the keys of its class",
    )


def test_parts_of_a_library_class_are_bound_to_its_signature() -> None:
    assert problems_of(
        "callbacks.device={_target_:pytorch_lightning.callbacks.DeviceStatsMonitor,cpu_stat:true}"
    ) == (
        "callbacks.device.cpu_stat: no such key in pytorch_lightning.callbacks.DeviceStatsMonitor; "
        "did you mean callbacks.device.cpu_stats?",
    )
    compose_config(["trainer.profiler={_target_:pytorch_lightning.profilers.SimpleProfiler}"])


def test_a_file_does_not_say_whom_to_trust(mine: Path) -> None:
    cfg = compose_config(["plugins=[mine]", "model=net"], [mine])
    assert cfg.plugins == ["mine"]
    sys.modules.pop("mine")
    with pytest.raises(ConfigError, match=r"mine\.Net is outside"):
        check_config(cfg)
    assert "mine" not in sys.modules
    check_config(cfg, trusted_plugins=["mine"])


def test_plugins_of_a_configuration_folder_are_not_trusted(mine: Path) -> None:
    (mine / "model" / "theirs.yaml").write_text(
        "# @package _global_\nplugins: [mine]\nmodel:\n  _target_: mine.Net\n  width: 3\n", encoding="utf-8"
    )
    (told,) = problems_of("model=theirs", folder=mine)
    assert told.startswith("model._target_: mine.Net is outside the packages that may be built from")
    assert "mine" not in sys.modules


def test_a_file_from_somebody_else_may_be_anything() -> None:
    for text in (
        "{}",
        "task: 3",
        "callbacks: [1]",
        "callbacks: {a: 3}",
        "model: {_target_: [1]}",
        "1: 2",
        "plugins: x",
    ):
        with pytest.raises(ConfigError):
            check_config(OmegaConf.create(text))
