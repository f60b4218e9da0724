from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from seqtrain.config import ConfigError, compose_config
from seqtrain.config.saved import read_plain_yaml, read_saved_config


def write(folder: Path, content: bytes) -> Path:
    path = folder / "some.yaml"
    path.write_bytes(content)
    return path


def test_plain_values(tmp_path: Path) -> None:
    path = write(tmp_path, b"a: 1\nb: [1e-3, null, true]\nc: {d: text, 0: 2}\n")
    assert read_plain_yaml(path) == {"a": 1, "b": [0.001, None, True], "c": {"d": "text", 0: 2}}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: &x [1]\nb: *x\n", "2: aliases are not allowed"),
        (b"[1, 2]", " expected keys and values, found a list"),
        (b"", " expected keys and values, found nothing"),
        (
            b"a: ${oc.env:HOME}",
            " a: got '${oc.env:HOME}'; a run folder's configuration holds no interpolations",
        ),
        (b"a:\n  b: ???", " a.b: has no value (???)"),
        (b"a: {null: x}", " a: the key null is neither a text nor a number"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        read_plain_yaml(path)
    assert caught.value.problems == (f"{path}:{problem}",)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write(tmp_path, b"a: secret"))
    with pytest.raises(ConfigError, match="link: is a link, which is not followed here"):
        read_plain_yaml(tmp_path / "link")


def write_run(folder: Path, overrides: tuple[str, ...] = (), **changes: Any) -> Path:
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
    cfg = read_saved_config(write_run(tmp_path))
    assert set(cfg) == {"seed", "members", "plugins", "task", "data", "encoder", "head", "model", "trainer"}
    assert set(cfg.trainer) <= {"accelerator", "precision", "limit_val_batches", "limit_test_batches"}


def test_the_cache_of_a_run_folder_is_ignored(tmp_path: Path) -> None:
    path = write_run(tmp_path, ("task=pos", "data.cache_dir=elsewhere"))
    assert "cache_dir" not in read_saved_config(path).data


def test_a_url_is_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path, ("task=pos",), data__path="ftp://host/x")
    assert problems_of(path)[0] == "data.path: got 'ftp://host/x', expected a local path"


def test_what_training_alone_needs_is_not_looked_at(tmp_path: Path) -> None:
    path = write_run(tmp_path, callbacks={"mine": {"_target_": "os.system"}}, logger="nonsense")
    assert "callbacks" not in read_saved_config(path)


def test_plugins_that_the_file_lists_do_not_count(tmp_path: Path) -> None:
    path = write_run(tmp_path, plugins=["sympy"], encoder={"_target_": "sympy.sympify"})
    (problem,) = problems_of(path)
    assert problem.startswith("encoder._target_: ")
