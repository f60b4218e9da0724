"""What output=, page=, plot= and curves= name: files are replaced, anything else stays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from command_output import refused

from seqtrain.commands import check_data, export, inspect, predict, report
from seqtrain.config import ConfigError
from seqtrain.runs.files import open_output

COMMANDS: dict[str, tuple[Callable[[list[str]], int], tuple[str, ...], str, str]] = {
    "inspect": (inspect.main, ("examples=1",), "output", "page.html"),
    "predict": (predict.main, ("input={run}/x.npy",), "output", "answers"),
    "report": (report.main, (), "output", "table"),
    "report plot": (report.main, ("x=seed",), "plot", "a.png"),
    "report curves": (report.main, (), "curves", "a.svg"),
    "export": (export.main, (), "output", "model.onnx"),
    "check_data": (check_data.main, (), "page", "page.png"),
}


def write(target: Path) -> None:
    with open_output(str(target)) as file:
        file.write(b"content")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("target", ["folder/{file}", "missing/{file}"])
def test_a_folder_in_the_way_and_a_missing_one(
    name: str, target: str, trained_digits: Path, tmp_path: Path, capsys
) -> None:
    main, more, key, file = COMMANDS[name]
    (tmp_path / "folder" / file).mkdir(parents=True)
    path = tmp_path / target.format(file=file)
    run = [] if name == "check_data" else [str(trained_digits)]
    before = sorted(tmp_path.rglob("*"))
    err = refused(main, [*run, *(each.format(run=trained_digits) for each in more), f"{key}={path}"], capsys)
    missing = f"there is no folder {path.parent}; make it, or give"
    problem = f"{path} is a folder; give " if "folder" in target else missing
    assert err.splitlines()[-1].lstrip().startswith(f"{key}: {problem}")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    """/dev/full and /dev/null cannot be made here; links to them are treated in the same way."""
    for name in ("null", "full"):
        (tmp_path / name).symlink_to(f"/dev/{name}")
    write(tmp_path / "null")
    with pytest.raises(ConfigError, match="full cannot be written: No space left on device"):
        write(tmp_path / "full")
    assert [path.readlink() for path in sorted(tmp_path.iterdir())] == [Path("/dev/full"), Path("/dev/null")]
    write(Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write(tmp_path / "pipe")
    reader.join(10)
    assert read == [b"content"]
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_is_written_through_as_a_shell_does(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write(tmp_path / "link")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert (tmp_path / "link").is_symlink()


def test_standard_output_can_be_named(trained_digits: Path) -> None:
    """It is a link to whatever the shell has connected."""
    command = [sys.executable, "-m", "seqtrain", "report", str(trained_digits), "output=/dev/stdout"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "* " in done.stdout
    assert done.returncode == 0
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.parametrize("target", ["/", ".", "", "x/", "/dev/null/x.html", "n" * 300])
def test_names_of_no_file(target: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^[^\n]*\n  page: [^\n]*$"), open_output(target, "page"):
        raise AssertionError


def test_a_link_where_the_page_goes_is_not_followed(trained_digits: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "mine").write_text("mine")
    page = trained_digits / "inspect.html"
    page.symlink_to(tmp_path / "mine")
    try:
        assert inspect.main([str(trained_digits), "examples=1"]) == 2
        assert f"run_dir: {page}: is a link to a place outside of" in capsys.readouterr().err
        assert (tmp_path / "mine").read_text() == "mine"
    finally:
        page.unlink()
