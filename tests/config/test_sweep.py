from __future__ import annotations

import pytest

from seqtrain.config import ConfigError, Sweep, check_command_line
from seqtrain.config.sweep import Search


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
    assert [job.composed.tree["seed"] for job in sweep.jobs] == [0, 1, 0, 1]


def test_without_several_values_there_is_one_job() -> None:
    (job,) = check("seed=3").jobs
    assert job.values == {}
    assert job.composed.tree["seed"] == 3


def test_a_problem_of_some_jobs_names_the_first() -> None:
    with pytest.raises(ConfigError) as refused:
        check("model.hidden_size=4,0,-1", "seed=0")
    assert refused.value.problems == (
        "model.hidden_size: got 0, expected a whole number of at least 1 (in 1 of 3 jobs, first in: "
        "model.hidden_size=0 seed=0)",
        "model.hidden_size: got -1, expected a whole number of at least 1 (in 1 of 3 jobs, first in: "
        "model.hidden_size=-1 seed=0)",
    )


def test_hydras_own_settings_take_one_value() -> None:
    with pytest.raises(ConfigError, match="got several values; Hydra's own settings take one"):
        check("hydra.verbose=true,false")


def problems_of(*arguments: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        check_command_line(["-m", "search=optuna", *arguments])
    return caught.value.problems


def test_a_search_is_checked_and_its_trials_are_single_runs() -> None:
    search = check_command_line(["-m", "search=optuna", "task=pos", "search.trials=40", "sweep=mine"])
    assert isinstance(search, Search)
    assert (search.settings.trials, search.settings.sampler, search.name) == (40, "tpe", "mine")
    job = search.compose({"model.hidden_size": 77, "optimizer.lr": 0.0012345, "head.dropout": 0.2})
    assert job.composed.tree["model"]["hidden_size"] == 77
    assert job.composed.tree["optimizer"]["lr"] == 0.0012345
    assert "search" not in job.composed.tree
    assert job.values == {"model.hidden_size": "77", "optimizer.lr": "0.001234", "head.dropout": "0.2"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["search.trials=0"], "search.trials: got 0, expected a whole number of at least 1"),
        (["search.trails=4"], "search.trails: no such key in search; did you mean search.trials?"),
        (["search.sampler=tep"], "search.sampler: got 'tep', expected one of tpe, random; did you mean tpe?"),
        (
            ["search.space={optimizer.lr:{low:0,high:1,log:true}}"],
            "search.space.optimizer.lr: low=0 has no logarithm; expected a number above 0",
        ),
        (
            ["search.space={model.dropout:{low:2,high:1}}"],
            "search.space.model.dropout: got {'low': 2, 'high': 1}, expected numbers with low below high",
        ),
        (
            ["search.space={model.dropout:[]}"],
            "search.space.model.dropout: got no choices, expected at least one",
        ),
        (
            ["search.space={model.hidden_size:{step:16}}"],  # the rest is in optuna.yaml
            "search.space.model.hidden_size: got log and step, which exclude each other; "
            "give log: false or step: null",
        ),
        (
            ["search.space={model.hidden_size:{step:0.5,log:false}}"],
            "search.space.model.hidden_size.step: got 0.5, expected a whole number, as the bounds are",
        ),
        (
            ["search.space={model.dropout:{low:0,high:0.5,step:-1}}"],
            "search.space.model.dropout.step: got -1, expected a whole number of at least 1 or a number "
            "above 0 or null",
        ),
        (
            ["search.space={model.dropout:{low:0.1,high:0.5,log:2}}"],
            "search.space.model.dropout.log: got 2, expected true or false",
        ),
    ],
)
def test_settings_that_are_refused(arguments: list[str], problem: str) -> None:
    assert problems_of(*arguments) == (problem,)


def test_every_bound_of_the_space_is_checked_as_a_run() -> None:
    (problem,) = problems_of(
        "search.space={model.hidden_size:{low:8,high:16},optimizer.lr:null,head.dropout:[0.0,1.5]}"
    )
    assert problem.startswith(
        "search.space: head.dropout: got 1.5, expected a number from 0 to 1 (in 1 of 3 jobs"
    )
    (problem,) = problems_of("search.space={model.hiden_size:[8,16]}")
    assert "did you mean model.hidden_size?" in problem
