from typing import get_args

import pytest
from composing import problems_of
from pytorch_lightning.strategies import StrategyRegistry

from seqtrain.config import compose_config
from seqtrain.config.schemas.lightning import Strategy


def test_strategies_are_registered_with_lightning() -> None:
    assert set(get_args(Strategy)) - {"auto"} <= set(StrategyRegistry.available_strategies())


@pytest.mark.parametrize("logger", ["logger=none", "logger.tensorboard=null"])
def test_a_callback_that_needs_a_logger(logger: str) -> None:
    monitor = "+callbacks.rate={_target_:pytorch_lightning.callbacks.LearningRateMonitor}"
    assert problems_of(monitor, logger) == (
        "callbacks.rate: has no logger to write to; choose logger=tensorboard or csv",
    )
    compose_config([monitor])
