from __future__ import annotations

from pathlib import Path

import pytest
from composing import problems_of

from seqtrain.config import CONFIG_DIR, ConfigError, check_command_line, compose_config

GROUPS = sorted(folder.name for folder in CONFIG_DIR.iterdir() if folder.is_dir() and folder.name != "hydra")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder


# What a file goes with, where it is not the default task.
NEEDED_TASKS = {
    **{("data", name): "pos" for name in ("ud", "pos_sample", "tagged")},
    **{("head", name): "pos" for name in ("tags", "crf")},
    ("encoder", "words"): "pos",
    **{("data", "text"): "language_model", ("data", "texts"): "text"},
    **{("encoder", "tokens"): "language_model", ("head", "next_token"): "language_model"},
    **{("data", "waves"): "regression", ("head", "numbers"): "regression"},
    **{("data", "series"): "forecast", ("head", "forecast"): "forecast"},
}


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (group, path.stem)
        for group in GROUPS
        for path in (CONFIG_DIR / group).glob("*.yaml")
        if path.stem != "optuna"  # many runs, see test_sweep.py
    ],
)
def test_every_shipped_file_composes_and_passes(group: str, name: str) -> None:
    task = NEEDED_TASKS.get((group, name))
    needed = [] if task is None else [f"task={task}"]
    own = name in ("tagged", "arrays", "images", "steps", "tagging")
    needed += ["data.path=mine"] * own
    checked = check_command_line([f"{group}={name}", *needed])
    assert checked.composed.choices[group] == name


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
        ("a: 1\na: 2\n", "{file}:2: the key a appears twice"),
        ("a: 2\nb: !!timestamp 2020\n", "{file}:2: tags such as tag:yaml.org,2002:timestamp are not allowed"),
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


NOT_LOGGING = (
    "is not one of logging.StreamHandler, logging.FileHandler, logging.NullHandler, logging.Formatter, "
    "colorlog.ColoredFormatter; refused"
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "  callbacks:\n    x:\n      _target_: shutil.copyfile\n      src: a\n      dst: b\n",
            "hydra.callbacks.x._target_: shutil.copyfile is not part of Hydra or its plugins; refused",
        ),
        (
            "  job_logging:\n    handlers:\n      x:\n        (): shutil.copyfile\n        src: a\n",
            "hydra.job_logging.handlers.x.(): shutil.copyfile " + NOT_LOGGING,
        ),
        (
            "  hydra_logging:\n    handlers:\n      x:\n        class: shutil.copyfile\n",
            "hydra.hydra_logging.handlers.x.class: shutil.copyfile " + NOT_LOGGING,
        ),
        (
            "  job_logging:\n    handlers:\n      x:\n        class: logging.StreamHandler\n"
            "        stream: ext://this.that\n",
            "hydra.job_logging.handlers.x.stream: got 'ext://this.that', "
            "expected one of ext://sys.stdout, ext://sys.stderr",
        ),
        (
            "  job_logging:\n    handlers:\n      x:\n        class: logging.FileHandler\n"
            "        filename: /home/user/.profile\n",
            "hydra.job_logging.handlers.x.filename: got '/home/user/.profile', "
            "expected ${hydra.runtime.output_dir}/${hydra.job.name}.log",
        ),
        (
            "  job_logging:\n    handlers:\n      x:\n        class: logging.handlers.SocketHandler\n",
            "hydra.job_logging.handlers.x.class: logging.handlers.SocketHandler " + NOT_LOGGING,
        ),
        (
            "  callbacks:\n    x:\n      _target_: hydra.experimental.callbacks.PickleJobInfoCallback\n",
            "hydra.callbacks.x._target_: hydra.experimental.callbacks.PickleJobInfoCallback is not part of "
            "Hydra or its plugins; refused",
        ),
        (
            "  job:\n    env_set:\n      LD_PRELOAD: theirs.so\n",
            "hydra.job.env_set.LD_PRELOAD: not set here; set environment variables in your shell",
        ),
        ("  job:\n    name: ../x\n", "hydra.job.name: got '../x', expected a name without /"),
    ],
)
def test_a_folder_from_somebody_else_has_hydra_run_nothing(tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path, "experiment/theirs.yaml", f"# @package _global_\nhydra:\n{text}")
    assert problems_of("experiment=theirs", folder=tmp_path) == (problem,)
    with pytest.raises(ConfigError) as refusal:
        check_command_line([f"--config-dir={tmp_path}", "experiment=theirs"])
    assert refusal.value.problems == (problem,)


def test_a_sweeper_from_somebody_else(tmp_path: Path) -> None:
    write(tmp_path, "hydra/sweeper/theirs.yaml", "_target_: shutil.copyfile\nsrc: a\ndst: b\n")
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\._target_: shutil\.copyfile is not part of Hydra"):
        check_command_line(["-m", f"--config-dir={tmp_path}", "hydra/sweeper=theirs", "model=rnn,lstm"])


def test_what_hydra_brings_and_the_users_own_plugins_are_built(tmp_path: Path) -> None:
    compose_config(["hydra/job_logging=default", "hydra/hydra_logging=default"])
    text = "# @package _global_\nhydra:\n  callbacks:\n    x:\n      _target_: json.JSONDecoder\n"
    write(tmp_path, "experiment/theirs.yaml", text)
    compose_config(["experiment=theirs", "plugins=[json]"], config_dirs=[tmp_path])
