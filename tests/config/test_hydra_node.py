from pathlib import Path

import pytest

from seqtrain.config import ConfigError, check_command_line, compose_config

NOT_LOGGING = (
    "is not one of logging.StreamHandler, logging.FileHandler, logging.NullHandler, logging.Formatter, "
    "colorlog.ColoredFormatter; refused"
)


def write(folder: Path, text: str) -> str:
    (folder / "experiment").mkdir()
    (folder / "experiment" / "theirs.yaml").write_text(f"# @package _global_\nhydra:\n{text}")
    return "experiment=theirs"


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
    override = write(tmp_path, text)
    with pytest.raises(ConfigError) as refusal:
        compose_config([override], config_dirs=[tmp_path])
    assert refusal.value.problems == (problem,)
    with pytest.raises(ConfigError) as refusal:
        check_command_line([f"--config-dir={tmp_path}", override])
    assert refusal.value.problems == (problem,)


def test_a_sweeper_from_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "hydra" / "sweeper").mkdir(parents=True)
    (tmp_path / "hydra" / "sweeper" / "theirs.yaml").write_text("_target_: shutil.copyfile\nsrc: a\ndst: b\n")
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\._target_: shutil\.copyfile is not part of Hydra"):
        check_command_line(["-m", f"--config-dir={tmp_path}", "hydra/sweeper=theirs", "model=rnn,lstm"])


def test_what_hydra_brings_and_the_users_own_plugins_are_built(tmp_path: Path) -> None:
    compose_config(["hydra/job_logging=default", "hydra/hydra_logging=default"])
    override = write(tmp_path, "  callbacks:\n    x:\n      _target_: json.JSONDecoder\n")
    compose_config([override, "plugins=[json]"], config_dirs=[tmp_path])
