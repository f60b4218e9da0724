from __future__ import annotations

import json
import re
import runpy
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from unittest.mock import Mock

import pytest

import seqtrain
from seqtrain.__main__ import COMMANDS, main
from seqtrain.recurrence.engines.kernel import describe_kernel

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command(flag: str, capsys) -> None:
    assert main([flag]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 110
    listed = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in lines if re.match(r"  \w", line))
    assert listed == COMMANDS


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"train"}))
def test_every_command_has_help(name: str, capsys) -> None:
    assert main([name, "--help"]) == 0
    assert capsys.readouterr() == (import_module(f"seqtrain.commands.{name}").USAGE, "")
    assert f"seqtrain {name} " in import_module(f"seqtrain.commands.{name}").USAGE


@pytest.mark.parametrize("name", ["evaluate", "predict"])
def test_a_command_is_a_module_too(name: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"seqtrain.{name}", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out == import_module(f"seqtrain.commands.{name}").USAGE


def test_every_module_of_the_commands_is_listed() -> None:
    shared = {"__init__", "interface"}
    modules = {path.stem for path in (ROOT / "seqtrain" / "commands").glob("*.py")} - shared
    commands = {name for name in modules if hasattr(import_module(f"seqtrain.commands.{name}"), "main")}
    assert commands == set(COMMANDS)


@pytest.mark.parametrize(
    ("word", "hint"), [("evalute", "did you mean evaluate?"), ("zzz", f"there are {', '.join(COMMANDS)}")]
)
def test_no_such_command(word: str, hint: str, capsys) -> None:
    assert main([word, "run_dir=x"]) == 2
    assert capsys.readouterr() == ("", f"seqtrain: {word}: no such command; {hint}\n")


def test_without_a_command_it_trains(capsys) -> None:
    for command in ([], ["train"]):
        assert main([*command, "model=bilsm"]) == 2
        assert "model: got 'bilsm'" in capsys.readouterr().err


def test_version(capsys) -> None:
    assert main(["--version"]) == 0
    kernel = f"kernel of the recurrence: {describe_kernel()}"
    assert capsys.readouterr().out == f"{seqtrain.__version__}\n{kernel}\n"


def test_the_version_is_the_one_that_the_changelog_heads() -> None:
    pages = ("CHANGELOG.md", "CITATION.cff")
    changelog, citation = ((ROOT / name).read_text(encoding="utf-8") for name in pages)
    version, date = re.findall(r"^## (\S+) - (\S+)$", changelog, re.MULTILINE)[0]
    assert seqtrain.__version__ == version
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [version]
    released = [] if date == "unreleased" else [date]
    assert re.findall(r"^date-released: (.*)$", citation, re.MULTILINE) == released


def test_interrupted_while_importing(monkeypatch, capsys) -> None:
    monkeypatch.setattr("seqtrain.__main__.import_module", Mock(side_effect=KeyboardInterrupt))
    assert main(["predict"]) == 130
    assert capsys.readouterr() == ("", "Interrupted.\n")


def test_after_the_end_of_a_command_ctrl_c_ends_the_process_without_a_traceback() -> None:
    program = (
        "import atexit, os, signal, sys\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "sys.argv = ['seqtrain', '--version']\n"
        "from seqtrain.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_the_console_script_is_the_module() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.scripts]\nseqtrain = "seqtrain.__main__:main"\n' in project


def test_importing_the_package_imports_little() -> None:
    program = (
        "import sys; before = set(sys.modules); import seqtrain, json; seqtrain.__version__;"
        "print(json.dumps(sorted({name.split('.')[0] for name in set(sys.modules) - before})))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    outside = {name for name in json.loads(done.stdout) if name not in sys.stdlib_module_names}
    assert outside == {"seqtrain", "lazy_loader"}


def test_plugins_are_found_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `python -m seqtrain`: the console script has its own folder on the path instead."""
    monkeypatch.chdir(tmp_path)
    elsewhere = [each for each in sys.path if each not in ("", str(tmp_path))]
    monkeypatch.setattr(sys, "path", [*elsewhere])
    seen: list[list[str]] = []
    monkeypatch.setattr("seqtrain.commands.evaluate.main", lambda _: seen.append(list(sys.path)) or 0)
    assert main(["evaluate", "run_dir=none"]) == 0
    assert main(["evaluate", "run_dir=none", "plugins=[mine]"]) == 0
    assert seen == [elsewhere, [*elsewhere, str(tmp_path)]]
    assert sys.path == elsewhere
