"""Classes of texts, from the command line and from Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import seqtrain
from seqtrain.__main__ import main
from seqtrain.config import ConfigError, compose_config
from seqtrain.errors import DataError
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train

SETTINGS = {
    "word": ["encoder.character_hidden_size=0", "head.pooling=attention", "head.class_weights=balanced"],
    "character": ["data.unit=character", "encoder=tokens"],
}
TEXTS = ["Play a waltz.", "Will it rain tomorrow?"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Trains on the sample, by words or by characters, until it is mostly right."""
    folder = tmp_path_factory.mktemp("text")

    @cache
    def run(unit: str) -> Path:
        run_dir = folder / unit
        overrides = ["task=text", "data.min_steps=0", "data.epochs=9", "model.hidden_size=24"]
        overrides += [f"run_dir={run_dir}", "optimizer.lr=0.02", "callbacks=minimal", "logger=none"]
        metrics = train(compose_config([*overrides, *SETTINGS[unit]]), RunFolder(run_dir))
        assert metrics["test/accuracy"] > 0.5
        assert metrics["test/macro_f1"] > 0.5
        return run_dir

    return run


@pytest.mark.parametrize("unit", SETTINGS)
def test_a_text_is_one_sequence_however_many_sentences_it_has(trained, unit: str, capsys) -> None:
    run_dir = trained(unit)
    capsys.readouterr()
    assert main(["predict", str(run_dir), f"text={' '.join(TEXTS)}", "format=json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["input"] == " ".join(TEXTS)


@pytest.mark.parametrize("unit", SETTINGS)
def test_each_line_is_a_text(trained, unit: str, stdin, capsys) -> None:
    run_dir = trained(unit)
    stdin("\n\n".join(TEXTS).encode())
    capsys.readouterr()
    assert main(["predict", str(run_dir), "format=tsv"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    found = seqtrain.load(run_dir).classify(TEXTS)
    assert [row[:2] for row in rows] == [[text, each.label] for text, each in zip(TEXTS, found, strict=True)]


def test_the_weights_of_attention_are_shown(trained, capsys) -> None:
    run_dir = trained("word")
    capsys.readouterr()
    assert main(["predict", str(run_dir), f"text={TEXTS[0]}", "format=json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["steps"] == ["Play", "a", "waltz", "."]
    assert len(answer["weights"]) == 4
    assert sum(answer["weights"]) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("unit", SETTINGS)
def test_evaluate_and_inspect(trained, unit: str, tmp_path: Path) -> None:
    run_dir = trained(unit)
    assert main(["evaluate", str(run_dir)]) == 0
    assert main(["inspect", str(run_dir), f"output={tmp_path}/page.html"]) == 0


@pytest.mark.parametrize("unit", SETTINGS)
def test_inspect_shows_what_each_step_weighs(trained, unit: str, tmp_path: Path) -> None:
    """Of attention its weights, of the maximum how many units are largest there."""
    pictures = f"output={tmp_path}/pictures/"
    assert main(["inspect", str(trained(unit)), f"text={TEXTS[0]}", "examples=0", pictures]) == 0
    (example,) = json.loads((tmp_path / "pictures" / "examples.json").read_text())
    assert len(example["weights"]) == len(example["words"])
    assert sum(example["weights"]) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("unit", SETTINGS)
def test_an_exported_model_gives_the_same_answer(trained, unit: str, tmp_path: Path, capsys) -> None:
    pytest.importorskip("onnxruntime")
    run_dir, file = trained(unit), tmp_path / "model.onnx"
    assert main(["export", str(run_dir), f"output={file}"]) == 0
    answers = []
    for model in (str(run_dir), f"model={file}"):
        capsys.readouterr()
        assert main(["predict", model, f"text={TEXTS[1]}", "format=json"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0]["label"] == answers[1]["label"]
    assert answers[0]["confidence"] == pytest.approx(answers[1]["confidence"], abs=0.001)
    words = [TEXTS[1]] if unit == "character" else ["Will", "it", "rain", "tomorrow", "?"]
    assert run_script(file.with_suffix(".py"), *words) == [answers[0]["label"]]


@pytest.mark.slow
@pytest.mark.parametrize("unit", SETTINGS)
def test_a_program_of_torch_gives_the_same_class(trained, unit: str, tmp_path: Path) -> None:
    file = tmp_path / "model.pt2"
    assert main(["export", str(trained(unit)), "format=torch", f"output={file}"]) == 0
    words = [TEXTS[1]] if unit == "character" else ["Will", "it", "rain", "tomorrow", "?"]
    (answer,) = seqtrain.load(trained(unit)).classify(TEXTS[1])
    assert run_script(file.with_suffix(".py"), *words) == [answer.label]


def run_script(script: Path, *arguments: str) -> list[str]:
    """What a script prints."""
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, check=True, cwd=script.parent
    )
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize(
    ("texts", "problem"),
    [(["a", " "], "texts[1]: got ' '; expected a text that is not empty"), (3, "texts: got int; expected")],
)
def test_what_is_no_text_is_refused(trained, texts: object, problem: str) -> None:
    with pytest.raises(DataError) as refused:
        seqtrain.load(trained("word")).classify(texts)
    assert problem in str(refused.value)


def test_words_and_characters_need_their_encoders() -> None:
    with pytest.raises(ConfigError, match=r"encoder: data.unit=character needs encoder=tokens"):
        compose_config(["task=text", "data.unit=character"])
    with pytest.raises(ConfigError, match=r"encoder: data.unit=word needs encoder=words"):
        compose_config(["task=text", "encoder=tokens"])


def test_weights_of_a_class_that_there_is_not(tmp_path: Path, capsys) -> None:
    overrides = ["task=text", "+head.class_weights={spam: 3}", f"run_dir={tmp_path}/run"]
    assert main(overrides) == 2
    assert "head.class_weights: there is no class 'spam'; there are alarm, call" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("unit", "problem"),
    [
        ("word", "texts[0]: has a word of 70,000 letters; expected at most 4,096"),
        ("character", "texts[0]: has 70,000 characters; expected at most 65,536"),
    ],
)
def test_what_is_too_long_is_refused(trained, unit: str, problem: str) -> None:
    with pytest.raises(DataError) as refused:
        seqtrain.load(trained(unit)).classify("a" * 70_000)
    assert str(refused.value) == problem
