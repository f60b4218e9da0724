from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch
from command_output import REFUSED, refused
from omegaconf import OmegaConf
from small_runs import splits_only

from seqtrain.commands.evaluate import main


@pytest.fixture(params=["digits", "pos"])
def trained(request, trained_digits: Path, trained_pos: Path) -> Path:
    return trained_digits if request.param == "digits" else trained_pos


@pytest.fixture
def copied(trained_digits: Path, tmp_path: Path) -> Path:
    """A run folder as received from another user."""
    folder = tmp_path / "copied"
    shutil.copytree(trained_digits, folder)
    return folder


def test_the_metrics_are_exactly_those_of_the_training(trained: Path, capsys) -> None:
    assert main([f"run_dir={trained}", "format=json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    kept = json.loads((trained / "metrics.json").read_text())
    assert json.loads(out) == splits_only(kept)


def test_the_folder_as_a_plain_argument(trained_digits: Path, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "seed=0"
    shutil.copytree(trained_digits, folder)
    assert main([str(folder), "format=json"]) == 0
    kept = json.loads((trained_digits / "metrics.json").read_text())
    assert json.loads(capsys.readouterr().out) == splits_only(kept)


def test_the_latest_run(trained_digits: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    shutil.copytree(trained_digits, tmp_path / "runs" / "digits" / "lstm" / "a")
    monkeypatch.chdir(tmp_path)
    for name in ("latest", "run_dir=latest:digits/lstm"):
        assert main([name, "format=json"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert main(["latest:pos"]) == 2
    assert "there is no finished run under runs/pos; there are digits/lstm" in capsys.readouterr().err


def test_another_checkpoint(trained: Path, capsys) -> None:
    assert main([f"run_dir={trained}", f"checkpoint={trained}/checkpoints/last.ckpt", "format=json"]) == 0
    kept = json.loads((trained / "metrics.json").read_text())
    assert json.loads(capsys.readouterr().out).keys() == splits_only(kept).keys()


def test_a_table_for_people(trained_digits: Path, capsys) -> None:
    assert main([f"run_dir={trained_digits}"]) == 0
    out, err = capsys.readouterr()
    metrics = json.loads((trained_digits / "metrics.json").read_text())
    assert f"{metrics['val/accuracy']:8.4f} {metrics['test/accuracy']:8.4f}" in out
    assert err == ""


def test_nothing_is_written(trained_digits: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained_digits.rglob("*")}
    assert main([f"run_dir={trained_digits}"]) == 0
    assert {path: path.stat().st_mtime_ns for path in trained_digits.rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "run_dir: missing; give run_dir=..."),
        (
            ["run_dir=x", "zzz=y"],
            "zzz: no such argument; known are run_dir, checkpoint, data_dir, format, plugins",
        ),
        (["run_dir=x", "y"], "run_dir: given twice"),
        (["x", "format=xml"], "format: got 'xml', expected one of table, json"),
    ],
)
def test_refusals(arguments: list[str], problem: str, capsys) -> None:
    assert refused(main, arguments, capsys) == f"{REFUSED}{problem}\n"


def test_a_run_without_checkpoints(copied: Path, capsys) -> None:
    shutil.rmtree(copied / "checkpoints")
    assert main([f"run_dir={copied}"]) == 2
    missing = copied / "checkpoints" / "best.ckpt"
    expected = f"{REFUSED}checkpoint: {missing} does not exist; train first, or give checkpoint=FILE\n"
    assert capsys.readouterr().err == expected


class TestForeignFolder:
    """A run folder from an untrusted source runs nothing of theirs."""

    @pytest.fixture(autouse=True)
    def package(self, tmp_path: Path, monkeypatch) -> Path:
        """A package that leaves a trace when it is only imported."""
        trace = tmp_path / "trace"
        touch = f"__import__('pathlib').Path({str(trace)!r}).touch()"
        (tmp_path / "theirs.py").write_text(f"{touch}\nimport torch\nclass Net(torch.nn.LSTM): pass\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "theirs", raising=False)
        return trace

    def evaluate(self, folder: Path, changes: dict[str, object], *arguments: str) -> int:
        cfg = OmegaConf.load(folder / "config.yaml")
        for key, value in changes.items():
            OmegaConf.update(cfg, key, value, force_add=True)
        OmegaConf.save(cfg, folder / "config.yaml")
        return main([f"run_dir={folder}", *arguments])

    @pytest.mark.parametrize(
        "changes",
        [
            {"model._target_": "os.system", "model.command": "touch trace"},
            {"model._target_": "theirs.Net"},
            {"model._target_": "theirs.Net", "plugins": ["theirs"]},
            {"data.evil": {"_target_": "builtins.exec", "source": "open('trace', 'w')"}},
            {"encoder._target_": "torch.hub.load"},
        ],
    )
    def test_its_configuration_names_other_code(
        self, copied: Path, package: Path, changes, capsys, monkeypatch
    ) -> None:
        monkeypatch.chdir(package.parent)
        assert self.evaluate(copied, changes) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("seqtrain: the configuration was refused")
        assert re.search(r"_target_: (\S+ is outside the packages|\S+ is not a class|\S+ is no )", err)
        assert not package.exists()

    def test_a_package_of_ones_own_is_trusted_by_name(self, copied: Path, package: Path, capsys) -> None:
        changes = {"model._target_": "theirs.Net", "plugins": ["theirs"]}
        assert self.evaluate(copied, changes, "plugins=[theirs]", "format=json") == 0
        kept = json.loads((copied / "metrics.json").read_text())
        assert json.loads(capsys.readouterr().out) == splits_only(kept)
        assert package.exists()

    def test_its_checkpoint_is_a_pickle_of_code(self, copied: Path, package: Path, capsys) -> None:
        file = copied / "checkpoints" / "best.ckpt"
        torch.save({**torch.load(file, weights_only=True), "more": Toucher(package)}, file)
        assert main([f"run_dir={copied}"]) == 2
        assert capsys.readouterr() == (
            "",
            f"{REFUSED}checkpoint: {file} was not loaded: it holds more than tensors and plain values, "
            "which could run code\n",
        )
        assert not package.exists()


class Toucher:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_folder_of_data_that_has_moved(trained_pos: Path, treebank: Path, tmp_path: Path, capsys) -> None:
    assert main([f"run_dir={trained_pos}", "data_dir=nowhere"]) == 2
    assert capsys.readouterr().err.startswith("nowhere: no file *train.conllu here")
    moved = shutil.copytree(treebank, tmp_path / "moved")
    assert main([f"run_dir={trained_pos}", f"data_dir={moved}"]) == 0
