from __future__ import annotations

import time
from pathlib import Path

import pytest

from seqtrain.runs.folder import RunFolder
from seqtrain.sweeps.progress import Progress, describe_seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (150, "2 min"), (5999, "100 min"), (7200, "2.0 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert describe_seconds(seconds) == text


def test_a_line_a_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = {name: str(tmp_path / name) for name in "abcd"}
    progress = Progress(folders, started_at=time.time() - 10, num_done_before=1)
    for name in "a":
        finish(tmp_path / name)
    progress.announce("b")
    finish(tmp_path / "b")
    progress.announce("c")  # one job in 10 seconds; two are left
    progress.report_failure("c", RunFolder(tmp_path / "c"), ValueError("first\nlast line"))
    assert capsys.readouterr().err.splitlines() == [
        "2 of 4  b",
        "3 of 4  c  about 20 s left",
        f"c failed: last line (see {tmp_path}/c/job.log)",
    ]


def finish(folder: Path) -> None:
    folder.mkdir()
    (folder / "metrics.json").write_text("{}")
