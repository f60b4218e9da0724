from __future__ import annotations

import json
import logging
import re
import warnings
from pathlib import Path

import pytest
from filelock import FileLock
from omegaconf import DictConfig, OmegaConf

from seqtrain.config import ConfigError
from seqtrain.runs.folder import RunFolder, choose_run_folder, resolved
from seqtrain.runs.logs import logged


@pytest.fixture
def cfg(tmp_path: Path) -> DictConfig:
    run_dir = tmp_path / "runs" / "digits" / "lstm" / "2024-01-01_00-00-00"
    return OmegaConf.create(
        {"run_dir": str(run_dir), "checkpoint": None, "seed": 0, "model": {"hidden_size": 4}, "logger": None}
    )


def begin(cfg: DictConfig, name: str, **changed: object) -> RunFolder:
    """A folder in which a run of this configuration was interrupted."""
    folder = RunFolder(Path(cfg.run_dir).with_name(name))
    folder.make()
    own = cfg.copy()
    own.run_dir = str(folder.path)
    for key, value in changed.items():
        own[key] = value
    folder.write_config(own)
    return folder


class TestChoice:
    def test_a_first_run_gets_the_folder_of_its_configuration(self, cfg: DictConfig) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        assert folder.path == Path(cfg.run_dir)
        assert folder.path.is_dir()

    def test_two_runs_of_one_second_get_two_folders(self, cfg: DictConfig) -> None:
        folders = [choose_run_folder(cfg, is_given=False).path for _ in range(3)]
        assert [each.name for each in folders] == [f"2024-01-01_00-00-00{end}" for end in ("", "_2", "_3")]

    def test_an_unfinished_run_goes_on(self, cfg: DictConfig) -> None:
        unfinished = begin(cfg, "2023-01-01_00-00-00")
        assert choose_run_folder(cfg, is_given=False).path == unfinished.path
        assert not Path(cfg.run_dir).exists()

    def test_the_latest_of_several_goes_on(self, cfg: DictConfig) -> None:
        begin(cfg, "2023-01-01_00-00-00")
        latest = begin(cfg, "2023-02-01_00-00-00")
        begin(cfg, "2023-03-01_00-00-00", seed=1)
        assert choose_run_folder(cfg, is_given=False).path == latest.path

    def test_a_finished_run_stays_alone(self, cfg: DictConfig) -> None:
        begin(cfg, "2023-01-01_00-00-00").write_metrics({"val/accuracy": 1.0})
        assert choose_run_folder(cfg, is_given=False).path == Path(cfg.run_dir)

    @pytest.mark.parametrize(
        "changed", [{"seed": 1}, {"model": {"hidden_size": 5}}, {"logger": {}}, {"more": 1}]
    )
    def test_a_run_of_another_configuration_stays_alone(self, cfg: DictConfig, changed) -> None:
        begin(cfg, "2023-01-01_00-00-00", **changed)
        assert choose_run_folder(cfg, is_given=False).path == Path(cfg.run_dir)

    def test_a_run_that_runs_now_stays_alone(self, cfg: DictConfig) -> None:
        other = begin(cfg, "2023-01-01_00-00-00")
        with other.held():
            assert choose_run_folder(cfg, is_given=False).path == Path(cfg.run_dir)
        assert choose_run_folder(cfg, is_given=False).path == other.path

    def test_a_run_that_starts_from_a_checkpoint_is_a_new_one(self, cfg: DictConfig) -> None:
        begin(cfg, "2023-01-01_00-00-00")
        cfg.checkpoint = "somewhere.ckpt"
        assert choose_run_folder(cfg, is_given=False).path == Path(cfg.run_dir)

    def test_what_is_no_folder_cannot_hold_one(self, cfg: DictConfig, tmp_path: Path) -> None:
        (tmp_path / "runs").write_text("")
        message = rf"run_dir: {cfg.run_dir} cannot be made: (File exists|Not a directory)"
        with pytest.raises(ConfigError, match=message):
            choose_run_folder(cfg, is_given=False)


class TestGivenFolder:
    def refusal(self, cfg: DictConfig) -> str:
        with pytest.raises(ConfigError) as caught:
            choose_run_folder(cfg, is_given=True)
        lines = str(caught.value).splitlines()
        assert len(lines) == 2
        return lines[1].strip().replace(str(cfg.run_dir), "DIR")

    def test_a_new_one_is_not_made_before_all_is_checked(self, cfg: DictConfig) -> None:
        assert choose_run_folder(cfg, is_given=True).path == Path(cfg.run_dir)
        assert not Path(cfg.run_dir).exists()

    def test_an_empty_one_will_do(self, cfg: DictConfig) -> None:
        Path(cfg.run_dir).mkdir(parents=True)
        assert choose_run_folder(cfg, is_given=True).path == Path(cfg.run_dir)

    def test_its_unfinished_run_goes_on(self, cfg: DictConfig) -> None:
        begin(cfg, Path(cfg.run_dir).name)
        assert choose_run_folder(cfg, is_given=True).path == Path(cfg.run_dir)

    def test_a_finished_run(self, cfg: DictConfig) -> None:
        begin(cfg, Path(cfg.run_dir).name).write_metrics({})
        assert self.refusal(cfg) == (
            "run_dir: DIR holds a finished run; give another folder, "
            "or evaluate this one with `seqtrain evaluate`"
        )

    def test_an_unfinished_run_of_another_configuration(self, cfg: DictConfig) -> None:
        begin(cfg, Path(cfg.run_dir).name, seed=1, model={"hidden_size": 5})
        assert self.refusal(cfg) == (
            "run_dir: DIR holds an unfinished run of another configuration (it differs in model.hidden_size, "
            "seed); repeat its command to resume it, or give another folder"
        )

    @pytest.mark.parametrize("kind", ["file", "folder"])
    def test_something_else(self, cfg: DictConfig, kind: str) -> None:
        path = Path(cfg.run_dir)
        (path if kind == "folder" else path.parent).mkdir(parents=True)
        (path / "photo.png" if kind == "folder" else path).write_text("")
        assert self.refusal(cfg) == "run_dir: DIR exists and is not a run folder; give another one"


