"""Refusals, by their text: what came, what was expected, and the nearest right spelling."""

import re

import pytest
from composing import problems_of
from omegaconf import OmegaConf

from seqtrain.config import ConfigError, check_config, compose_config

HIDDEN_SIZE = "model.hiden_size: no such key in torch.nn.LSTM; did you mean model.hidden_size?"
LSTM_KEYS = "input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional"


def test_no_override_is_the_lstm_on_digits() -> None:
    cfg = compose_config()
    assert (cfg.task._target_, cfg.data._target_) == (
        "seqtrain.tasks.SequenceClassification",
        "seqtrain.data.Digits",
    )
    assert cfg.model == {
        "_target_": "torch.nn.LSTM",
        "input_size": None,
        "hidden_size": 128,
        "num_layers": 1,
        "bias": True,
        "batch_first": True,
        "dropout": 0.0,
        "bidirectional": False,
    }


def test_interpolations_are_resolved_and_hydra_is_left_out() -> None:
    cfg = compose_config(["task=pos", "model=rnn", "optimizer.lr=0.5"])
    assert cfg.run_dir.startswith("runs/pos/rnn/")
    assert cfg.callbacks.best.path == f"{cfg.run_dir}/checkpoints/best.ckpt"
    assert cfg.schedule.max_lr == 0.5
    assert "hydra" not in cfg


@pytest.mark.parametrize(
    ("overrides", "folder"),
    [
        ([], "digits/lstm"),
        (["data=digits"], "digits/lstm"),
        (["data=mnist"], "digits-mnist/lstm"),
        (["experiment=ewt_bilstm", "model=gru"], "pos-ud/gru"),
    ],
)
def test_the_run_folder_names_the_data_where_it_is_not_the_tasks_own(
    overrides: list[str], folder: str
) -> None:
    assert compose_config(overrides).run_dir.startswith(f"runs/{folder}/")


def test_the_resolved_configuration_passes_again_and_can_be_run_again() -> None:
    cfg = OmegaConf.create(OmegaConf.to_yaml(compose_config(["task=pos", "logger=none"])))
    check_config(cfg)


def test_data_on_the_command_line_wins_over_the_task() -> None:
    assert compose_config(["task=pos", "data=ud"]).data.treebank == "ud_english_ewt"


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "model.hiden_size=3",
            HIDDEN_SIZE,
        ),
        (
            "+model.hiden_size=3",
            HIDDEN_SIZE,
        ),
        (
            "++model.hiden_size=3",
            HIDDEN_SIZE,
        ),
        ("model.xyz=3", f"model.xyz: no such key in torch.nn.LSTM; there are {LSTM_KEYS}"),
        ("model.lr=3", "model.lr: no such key in torch.nn.LSTM; did you mean optimizer.lr?"),
        ("batch_size=3", "batch_size: no such key or group; did you mean data.batch_size?"),
        ("gpu=1", "gpu: no such key or group; did you mean trainer=gpu?"),
        ("dropout=0.1", "dropout: no such key or group; did you mean head.dropout or model.dropout?"),
        (
            "early_stopping=true",
            "early_stopping: no such key or group; did you mean callbacks=early_stopping?",
        ),
        (
            "data.view=rows",
            "data.view: no such key in seqtrain.data.Digits; it is a key of data=images|mnist",
        ),
        ("model.cell=gru", "model.cell: no such key in torch.nn.LSTM; it is a key of model=bilstm"),
        (
            "model.proj_size=3",
            "model.proj_size: not set here; torch's projections make h smaller than hidden_size; "
            "set model.hidden_size",
        ),
        ("model=bilsm", "model: got 'bilsm', expected one of bilstm, gru, lstm, rnn; did you mean bilstm?"),
        ("model=LSTM", "model: got 'LSTM', expected one of bilstm, gru, lstm, rnn; did you mean lstm?"),
        ("model=3", "model: got 3, expected one of bilstm, gru, lstm, rnn"),
        ("modle=lstm", "modle: no such key or group; did you mean model?"),
        ("+modle=lstm", "modle: no such key or group; did you mean model?"),
        ("modle.hidden_size=3", "modle: no such key or group; did you mean model?"),
        ("model/cell=lstm", "model/cell: no such group"),
        ("model.num_layers=two", "model.num_layers: got 'two', expected a whole number of at least 1"),
        ("model.num_layers=1.0", "model.num_layers: got 1.0, expected a whole number of at least 1"),
        ("model.num_layers=true", "model.num_layers: got true, expected a whole number of at least 1"),
        ("model.hidden_size=null", "model.hidden_size: got null, expected a whole number of at least 1"),
        ("model.hidden_size.x=3", "model.hidden_size: got {'x': 3}, expected a whole number of at least 1"),
        ("model.bias=1", "model.bias: got 1, expected true or false"),
        ("model.dropout=1.5", "model.dropout: got 1.5, expected a number from 0 to 1"),
        ("model.dropout=nan", "model.dropout: got nan, expected a number from 0 to 1"),
        ("optimizer.eps=inf", "optimizer.eps: got inf, expected a number of at least 0"),
        ("model.hidden_size=0", "model.hidden_size: got 0, expected a whole number of at least 1"),
        ("seed=-1", "seed: got -1, expected a whole number from 0 to 4294967295"),
        ("task.mode=maximum", "task.mode: got 'maximum', expected one of min, max; did you mean max?"),
        ("logger=none logger.name=x", "logger.name: logger is null, so it has no keys"),
        (
            "data=mnist data.augment.max_degrees=3",
            "data.augment.max_degrees: data.augment is null, so it has no keys",
        ),
        ("~model", "model: missing; choose one with model=..."),
        (
            "~model.hidden_size",
            "model.hidden_size: missing; torch.nn.LSTM needs a whole number of at least 1",
        ),
        ("~model.hiden_size", "model.hiden_size: nothing to delete; did you mean ~model.hidden_size?"),
        ("~xyz", "xyz: nothing to delete"),
        ("model._target_=3", "model._target_: got 3, expected the dotted path of a class"),
        (
            "~model._target_",
            "model._target_: missing; it names the class to build; choose one with model=...",
        ),
        ("trainer.logger=false", "trainer.logger: not set here; choose one with logger=..."),
        (
            "trainer.fast_dev_run=true",
            "trainer.fast_dev_run: not set here; trainer=debug tries three batches of everything",
        ),
        ("optimizer.params=[]", "optimizer.params: not set here; it is passed when the class is built"),
        ("model.hidden_size", "model.hidden_size: no value; write model.hidden_size=VALUE"),
        ("=3", "=3: no key before the ="),
        (
            "run_dir=[1",
            "run_dir: [1 cannot be read; quote a value with , : = [ ] { } ( or ) in it: run_dir='...'",
        ),
        ("seed=0,1", "seed: got several values, 0,1; add -m to run each, or write [0,1] for a list"),
        ("hydra.foo=3", "hydra.foo: Key 'foo' not in 'HydraConf'"),
        (
            "hydra.searchpath=[x]",
            "hydra.searchpath: not set here; --config-dir=FOLDER adds files of your own",
        ),
        ("seed=${nope}", "seed: ${nope} names a key that does not exist"),
        (r"data_dir='\${oc.env:HOME}'", "data_dir: got '${oc.env:HOME}', expected a value without ${"),
        ("plugins=mine", "plugins: got 'mine', expected a list, each item a text"),
    ],
)
def test_one_refusal(override: str, problem: str) -> None:
    assert problems_of(*override.split(" ")) == (problem,)


