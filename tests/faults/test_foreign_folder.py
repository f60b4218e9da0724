"""A run folder from an untrusted source: evaluate and predict run none of its code."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_output import refused
from omegaconf import OmegaConf

from seqtrain.commands import evaluate, predict
from seqtrain.config.saved import read_saved_config
from seqtrain.runs.folder import RunFolder

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def foreign(trained_digits: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_digits, tmp_path / "foreign"))


def rewrite(folder: Path, change: Change) -> None:
    path = folder / "config.yaml"
    tree: Any = OmegaConf.to_container(OmegaConf.load(path))
    change(tree)
    path.write_text(OmegaConf.to_yaml(OmegaConf.create(tree)), encoding="utf-8")


def refusal(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What evaluate and predict both say, which must be a refusal."""
    told = set()
    for main in (evaluate.main, predict.main):
        err = refused(main, [f"run_dir={folder}", *(["input=x.npy"] if main is predict.main else [])], capsys)
        told.add(err)
    (text,) = told
    return text.replace(str(folder), "DIR")


def set_key(path: str, value: Any) -> Change:
    *parents, key = path.split(".")

    def change(tree: dict[str, Any]) -> None:
        for parent in parents:
            tree = tree[parent]
        tree[key] = value

    return change


INTERPOLATION = "; a run folder's configuration holds no interpolations\n"
CHECKPOINT = "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data_dir", "${oc.env:HOME}", "data_dir: got '${oc.env:HOME}'" + INTERPOLATION),
        ("seed", r"\${oc.env:HOME}", INTERPOLATION),
        ("model._target_", "${oc.select:${oc.env:X,task.monitor},sympy.sympify}", INTERPOLATION),
        ("callbacks.best.dirpath", "reference::http://HOST/${oc.env:SECRET}", INTERPOLATION),
        ("data.path", "http://host/x", "data.path: got 'http://host/x', expected a local path\n"),
        ("data.more", ["memory::x"], "data.more[0]: got 'memory::x', expected a local path\n"),
        (
            "model",
            {"_target_": CHECKPOINT},
            f"model._target_: {CHECKPOINT} is not a torch.nn.Module, which model",
        ),
        ("data", {"_target_": CHECKPOINT}, f"data._target_: {CHECKPOINT} is not built from a"),
        (
            "data.augment",
            {"_target_": "pytorch_lightning.profilers.AdvancedProfiler"},
            "data.augment._target_: pytorch_lightning.profilers.AdvancedProfiler is not built from a "
            "configuration",
        ),
        ("head", {"_target_": "torchmetrics.text.BERTScore"}, "head._target_: "),
        (
            "data",
            {"_target_": "seqtrain.runs.folder.RunFolder", "path": "x"},
            "data._target_: seqtrain.runs.folder.RunFolder is not built from a configuration",
        ),
        ("members", 10**9, "members: got 1,000,000,000, expected at most 1,000\n"),
        ("model.hidden_size", 10**6, "model: its weights and their gradients need at least "),
        ("data.batch_size", "???", "data.batch_size: has no value (???)\n"),
    ],
)
def test_a_configuration_that_would_do_more_than_evaluate(
    foreign: Path, capsys: pytest.CaptureFixture[str], path: str, value: Any, message: str
) -> None:
    rewrite(foreign, set_key(path, value))
    assert message in refusal(foreign, capsys)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("initialization", {"_target_": CHECKPOINT, "dirpath": "reference::http://host/x"}),
        ("callbacks", {"best": {"_target_": "os.system", "command": "touch ran"}}),
        ("logger", {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": "ftp://host/x"}),
        ("trainer.strategy", {"_target_": "os.system"}),
        ("trainer.profiler", "advanced"),
        ("optimizer", {"_target_": "os.system"}),
        ("data.cache_dir", "/somewhere"),
    ],
)
def test_what_evaluating_does_not_need_is_not_looked_at(foreign: Path, path: str, value: Any) -> None:
    rewrite(foreign, set_key(path, value))
    cfg = read_saved_config(RunFolder(foreign).config_file)
    assert set(cfg) == {"seed", "members", "plugins", "task", "data", "encoder", "head", "model", "trainer"}
    assert set(cfg.trainer) == {"accelerator", "precision", "limit_val_batches", "limit_test_batches"}
    assert "cache_dir" not in cfg.data


def test_it_still_evaluates_without_them(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([f"run_dir={foreign}", "format=json"]) == 0
    expected = capsys.readouterr().out
    rewrite(foreign, set_key("optimizer", {"_target_": "os.system"}))
    rewrite(foreign, set_key("initialization", {"_target_": CHECKPOINT}))
    assert evaluate.main([f"run_dir={foreign}", "format=json"]) == 0
    assert capsys.readouterr().out == expected


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB.encode(), "DIR/config.yaml:2: aliases are not allowed\n"),
        (b"a: " + b"[" * 5000, "DIR/config.yaml:1: nested more than 30 levels deep\n"),
        (b"a: 1\n" * 300_000, "DIR/config.yaml: has 1,500,000 bytes; expected at most 1,000,000\n"),
        (b"a: \0\n", "DIR/config.yaml: unacceptable character #x0000: "),
        (b"a: \xff\n", "DIR/config.yaml:1: the byte 0xff is not valid UTF-8; "),
        (b"a: [1\n", "DIR/config.yaml:2: "),
        (b"- 1\n", "DIR/config.yaml: expected keys and values, found a list\n"),
        (b"", "DIR/config.yaml: expected keys and values, found nothing\n"),
        (b"null: 2\n", "DIR/config.yaml: the top level: the key null is neither a text nor a number\n"),
        (b"a: !!binary aGVsbG8=\n", "DIR/config.yaml:1: tags such as tag:yaml.org,2002:binary are"),
        (b"a: !!python/object/apply:os.system [ls]\n", "DIR/config.yaml:1: tags such as "),
    ],
)
def test_a_file_that_is_no_configuration(
    foreign: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    (foreign / "config.yaml").write_bytes(content)
    assert message in refusal(foreign, capsys)


def test_a_pipe_is_not_waited_for(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (foreign / "config.yaml").unlink()
    os.mkfifo(foreign / "config.yaml")
    assert "DIR/config.yaml: is a pipe or a device, which is not opened; remove it\n" in refusal(
        foreign, capsys
    )


def test_escape_sequences_do_not_reach_the_terminal(
    foreign: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(foreign, set_key("model.\x1b]0;title\x07", 1))
    text = refusal(foreign, capsys)
    assert "model.\\x1b]0;title\\x07: no such key" in text
    assert "\x1b" not in text
