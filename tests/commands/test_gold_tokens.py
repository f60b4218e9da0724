"""The tags that predict writes into a treebank are as accurate as the metrics of the run say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqtrain.commands.predict import main


def read_tags(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[3] for line in lines if line[:1].isdigit()]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_accuracy_on_gold_tokens(trained_pos: Path, treebank: Path, tmp_path: Path, split: str) -> None:
    gold, tagged = treebank / f"made_up-ud-{split}.conllu", tmp_path / "tagged.conllu"
    assert main([str(trained_pos), f"input={gold}", f"output={tagged}", "format=conllu"]) == 0
    pairs = list(zip(read_tags(gold), read_tags(tagged), strict=True))
    accuracy = sum(wanted == found for wanted, found in pairs) / len(pairs)
    metrics = json.loads((trained_pos / "metrics.json").read_text())
    assert metrics["val/accuracy" if split == "dev" else "test/accuracy"] == pytest.approx(accuracy, abs=1e-6)