def test_problems_are_reported_together() -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config(
            [
                "model=bilsm",
                "modle=x",
                "model.dropout=1.5",
                "model.hiden_size=3",
                "data=ud",
                "optimizer.lr",
                "seed=0",
            ]
        )
    assert str(caught.value) == (
        "seqtrain: the configuration was refused (6 problems); nothing was run or written.\n"
        "  optimizer.lr: no value; write optimizer.lr=VALUE\n"
        "  model: got 'bilsm', expected one of bilstm, gru, lstm, rnn; did you mean bilstm?\n"
        "  modle: no such key or group; did you mean model?\n"
        "  model.dropout: got 1.5, expected a number from 0 to 1\n"
        "  model.hiden_size: no such key in seqtrain.model.BiLSTM; did you mean model.hidden_size?\n"
        "  data: task=digits needs data=arrays|digits|images|memory|mnist|texts; "
        "data=ud goes with task=pos|tagging"
    )


def test_a_choice_that_cannot_be_guessed_hides_what_depends_on_it() -> None:
    assert problems_of("model=transformer", "model.num_heads=8") == (
        "model: got 'transformer', expected one of bilstm, gru, lstm, rnn",
    )


def test_keys_of_the_schema_that_no_file_lists_need_no_plus() -> None:
    cfg = compose_config(["optimizer.amsgrad=true", "optimizer={maximize: true}", "~model.dropout"])
    assert cfg.optimizer.amsgrad is True
    assert (cfg.optimizer.maximize, cfg.optimizer.lr) == (True, 0.003)
    assert "dropout" not in cfg.model


@pytest.mark.parametrize("text", ["1e-3", "0.001", "1.0e-3"])
def test_numbers_in_any_notation(text: str) -> None:
    assert compose_config([f"optimizer.lr={text}"]).optimizer.lr == 0.001


def test_a_file_in_place_of_a_choice() -> None:
    (problem,) = problems_of("data=my.conllu")
    assert re.search(r"; a file of your own is data\.path=my\.conllu, with data=\S*tagged\S*\|ud", problem)


def test_a_problem_is_reported_where_the_value_comes_from() -> None:
    cfg = compose_config()
    cfg.optimizer.lr, cfg.schedule.max_lr = -1, "${optimizer.lr}"
    with pytest.raises(ConfigError) as caught:
        check_config(cfg)
    assert caught.value.problems == ("optimizer.lr: got -1, expected a number above 0 and at most 1000",)
