from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from seqtrain.config import ConfigError, compose_config
from seqtrain.config.saved import read_saved_config


def write(folder: Path, overrides: tuple[str, ...] = (), **changes: Any) -> Path:
    cfg = compose_config(list(overrides))
    for key, value in changes.items():
        OmegaConf.update(cfg, key.replace("__", "."), value)
    path = folder / "config.yaml"
    path.write_text(OmegaConf.to_yaml(cfg), encoding="utf-8")
    return path


def problems_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_saved_config(path)
    return caught.value.problems


def test_only_what_evaluation_needs_is_kept(tmp_path: Path) -> None:
    cfg = read_saved_config(write(tmp_path))
    assert set(cfg) == {"seed", "members", "plugins", "task", "data", "encoder", "head", "model", "trainer"}
    assert set(cfg.trainer) <= {"accelerator", "precision", "limit_val_batches", "limit_test_batches"}


def test_the_cache_of_a_run_folder_is_ignored(tmp_path: Path) -> None:
    path = write(tmp_path, ("task=pos", "data.cache_dir=elsewhere"))
    assert "cache_dir" not in read_saved_config(path).data


def test_a_url_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ("task=pos",), data__path="ftp://host/x")
    assert problems_of(path)[0] == "data.path: got 'ftp://host/x', expected a local path"


def test_what_training_alone_needs_is_not_looked_at(tmp_path: Path) -> None:
    path = write(tmp_path, callbacks={"mine": {"_target_": "os.system"}}, logger="nonsense")
    assert "callbacks" not in read_saved_config(path)


def test_plugins_that_the_file_lists_do_not_count(tmp_path: Path) -> None:
    path = write(tmp_path, plugins=["sympy"], encoder={"_target_": "sympy.sympify"})
    (problem,) = problems_of(path)
    assert problem.startswith("encoder._target_: ")
