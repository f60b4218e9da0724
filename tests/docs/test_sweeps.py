"""The commands of docs/sweeps.md run one after the other, as they stand there."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from command_output import run_in_shell

PAGE = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text(encoding="utf-8")
FILES = re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
# The word in a command that needs an extra, and a package that comes with it.
EXTRAS = {
    "search": ("search=", "optuna"),
    "joblib": ("launcher=joblib", "hydra_plugins.hydra_joblib_launcher"),
    "submitit": ("launcher=submitit_local", "hydra_plugins.hydra_submitit_launcher"),
    "ray": ("launcher=ray", "ray"),
}
NOT_RUN = ("pip install", "launcher=submitit_slurm")  # the latter needs a cluster


def commands() -> list[str]:
    """The indented lines that a user would type."""
    page = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL).replace("\\\n", "")
    lines = re.findall(r"^    (\S.*)$", page, re.MULTILINE)
    return [re.sub(r"\s+", " ", line) for line in lines if re.match(r"seqtrain|torchrun|pip ", line)]


def extra_of(command: str) -> str:
    return next((extra for extra, (word, _) in EXTRAS.items() if word in command), "")


def is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    for name, text in FILES:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_page_has_commands_of_every_kind() -> None:
    words = [word for word, _ in EXTRAS.values()]
    for word in ("check_data", "-m model=", "report plot=", "trainer=ddp", "torchrun", *words, *NOT_RUN):
        assert any(word in command for command in commands()), word
    assert [name for name, _ in FILES] == ["my_configs/search/mine.yaml"]


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_the_commands_run(extra: str, folder: Path) -> None:
    if extra and not is_installed(EXTRAS[extra][1]):
        pytest.skip(f"{EXTRAS[extra][1]} is not installed: pip install seqtrain[{extra}]")
    for command in commands():
        if extra_of(command) == extra and not any(word in command for word in NOT_RUN):
            run(command, folder)


def run(command: str, folder: Path) -> None:
    """Run a command; what it names, it writes."""
    before = {path.name for path in folder.iterdir()}
    done = run_in_shell(command, folder)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert "Traceback" not in done.stderr, f"{command}\n{done.stderr}"
    written = {path.name for path in folder.iterdir()} - before - {"runs"}
    assert written == set(re.findall(r"(?:page|output|plot|curves)=(\S+)", command)), command