class TestHold:
    def test_one_process_at_a_time(self, cfg: DictConfig) -> None:
        folder = RunFolder(cfg.run_dir)
        with folder.held():
            message = re.escape(f"run_dir: {folder.path} is being written by another process")
            with pytest.raises(ConfigError, match=message), RunFolder(cfg.run_dir).held():
                pass
        with folder.held():
            pass
        assert list(folder.path.iterdir()) == []

    def test_it_can_be_nested(self, cfg: DictConfig) -> None:
        folder = RunFolder(cfg.run_dir)
        with folder.held():
            with folder.held():
                pass
            assert RunFolder(cfg.run_dir).is_held_elsewhere()
        assert not RunFolder(cfg.run_dir).is_held_elsewhere()

    def test_the_lock_of_an_unfinished_run_stays(self, cfg: DictConfig) -> None:
        folder = RunFolder(cfg.run_dir)
        with folder.held():
            folder.write_config(cfg)
        assert (folder.path / ".lock").exists()
        with folder.held():
            folder.write_metrics({})
        assert not (folder.path / ".lock").exists()

    def test_a_lock_whose_owner_died_is_open(self, cfg: DictConfig) -> None:
        unfinished = begin(cfg, "2023-01-01_00-00-00")
        lock = FileLock(unfinished.path / ".lock")
        lock.acquire()
        lock.release()  # as the system does when a process ends in any way; the file stays
        (unfinished.path / ".lock").touch()
        assert choose_run_folder(cfg, is_given=False).path == unfinished.path


class TestFailure:
    def test_the_last_line_until_the_next_attempt(self, cfg: DictConfig) -> None:
        folder = begin(cfg, "2023-01-01_00-00-00")
        assert folder.failure == ""
        folder.write_failure(ValueError("no such thing"))
        assert folder.failure == "ValueError: no such thing"
        folder.write_config(cfg)
        assert folder.failure == ""


class TestDiscard:
    def test_what_was_made_and_is_empty_goes(self, cfg: DictConfig, tmp_path: Path) -> None:
        choose_run_folder(cfg, is_given=False).discard_if_empty()
        assert list(tmp_path.iterdir()) == []
        assert tmp_path.is_dir()

    def test_what_was_there_before_stays(self, cfg: DictConfig) -> None:
        parent = Path(cfg.run_dir).parent
        parent.mkdir(parents=True)
        choose_run_folder(cfg, is_given=False).discard_if_empty()
        assert list(parent.iterdir()) == []
        RunFolder(parent).discard_if_empty()
        assert parent.is_dir()

    def test_what_is_not_empty_stays(self, cfg: DictConfig) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        folder.write_config(cfg)
        folder.discard_if_empty()
        assert folder.is_begun


class TestFiles:
    def test_the_configuration_is_kept_resolved(self, cfg: DictConfig) -> None:
        cfg.twice = "${seed}${seed}"
        cfg.hydra = {"job": {"name": "x"}}
        folder = choose_run_folder(cfg, is_given=False)
        folder.write_config(cfg)
        kept = OmegaConf.load(folder.config_file)
        assert "hydra" not in kept
        assert kept == OmegaConf.create(resolved(cfg))
        assert kept.twice == "00"

    def test_metrics_say_that_the_run_is_done(self, cfg: DictConfig) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        assert (folder.is_begun, folder.is_done) == (False, False)
        folder.write_config(cfg)
        assert (folder.is_begun, folder.is_done) == (True, False)
        folder.write_metrics({"val/loss": 0.5})
        assert (folder.is_begun, folder.is_done) == (True, True)
        assert json.loads(folder.metrics_file.read_text()) == {"val/loss": 0.5}
        assert {path.name for path in folder.path.iterdir()} == {"config.yaml", "metrics.json"}


class TestLogged:
    def test_lines_go_to_the_terminal_and_the_file_once(self, cfg: DictConfig, capsys) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        log = logging.getLogger("seqtrain")
        for _ in range(2):
            with logged(folder):
                log.info("said")
                logging.getLogger("pytorch_lightning").info("an advertisement")
        log.info("said to nobody")
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", "said\nsaid\n")
        lines = folder.log_file.read_text().splitlines()
        assert [line.split(" ", 2)[2] for line in lines] == ["INFO said", "INFO said"]

    def test_a_traceback_goes_to_the_file(self, cfg: DictConfig, capsys) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        with logged(folder):
            try:
                raise RuntimeError("broken")
            except RuntimeError:
                logging.getLogger("seqtrain").exception("The run failed.")
        assert capsys.readouterr().err == ""  # the caller prints it
        text = folder.log_file.read_text()
        assert "ERROR The run failed.\nTraceback (most recent call last):\n" in text
        assert text.endswith("RuntimeError: broken\n")

    def test_warnings_go_to_the_file(self, cfg: DictConfig, capsys) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            with logged(folder):
                warnings.warn("odd", UserWarning, stacklevel=1)
                logging.getLogger("pytorch_lightning").warning("odder")
        assert capsys.readouterr().err == ""
        text = folder.log_file.read_text()
        assert "WARNING" in text
        assert "UserWarning: odd\n" in text
        assert "WARNING odder\n" in text
