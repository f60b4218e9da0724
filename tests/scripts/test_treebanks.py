"""The table over treebanks: which are trained on, and what it says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import treebanks as script

SENTENCE = "1\tIt\t_\tPRON\t_\t_\t0\t_\t_\t_\n2\truns\t_\tVERB\t_\t_\t1\t_\t_\t_\n\n"


def a_row(accuracy: float, words: int = 100, unseen: float | None = 0.5, dev: bool = True) -> script.Row:
    metrics = {"test/accuracy": accuracy, "val/accuracy": 0.75, "epochs": 12, "parameters": 9}
    return {
        "words": {"train": words, "test": 20} | ({"dev": 10} if dev else {}),
        "test_sha256": "0123456789abcdef",
        "metrics": metrics | ({} if unseen is None else {"test/accuracy_unseen": unseen}),
        "environment": {"processor": "A CPU", "device": "cpu with 1 thread of 2", "torch": "2.13.0"},
    }


def rows_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ") and "`0123" in line]


class TestPage:
    def test_a_row_beside_the_published_figure_by_size(self) -> None:
        text = script.page({"Tamil-TTB": a_row(0.875, 2000), "Marathi-UFAL": a_row(0.757, 1000)})
        assert rows_of(text) == [
            "| Marathi-UFAL | 1,000 | 75.7 | 77.7 | 50.0 | 75.0 | 12 | `01234567` |",
            "| Tamil-TTB | 2,000 | 87.5 | 85.7 | 50.0 | 75.0 | 12 | `01234567` |",
        ]
        # 87.5 - 85.7 = 1.8 and 75.7 - 77.7 = -2.0, so -0.1 on average
        assert "Above UDPipe 1.2 on 1 of 2 treebanks, by -0.1 points on average over all." in text
        assert text.endswith("Trained on A CPU, cpu with 1 thread of 2, torch 2.13.0.\n")

    def test_what_is_not_known_is_empty(self) -> None:
        text = script.page({"Own-Treebank": a_row(0.5, unseen=None, dev=False)})
        assert rows_of(text) == ["| Own-Treebank | 100 | 50.0 |  |  | a tenth of train | 12 | `01234567` |"]
        assert "None of these has a published figure." in text


class TestMain:
    @pytest.fixture(autouse=True)
    def pages(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(script, "KEPT", tmp_path / "treebanks.json")
        monkeypatch.setattr(script, "PAGE", tmp_path / "treebanks.md")

    @pytest.fixture
    def treebanks(self, tmp_path: Path) -> Path:
        """One treebank, a run that finished on it, and a folder that is none."""
        folder = tmp_path / "ud" / "UD_Tamil-TTB"
        folder.mkdir(parents=True)
        for split, times in [("train", 3), ("dev", 2), ("test", 1)]:
            (folder / f"ta_ttb-ud-{split}.conllu").write_text(SENTENCE * times)
        (tmp_path / "ud" / "not-one").mkdir()
        run = tmp_path / "runs" / "Tamil-TTB"
        run.mkdir(parents=True)
        row = a_row(0.875)
        (run / "metrics.json").write_text(json.dumps(row["metrics"] | {"test/loss": 0.1}))
        (run / "environment.json").write_text(json.dumps(row["environment"]))
        return tmp_path / "ud"

    def test_a_finished_run_is_kept_and_a_folder_without_a_treebank_left_out(
        self, treebanks: Path, tmp_path: Path, capsys
    ) -> None:
        script.main([str(treebanks), "--runs", str(tmp_path / "runs")])
        kept = json.loads(script.KEPT.read_text())
        assert kept["Tamil-TTB"]["words"] == {"train": 6, "dev": 4, "test": 2}
        assert kept["Tamil-TTB"]["metrics"] == a_row(0.875)["metrics"]
        assert kept["Tamil-TTB"]["test_sha256"] == hashlib.sha256(SENTENCE.encode()).hexdigest()
        assert script.PAGE.read_text() == script.page(kept)
        said = capsys.readouterr().out.splitlines()
        assert said[0] == "Tamil-TTB: 87.5"
        assert said[1].startswith(f"not-one: left out: {treebanks / 'not-one'}: no file *train.conllu here")

    def test_a_training_that_fails_keeps_nothing(self, treebanks: Path, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setattr(script, "OVERRIDES", ("task=nonsense",))
        script.main([str(treebanks), "--runs", str(tmp_path / "elsewhere")])
        assert not script.KEPT.exists()


def test_the_page_is_that_of_the_kept_results() -> None:
    kept = json.loads((script.ROOT / "docs" / "treebanks.json").read_text(encoding="utf-8"))
    assert (script.ROOT / "docs" / "treebanks.md").read_text(encoding="utf-8") == script.page(kept)
