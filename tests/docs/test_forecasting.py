"""What docs/forecasting.md says works as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from seqtrain.__main__ import main
from seqtrain.config import compose_config
from seqtrain.data import read_series
from seqtrain.shipped import shipped_folder

PAGE = (Path(__file__).parents[2] / "docs" / "forecasting.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line.partition("#")[0])
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
SUITED = re.findall(r"`((?:data\.\w+=\d+ ?)+)`", PAGE)
SHORT = ["trainer.max_epochs=1", "model.hidden_size=8"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    sample = shipped_folder("samples", "data/samples") / "series" / "hourly.csv"
    (tmp_path / "my_series.csv").write_text(sample.read_text(encoding="utf-8"), encoding="utf-8")
    return "my_series.csv"


@pytest.mark.slow
@pytest.mark.usefixtures("file")
def test_the_commands_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    for program, *arguments in COMMANDS:
        assert program == "seqtrain"
        if "experiment=etth1" in arguments:  # its data is not there
            compose_config(arguments)
            continue
        trains = "=" in arguments[0]
        assert main([*arguments, *(SHORT if trains else [])]) == 0, arguments
    forecast = read_series(Path("next.csv"))
    assert len(forecast) == 96
    assert capsys.readouterr().out


@pytest.mark.parametrize("settings", SUITED)
def test_what_suits_other_rows(file: str, settings: str) -> None:
    sizes = settings.split()
    assert len(sizes) == 4
    assert main(["task=forecast", f"data.path={file}", *sizes, *SHORT, "trainer.limit_train_batches=2"]) == 0


def test_the_table_of_keys_has_their_defaults() -> None:
    data = compose_config(["task=forecast"])["data"]
    rows = re.findall(r"^\| `data\.(\w+)` \| ([^|]*) \|", PAGE, re.MULTILINE)
    assert len(rows) == 8
    for key, value in rows:
        found = data[key]
        assert str(found if isinstance(found, list) else str(found).lower()) == value, key
