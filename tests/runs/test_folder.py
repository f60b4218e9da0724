from __future__ import annotations

import json
import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from choosing import choose_run_folder
from filelock import FileLock
from omegaconf import DictConfig, OmegaConf

from seqtrain.config import ConfigError
from seqtrain.runs.folder import RunFolder, plain

Begin = Callable[..., RunFolder]


class TestHold:
    def test_one_process_at_a_time(self, cfg: DictConfig) -> None:
        folder = RunFolder(cfg.run_dir)
        with folder.locked():
            message = re.escape(f"run_dir: {folder.path} is being written by another process")
            with pytest.raises(ConfigError, match=message), RunFolder(cfg.run_dir).locked():
                pass
        with folder.locked():
            pass
        assert list(folder.path.iterdir()) == []

    def test_a_run_that_another_process_has_finished_in_the_meantime(self, cfg: DictConfig) -> None:
        folder = choose_run_folder(cfg, is_given=True)
        other = RunFolder(cfg.run_dir)
        with other.locked():
            other.write_config(cfg)
            other.write_metrics({"val/loss": 0.5})
        with pytest.raises(ConfigError, match="holds a finished run"), folder.locked(cfg):
            pass
        assert sorted(path.name for path in folder.path.iterdir()) == ["config.yaml", "metrics.json"]

    def test_a_run_of_another_configuration(self, cfg: DictConfig, begin: Begin) -> None:
        folder = begin(Path(cfg.run_dir).name, seed=1)
        with (
            pytest.raises(ConfigError, match=r"another configuration \(it differs in seed\)"),
            folder.locked(cfg),
        ):
            pass
        assert not folder.is_locked_elsewhere()

    def test_a_lock_that_is_a_folder(self, cfg: DictConfig) -> None:
        lock = Path(cfg.run_dir) / ".lock"
        lock.mkdir(parents=True)
        message = f"run_dir: {lock} cannot be locked: Is a directory"
        with pytest.raises(ConfigError, match=re.escape(message)), RunFolder(cfg.run_dir).locked():
            pass

    def test_it_can_be_nested(self, cfg: DictConfig) -> None:
        folder = RunFolder(cfg.run_dir)
        with folder.locked():
            with folder.locked():
                pass
            assert RunFolder(cfg.run_dir).is_locked_elsewhere()
        assert not RunFolder(cfg.run_dir).is_locked_elsewhere()

    def test_the_lock_of_an_unfinished_run_stays(self, cfg: DictConfig) -> None:
        folder = RunFolder(cfg.run_dir)
        with folder.locked():
            folder.write_config(cfg)
        assert (folder.path / ".lock").exists()
        with folder.locked():
            folder.write_metrics({})
        assert not (folder.path / ".lock").exists()

    def test_a_lock_whose_owner_died_is_open(self, cfg: DictConfig, begin: Begin) -> None:
        unfinished = begin("2023-01-01_00-00-00")
        lock = FileLock(unfinished.path / ".lock")
        lock.acquire()
        lock.release()  # as the system does when a process ends in any way; the file stays
        (unfinished.path / ".lock").touch()
        assert choose_run_folder(cfg, is_given=False).path == unfinished.path


class TestFailure:
    def test_the_last_line_until_the_next_attempt(self, cfg: DictConfig, begin: Begin) -> None:
        folder = begin("2023-01-01_00-00-00")
        assert folder.failure == ""
        folder.write_failure(ValueError("no such thing"))
        assert folder.failure == "ValueError: no such thing"
        folder.write_config(cfg)
        assert folder.failure == ""

    def test_a_full_disk_does_not_hide_the_error(self, cfg: DictConfig, begin: Begin) -> None:
        folder = begin("2023-01-01_00-00-00")
        before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
        with full_disk():
            folder.write_failure(ValueError("no such thing"))
            with pytest.raises(OSError, match="File too large"):
                folder.write_metrics({"val/loss": 0.5})
        assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may get larger than nothing."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


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
        assert kept == OmegaConf.create(plain(cfg))
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
