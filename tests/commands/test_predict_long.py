"""Predictions for input of any length: memory, order, and the file that they are written to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seqtrain.commands import predict
from seqtrain.commands.reading_text import CHUNK

ROOT = Path(__file__).parents[2]
MEASURE = """\
import sys
from seqtrain.commands.predict import main
assert main(sys.argv[1:]) == 0
with open("/proc/self/status") as status:
    print(*(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


def peak_memory(run_dir: Path, source: Path, output: Path) -> int:
    """The most KiB that a prediction has held (Linux)."""
    arguments = [str(run_dir), f"input={source}", f"output={output}", "format=json"]
    command = [sys.executable, "-c", MEASURE, *arguments]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=ROOT)
    return int(done.stdout)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(trained_pos: Path, tmp_path: Path) -> None:
    peaks = []
    for size in (3 * CHUNK, 30 * CHUNK):
        source, output = tmp_path / f"{size}.txt", tmp_path / f"{size}.json"
        source.write_text("".join(f"the dog will run {number} .\n" for number in range(size)))
        peaks.append(peak_memory(trained_pos, source, output))
        with output.open() as lines:
            assert [json.loads(line)["tokens"][4] for line in lines] == list(map(str, range(size)))
    assert peaks[1] - peaks[0] < 10_000, f"{peaks} KiB; the longer answer alone has 5,000"


def test_a_file_grows_as_the_answer_comes_and_is_renamed_at_its_end(
    trained_pos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.json"
    source.write_text("the dog .\n" * (2 * CHUNK))
    seen = []

    def watched(*arguments: object) -> object:
        for number, part in enumerate(original(*arguments)):
            if number == 2 * CHUNK - 1:  # before the last sentence
                seen.append((output.exists(), (tmp_path / "out.json.partial").stat().st_size > 0))
            yield part

    original = predict._show
    monkeypatch.setattr(predict, "_show", watched)
    assert predict.main([str(trained_pos), f"input={source}", f"output={output}", "format=json"]) == 0
    assert seen == [(False, True)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.json"]
