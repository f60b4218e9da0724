"""A chunk tagger from a file of two columns: trained, exported, and run with onnxruntime alone."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import small_overrides

from seqtrain.commands.evaluate import main as evaluate
from seqtrain.commands.export import main as export
from seqtrain.commands.predict import main as predict
from seqtrain.config import compose_config
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SENTENCE = ["The", "old", "wug", "saw", "a", "light"]


def write_chunks(path: Path) -> None:
    """Sentences of a noun phrase, a verb and another noun phrase."""
    draw = random.Random(0)
    sentences = []
    for _ in range(120):
        words = []
        for place in range(2):
            phrase = [draw.choice(["the", "a"]), *draw.choices(["old", "red"], k=draw.randint(0, 2)), "light"]
            words += [f"{word} {'I' if number else 'B'}-NP" for number, word in enumerate(phrase)]
            words += ["saw B-VP"] if place == 0 else []
        sentences.append("\n".join(words))
    path.write_text("\n\n".join(sentences) + "\n")


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chunks")
    write_chunks(folder / "chunks.txt")
    small = [each for each in small_overrides("pos", folder) if not each.startswith(("task=", "data."))]
    overrides = [
        "task=tagging",
        f"data.path={folder / 'chunks.txt'}",
        "head=crf",
        "model=bilstm",
        "logger=none",
    ]
    cfg = compose_config(
        [*small, *overrides, "trainer.max_epochs=8", "optimizer.lr=0.03", f"run_dir={folder}/run"]
    )
    train(cfg, RunFolder(folder / "run"))
    return folder / "run"


def test_the_exported_tagger_gives_the_same_tags(tagger: Path, tmp_path: Path, capsys) -> None:
    assert export([str(tagger), f"output={tmp_path / 'tagger.onnx'}"]) == 0
    capsys.readouterr()
    answers = []
    for model in (f"run_dir={tagger}", f"model={tmp_path / 'tagger.onnx'}"):
        assert predict([model, f"text={' '.join(SENTENCE)}", "format=json"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    wanted = answers[0]["tags"]
    assert wanted == ["B-NP", "I-NP", "I-NP", "B-VP", "B-NP", "I-NP"]
    assert answers[1]["tags"] == wanted

    (tmp_path / "seqtrain.py").write_text("raise ImportError('not here')")
    (tmp_path / "torch.py").write_text("raise ImportError('not here')")
    command = [sys.executable, str(tmp_path / "tagger.py"), *SENTENCE]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines() == [f"{a}\t{b}" for a, b in zip(SENTENCE, wanted, strict=True)]


def test_its_metrics_are_those_of_the_run(tagger: Path, capsys) -> None:
    metrics = json.loads((tagger / "metrics.json").read_text())
    assert evaluate([str(tagger)]) == 0
    assert f"{metrics['test/accuracy']:.4f}" in capsys.readouterr().out
