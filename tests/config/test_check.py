from typing import Any

import pytest
from omegaconf import OmegaConf

from seqtrain.config import ConfigError, check_config, compose_config


def problems_of(path: str, value: Any, plugins: tuple[str, ...] = ()) -> tuple[str, ...]:
    cfg = compose_config()
    OmegaConf.update(cfg, path, value, force_add=True)
    with pytest.raises(ConfigError) as caught:
        check_config(cfg, plugins)
    return caught.value.problems


@pytest.mark.parametrize("word", ["_args_", "_partial_", "_convert_", "_recursive_"])
def test_special_keys_of_hydra_are_refused(word: str) -> None:
    assert problems_of(f"model.{word}", True) == (
        f"model.{word}: not allowed; a node has _target_ and the keys of its class",
    )


def test_a_problem_is_reported_where_the_value_comes_from() -> None:
    cfg = compose_config()
    cfg.optimizer.lr, cfg.schedule.max_lr = -1, "${optimizer.lr}"
    with pytest.raises(ConfigError) as caught:
        check_config(cfg)
    assert caught.value.problems == ("optimizer.lr: got -1, expected a number above 0 and at most 1000",)


def test_plugins_of_the_configuration_are_not_trusted() -> None:
    cfg = compose_config()
    cfg.plugins, cfg.encoder = ["sympy"], {"_target_": "sympy.sympify"}
    with pytest.raises(ConfigError, match=r"encoder\._target_: "):
        check_config(cfg)
