from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import write_run

from seqtrain.config import ConfigError
from seqtrain.runs.folder import RunFolder, flat
from seqtrain.runs.report.collect import collect_runs, content_key, without_paths


def test_every_run_below_a_folder_is_found_once(tmp_path: Path) -> None:
    write_run(tmp_path / "digits" / "lstm" / "a", accuracy=0.5)
    write_run(tmp_path / "sweeps" / "s" / "b", accuracy=0.6)
    found = collect_runs([tmp_path, tmp_path / "sweeps"])
    assert [run.path.name for run in found.runs] == ["a", "b"]
    assert found.problems == ()


def test_a_metric_that_was_not_finite_is_missing(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", accuracy=0.5)
    (path / "metrics.json").write_text('{"val/loss": null, "val/accuracy": 0.5}')
    (run,) = collect_runs([tmp_path]).runs
    assert run.metrics == {"val/accuracy": 0.5}


def test_places_are_left_out_so_that_equal_runs_compare_equal(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    write_run(tmp_path / "b")
    first, second = collect_runs([tmp_path]).runs
    assert first.config == second.config
    assert first.config["run_dir"] == "RUN_DIR"
    assert first.config["logger.save_dir"] == "RUN_DIR/here"


def test_classes_have_their_names_of_today(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a")
    text = (path / "config.yaml").read_text(encoding="utf-8")
    old = "callbacks: {warnings: {_target_: seqtrain.telemetry.HealthWarnings}}"
    (path / "config.yaml").write_text(f"{text}\n{old}\n", encoding="utf-8")
    (run,) = collect_runs([tmp_path]).runs
    assert run.config["callbacks.warnings._target_"] == "seqtrain.training.HealthWarnings"


def test_how_far_each_run_got(tmp_path: Path) -> None:
    for name in ("done", "failed", "running", "unfinished"):
        write_run(tmp_path / name, accuracy=0.5 if name == "done" else None)
    RunFolder(tmp_path / "failed").write_failure(ZeroDivisionError("division by zero"))
    with RunFolder(tmp_path / "running").locked():
        runs = collect_runs([tmp_path]).runs
    assert [run.path.name for run in runs] == [run.state for run in runs]
    assert runs[1].reason == "ZeroDivisionError: division by zero"


def test_a_damaged_folder_is_named_and_left_out(tmp_path: Path) -> None:
    write_run(tmp_path / "a", accuracy=0.5)
    write_run(tmp_path / "b", accuracy=0.5)
    (tmp_path / "b" / "metrics.json").write_text("{")
    found = collect_runs([tmp_path])
    assert [run.path.name for run in found.runs] == ["a"]
    assert found.problems[0].startswith(
        f"left out: {tmp_path / 'b' / 'metrics.json'}: cannot be read as JSON: "
    )


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: no such folder; give folders that hold runs"):
        collect_runs([tmp_path / "nowhere"])


def test_two_thousand_runs_take_seconds(tmp_path: Path) -> None:
    for number in range(400):
        write_run(tmp_path / str(number), seed=number, accuracy=0.5)
    start = time.perf_counter()
    assert len(collect_runs([tmp_path]).runs) == 400
    assert time.perf_counter() - start < 2  # a fifth of the runs, with room for a busy machine


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
