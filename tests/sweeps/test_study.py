from __future__ import annotations

from pathlib import Path

import pytest

optuna = pytest.importorskip("optuna", reason="optuna is not installed: pip install seqtrain[search]")

from seqtrain.config.sweep import SearchSettings  # noqa: E402
from seqtrain.errors import DataError  # noqa: E402
from seqtrain.sweeps.search import draw, next_trial, open_study  # noqa: E402

SPACE = {
    "model": ["rnn", "lstm"],
    "model.hidden_size": {"low": 4, "high": 32},
    "optimizer.lr": {"low": 0.001, "high": 0.1, "log": True},
}


def settings(**changes: object) -> SearchSettings:
    given = {"trials": 3, "workers": 1, "storage": "journal", "sampler": "random", "pruner": "none"}
    return SearchSettings(**given | {"startup_trials": 1, "seed": 0, "space": SPACE} | changes)  # type: ignore[arg-type]


def draw_all(folder: Path, num: int) -> list[dict[str, object]]:
    """The values of `num` trials, with a new study object for each, as separate commands have."""
    drawn = []
    for _ in range(num):
        study = open_study(folder, settings(), "max")
        trial = next_trial(study, settings(), num_failed=0)
        assert trial is not None
        drawn.append(draw(trial, SPACE))
        study.tell(trial, 0.5)
    return drawn


@pytest.mark.parametrize(
    ("storage", "content"), [("journal", b'{"op_code": "x"}\n'), ("journal", b"\xff\n"), ("sqlite", b"none")]
)
def test_a_damaged_study_is_refused(tmp_path: Path, storage: str, content: bytes) -> None:
    (tmp_path / ("study.log" if storage == "journal" else "study.db")).write_bytes(content)
    with pytest.raises(
        DataError, match=rf"{tmp_path}: its study cannot be read: .*; search in another folder"
    ):
        open_study(tmp_path, settings(storage=storage), "max")


@pytest.mark.parametrize("place", [5, None, ["a"], "/elsewhere", "\x1b", ".."])
def test_a_study_with_folders_elsewhere_is_refused(tmp_path: Path, place: object) -> None:
    study = open_study(tmp_path, settings(), "max")
    study.ask().set_user_attr("folder", place)
    with pytest.raises(DataError, match=r"trial 0 of its study has the folder .*; search in another folder"):
        open_study(tmp_path, settings(), "max")


def test_a_trial_of_another_space_is_refused(tmp_path: Path) -> None:
    study = open_study(tmp_path, settings(), "max")
    draw(study.ask(), {"model": {"low": 0.5, "high": 0.75}})
    trial = next_trial(study, settings(), num_failed=0)
    assert trial is not None
    with pytest.raises(DataError, match="trial 0 of the study belongs to another space: "):
        draw(trial, SPACE)


def test_a_continued_study_draws_what_an_uninterrupted_one_draws(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first, second = draw_all(tmp_path / "first", 3), draw_all(tmp_path / "second", 3)
    assert first == second
    assert len({str(values) for values in first}) == 3
    assert all(4 <= values["model.hidden_size"] <= 32 for values in first)
    assert next_trial(open_study(tmp_path / "first", settings(), "max"), settings(), 0) is None


def test_a_trial_whose_process_died_comes_first(tmp_path: Path) -> None:
    study = open_study(tmp_path, settings(), "max")
    dead = next_trial(study, settings(), 0)
    assert dead is not None
    values = draw(dead, SPACE)
    again = next_trial(open_study(tmp_path, settings(), "max"), settings(), 0)
    assert again is not None
    assert again.number == dead.number
    assert draw(again, SPACE) == values


def test_failures_of_this_command_count_towards_the_trials(tmp_path: Path) -> None:
    study = open_study(tmp_path, settings(), "max")
    assert next_trial(study, settings(), num_failed=3) is None


@pytest.mark.parametrize(("mode", "direction"), [("max", "MAXIMIZE"), ("min", "MINIMIZE")])
def test_the_direction_is_that_of_the_task(mode: str, direction: str, tmp_path: Path) -> None:
    assert open_study(tmp_path, settings(), mode).direction.name == direction
