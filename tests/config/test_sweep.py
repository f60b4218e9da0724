from __future__ import annotations

import pytest

from seqtrain.config import ConfigError, Sweep, check_command_line


def check(*arguments: str) -> Sweep:
    sweep = check_command_line(["-m", *arguments])
    assert isinstance(sweep, Sweep)
    return sweep


def test_all_combinations_in_the_order_of_hydras_sweeper() -> None:
    sweep = check("model=rnn,gru", "seed=0,1", "trainer.max_epochs=2")
    assert [job.values for job in sweep.jobs] == [
        {"model": "rnn", "seed": "0"},
        {"model": "rnn", "seed": "1"},
        {"model": "gru", "seed": "0"},
        {"model": "gru", "seed": "1"},
    ]
    assert sweep.jobs[0].overrides == ("model=rnn", "seed=0", "trainer.max_epochs=2")
    assert [job.tree["seed"] for job in sweep.jobs] == [0, 1, 0, 1]


def test_without_several_values_there_is_one_job() -> None:
    (job,) = check("seed=3").jobs
    assert job.values == {}
    assert job.tree["seed"] == 3


def test_a_problem_of_some_jobs_names_the_first() -> None:
    with pytest.raises(ConfigError) as refused:
        check("model.hidden_size=4,0,-1", "seed=0")
    assert refused.value.problems == (
        "model.hidden_size: got 0, expected a whole number of at least 1 (in 1 of 3 jobs, first in: "
        "model.hidden_size=0 seed=0)",
        "model.hidden_size: got -1, expected a whole number of at least 1 (in 1 of 3 jobs, first in: "
        "model.hidden_size=-1 seed=0)",
    )


def test_intervals_are_for_other_sweepers() -> None:
    with pytest.raises(
        ConfigError, match=r"intervals are for other sweepers; Hydra's own takes optimizer.lr=1,2"
    ):
        check("optimizer.lr=interval(0.1,0.2)")


def test_hydras_own_settings_take_one_value() -> None:
    with pytest.raises(ConfigError, match="got several values; Hydra's own settings take one"):
        check("hydra.verbose=true,false")
