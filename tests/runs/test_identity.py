from __future__ import annotations

from typing import Any

from seqtrain.runs.identity import content_key, flat, without_paths


def config(run_dir: str = "runs/a", data_dir: str = "data", size: int = 3) -> dict[str, Any]:
    return {
        "run_dir": run_dir,
        "data_dir": data_dir,
        "model": {"hidden_size": size},
        "best": {"dirpath": f"{run_dir}/checkpoints", "other": f"{run_dir}b"},
    }


def test_folders_are_replaced_with_what_lies_below_them() -> None:
    placed = without_paths(config())
    assert placed["run_dir"] == "RUN_DIR"
    assert placed["data_dir"] == "DATA_DIR"
    assert placed["best"] == {"dirpath": "RUN_DIR/checkpoints", "other": "runs/ab"}


def test_the_key_is_that_of_the_content() -> None:
    assert content_key({**config(), "best": {}}) == content_key({**config("x", "y"), "best": {}})
    assert content_key(config()) != content_key(config(size=4))
    assert len(content_key(config())) == 4


def test_leaves_by_dotted_key() -> None:
    assert flat({"a": {"b": 1, "c": {}}, "d": [1, 2]}) == {"a.b": 1, "a.c": {}, "d": [1, 2]}
