"""What a foreign folder or file could make a command reach: other files, servers, the terminal."""

from __future__ import annotations

import json
import os
import shutil
import socket
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_output import refused
from omegaconf import OmegaConf

from seqtrain.commands import evaluate, inspect, predict, report
from seqtrain.commands.interface import load_run, parse_arguments
from seqtrain.config import ConfigError
from seqtrain.data import Treebank
from seqtrain.errors import DataError
from seqtrain.runs.files import write_text
from seqtrain.training.checkpoint import read_checkpoint, read_weights


@pytest.fixture
def foreign(trained_digits: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_digits, tmp_path / "foreign"))


def change_checkpoint(folder: Path, part: str, changed: dict[str, Any]) -> Path:
    """Change the inputs or the targets in the best checkpoint of a run."""
    path = folder / "checkpoints" / "best.ckpt"
    saved = torch.load(path, weights_only=True)
    saved["spec"][part] |= changed
    torch.save(saved, path)
    return path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("command", [evaluate.main, inspect.main])
def test_nothing_is_downloaded_to_where_the_folder_says(
    foreign: Path, tmp_path: Path, capsys, command
) -> None:
    tree: Any = OmegaConf.load(foreign / "config.yaml")
    place = {"data_dir": str(tmp_path / "elsewhere"), "download": True}
    sizes = {"dev_size": 1, "batch_size": 2, "eval_batch_size": 2}
    tree.data = {"_target_": "seqtrain.data.sources.mnist.Mnist", "view": "rows", **place, **sizes}
    tree.model.input_size = None
    OmegaConf.save(tree, foreign / "config.yaml")
    text = refused(command, [f"run_dir={foreign}"], capsys)
    assert "mnist: no train-images-idx3-ubyte.gz, " in text
    assert "nothing is downloaded to a folder that a run folder names; give data_dir=DIR" in text
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.usefixtures("no_network")
def test_no_treebank_is_downloaded_without_leave(tmp_path: Path) -> None:
    source = Treebank(
        data_dir=tmp_path, treebank="ud_english_ewt", batch_size=2, eval_batch_size=2, download=False
    )
    with pytest.raises(DataError, match=r"ud_english_ewt: no en_ewt-ud-train\.conllu, "):
        source.load()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("given", "download"), [([], False), (["data_dir=here"], True)])
def test_only_the_user_can_ask_for_a_download(foreign: Path, given: list[str], download: bool) -> None:
    tree: Any = OmegaConf.load(foreign / "config.yaml")
    sizes = {"dev_size": 1, "batch_size": 2, "eval_batch_size": 2}
    tree.data = {"_target_": "seqtrain.data.Mnist", "view": "rows", "data_dir": "there", **sizes}
    tree.model.input_size = None
    OmegaConf.save(tree, foreign / "config.yaml")
    arguments = parse_arguments([str(foreign), *given], "", ("run_dir",), ("data_dir",))
    assert arguments is not None
    assert load_run(arguments).config.data.download is download


def test_a_link_where_a_temporary_file_goes_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "page.html.partial").symlink_to(tmp_path / "mine")
    write_text(tmp_path / "page.html", "page")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "page.html").read_text() == "page"
    assert not (tmp_path / "page.html").is_symlink()


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("inputs", {"feature_size": '"""\nimport os\n"""'}),
        ("inputs", {"feature_size": 1 << 40}),
        ("inputs", {"size": ["8", "8"]}),
        ("inputs", {"standardization": [["x"], [1.0]]}),
        ("inputs", {"more": 1}),
        ("targets", {"names": list(range(10))}),
        ("targets", {"kind": "StepClasses", "column": 3}),
    ],
)
def test_a_spec_of_wrong_types_is_refused(foreign: Path, part: str, changed: dict[str, Any]) -> None:
    path = change_checkpoint(foreign, part, changed)
    with pytest.raises(ConfigError, match="was not written by seqtrain: its spec is unknown"):
        read_weights(path)


def test_a_compressed_checkpoint_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 24))
    with pytest.raises(ConfigError, match="its records are larger than the file"):
        read_checkpoint(path)


def test_names_of_classes_do_not_reach_the_terminal_raw(foreign: Path, tmp_path: Path, capsys) -> None:
    names = [f"\x1b]0;{number}\x07" for number in range(10)]
    change_checkpoint(foreign, "targets", {"names": tuple(names)})
    image = tmp_path / "zeros.npy"
    np.save(image, np.zeros((8, 8), dtype=np.float32))
    assert predict.main([f"run_dir={foreign}", f"input={image}"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b]0;" in out


def test_a_report_survives_what_lies_in_a_foreign_folder(foreign: Path, tmp_path: Path, capsys) -> None:
    bomb, pipe, nested, words = (tmp_path / name for name in ("a_bomb", "b_pipe", "c_nested", "d_words"))
    for each in (bomb, pipe, nested, words):
        each.mkdir()
        shutil.copy(foreign / "config.yaml", each)
    (bomb / "config.yaml").write_text("a: &a [x]\nb: [*a, *a]\n")
    os.mkfifo(pipe / "metrics.json")
    (failed := tmp_path / "e_failed").mkdir()
    shutil.copy(foreign / "config.yaml", failed)
    os.mkfifo(failed / "failure.txt")
    (nested / "metrics.json").write_text("[" * 100_000)
    (words / "metrics.json").write_text(json.dumps({"val/accuracy": "\x1b[31m"}))
    assert report.main([str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "aliases are not allowed" in err
    assert f"left out: {pipe}/metrics.json: is a pipe or a device" in err
    assert f"left out: {nested}/metrics.json: is nested too deeply" in err
    assert f"left out: {words}/metrics.json: expected a number for each name, and nothing else" in err


def test_curves_survive_what_lies_in_a_foreign_folder(foreign: Path, tmp_path: Path, capsys, caplog) -> None:
    os.mkfifo(foreign / "events.out.tfevents.pipe")
    table = foreign / "metrics.csv"
    os.mkfifo(table)
    arguments = [str(foreign), "metric=val/accuracy", f"curves={tmp_path / 'a.png'}"]
    assert report.main(arguments) == 0
    for events in foreign.rglob("events.out.tfevents.*"):  # they are read in place of metrics.csv
        events.unlink()
    table.unlink()
    table.write_text("step,val/accuracy\none,0.5\n")
    assert report.main(arguments) == 2
    assert f"{foreign}: its logged metrics cannot be read: could not convert" in caplog.text
    assert "curves: none of 1 runs logged val/accuracy" in capsys.readouterr().err


def test_a_link_within_a_run_folder_may_stay(trained_digits: Path, tmp_path: Path, capsys) -> None:
    """Loggers make them, for the latest of their files."""
    folder = Path(shutil.copytree(trained_digits, tmp_path / "run"))
    (folder / "latest").symlink_to("checkpoints")
    assert evaluate.main([str(folder), "format=json"]) == 0
    assert capsys.readouterr().err == ""
