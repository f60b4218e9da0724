from pathlib import Path

import pytest
from composing import problems_of

from seqtrain.config import CONFIG_DIR, compose_config

GROUPS = sorted(folder.name for folder in CONFIG_DIR.iterdir() if folder.is_dir() and folder.name != "hydra")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (group, path.stem)
        for group in GROUPS
        for path in (CONFIG_DIR / group).glob("*.yaml")
        if path.stem != "optuna"  # many runs, see test_search.py
    ],
)
def test_every_shipped_file_composes_and_passes(group: str, name: str) -> None:
    words = name in ("ud", "pos_sample", "tagged", "words", "tags", "crf")
    own = name in ("tagged", "arrays", "images", "steps", "tagging")
    needed = ["task=pos"] * words + ["data.path=mine"] * own
    cfg = compose_config([f"{group}={name}", *needed], return_hydra_config=True)
    assert cfg.hydra.runtime.choices[group] == name


def test_unknown_keys_in_a_users_file(tmp_path: Path) -> None:
    write(tmp_path, "model/mine.yaml", "_target_: torch.nn.LSTM\nhidden_size: 3\nnum_layer: 2\n")
    write(tmp_path, "experiment/mine.yaml", "# @package _global_\nseeed: 3\ntrainer:\n  max_epoch: 3\n")
    assert problems_of("model=mine", "experiment=mine", folder=tmp_path) == (
        "seeed: no such key or group; did you mean seed?",
        "model.num_layer: no such key in torch.nn.LSTM; did you mean model.num_layers?",
        "trainer.max_epoch: no such key in pytorch_lightning.Trainer; did you mean trainer.max_epochs?",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hidden_size: [3\n", "{file}: line 2, column 1: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\na: 2\n", "{file}: line 2, column 1: found duplicate key a"),
        (
            "_target_: torch.nn.LSTM\nhidden_size: ???\n",
            "model.hidden_size: has no value yet (???); give it one with model.hidden_size=VALUE",
        ),
        (
            "_target_: torch.nn.LSTM\nhidden_size: ${model.size}\n",
            "model.hidden_size: ${model.size} names a key that does not exist",
        ),
        ("- 1\n", "model: got [1], expected a mapping"),
        (
            "defaults:\n  - lstmm\n",
            "In 'model/mine': Could not load 'model/lstmm'.",
        ),
    ],
)
def test_broken_files_of_a_user(tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path, "model/mine.yaml", text)
    file = tmp_path / "model" / "mine.yaml"
    assert problems_of("model=mine", folder=tmp_path) == (problem.replace("{file}", str(file)),)


def test_unknown_choice_in_a_users_file(tmp_path: Path) -> None:
    write(tmp_path, "experiment/mine.yaml", "# @package _global_\ndefaults:\n  - override /model: bilsm\n")
    assert problems_of("experiment=mine", folder=tmp_path) == (
        "model: got 'bilsm', expected one of bilstm, gru, lstm, rnn; did you mean bilstm?",
    )


def test_users_files_join_the_groups(tmp_path: Path) -> None:
    folder = write(tmp_path, "model/small.yaml", "defaults:\n  - bilstm\nhidden_size: 3\n")
    assert compose_config(["model=small"], [folder]).model.hidden_size == 3
    assert problems_of("model=smal", folder=folder) == (
        "model: got 'smal', expected one of bilstm, gru, lstm, rnn, small; did you mean small?",
    )


def test_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert problems_of(folder=tmp_path / "no") == (f"--config-dir: there is no folder {tmp_path / 'no'}",)
