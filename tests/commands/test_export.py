from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from command_output import REFUSED, refused

from seqtrain.commands import export
from seqtrain.commands.export import main

needs_onnx = pytest.mark.skipif(find_spec("onnx") is None, reason="onnx is not installed")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def in_the_way(path: Path) -> str:
    what = "would be replaced, and it is not what an earlier export wrote; move it, or give another name"
    return f"output: {path} {what}"


@pytest.mark.parametrize("form", [pytest.param("onnx", marks=needs_onnx), "torch"])
def test_files_of_the_users_are_kept(form: str, trained_pos: Path, tmp_path: Path, capsys) -> None:
    model = "tagger.onnx" if form == "onnx" else "tagger.pt2"
    names = (model, "tagger.json", "tagger.py")
    for name in names:
        (tmp_path / name).write_text('{"mine": true}')
    before = contents(tmp_path)
    assert main([str(trained_pos), f"format={form}", f"output={tmp_path / model}"]) == 2
    assert capsys.readouterr() == (
        "",
        "seqtrain: the configuration was refused (3 problems); nothing was run or written.\n"
        + "".join(f"  {in_the_way(tmp_path / name)}\n" for name in names),
    )
    assert contents(tmp_path) == before


@needs_onnx
def test_an_earlier_export_is_replaced(trained_pos: Path, tmp_path: Path) -> None:
    arguments = [str(trained_pos), f"output={tmp_path / 'tagger.onnx'}"]
    assert main(arguments) == 0
    before = contents(tmp_path)
    last = f"checkpoint={trained_pos}/checkpoints/last.ckpt"
    assert main([*arguments, last]) == 0
    assert main(arguments) == 0
    assert contents(tmp_path) == before


@needs_onnx
@pytest.mark.parametrize("name", ["tagger.onnx", "tagger.json", "tagger.py"])
def test_what_was_changed_since_is_kept(name: str, trained_pos: Path, tmp_path: Path, capsys) -> None:
    arguments = [str(trained_pos), f"output={tmp_path / 'tagger.onnx'}"]
    assert main(arguments) == 0
    capsys.readouterr()
    changed = tmp_path / name
    if name == "tagger.json":
        changed.write_text("{}")
    else:
        changed.write_bytes(b"# mine\n" + changed.read_bytes())
    before = contents(tmp_path)
    assert f"  {in_the_way(changed)}\n" in refused(main, arguments, capsys)
    assert contents(tmp_path) == before


@needs_onnx
def test_folders_and_links_in_the_way(trained_pos: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "tagger.py").mkdir()
    (tmp_path / "tagger.json").symlink_to("elsewhere.json")
    err = refused(main, [str(trained_pos), f"output={tmp_path / 'tagger.onnx'}"], capsys)
    assert err.splitlines()[1:] == [
        f"  {in_the_way(tmp_path / 'tagger.json')}",
        f"  {in_the_way(tmp_path / 'tagger.py')}",
    ]
    assert not (tmp_path / "tagger.onnx").exists()


FORMS = [
    pytest.param("tagger.onnx", [], marks=needs_onnx),
    pytest.param("tagger.pt2", ["format=torch"], marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("model", "form"), FORMS)
def test_three_files(model: str, form: list[str], trained_pos: Path, tmp_path: Path, capsys) -> None:
    assert main([str(trained_pos), *form, f"output={tmp_path / model}"]) == 0
    files = [tmp_path / name for name in (model, "tagger.json", "tagger.py")]
    assert capsys.readouterr() == ("".join(f"{file}\n" for file in files), "")
    assert sorted(tmp_path.iterdir()) == sorted(files)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["output=a.pt"], "output: got 'a.pt', expected a file that ends in .onnx"),
        (["format=torch", "output=a.onnx"], "output: got 'a.onnx', expected a file that ends in .pt2"),
        (["output=nowhere/a.onnx"], "output: there is no folder nowhere; make it, or give another path"),
        (["format=torch", "quantize=int8"], "quantize: is for format=onnx; leave it out"),
        (["quantize=int4"], "quantize: got 'int4', expected one of int8"),
        (["format=keras"], "format: got 'keras', expected one of onnx, torch"),
    ],
)
def test_refusals(trained_pos: Path, arguments: list[str], problem: str, capsys) -> None:
    assert refused(main, [str(trained_pos), *arguments], capsys) == f"{REFUSED}{problem}\n"


def test_files_of_another_format_are_kept(trained_pos: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "a.onnx").touch()
    assert main([str(trained_pos), "format=torch", f"output={tmp_path / 'a.pt2'}"]) == 2
    problem = f"output: a.json and a.py belong to {tmp_path / 'a.onnx'}; give another name"
    assert capsys.readouterr() == ("", f"{REFUSED}{problem}\n")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.onnx"]


def test_without_onnx(trained_pos: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(export, "find_spec", lambda _: None)
    assert main([str(trained_pos), f"output={tmp_path / 'a.onnx'}"]) == 2
    problem = "format: onnx needs the package onnx: pip install 'seqtrain[onnx]'"
    assert capsys.readouterr() == ("", f"{REFUSED}{problem}\n")
    assert list(tmp_path.iterdir()) == []
