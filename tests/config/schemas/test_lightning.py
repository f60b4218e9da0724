from typing import get_args

from pytorch_lightning.strategies import StrategyRegistry

from seqtrain.config.schemas.lightning import Strategy


def test_strategies_are_registered_with_lightning() -> None:
    assert set(get_args(Strategy)) - {"auto"} <= set(StrategyRegistry.available_strategies())
