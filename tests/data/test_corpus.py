import pytest

from seqtrain.data.corpus import Batching


@pytest.mark.parametrize("name", ["batch_size", "max_tokens", "eval_batch_size", "epochs"])
def test_sizes_are_at_least_one(name: str) -> None:
    sizes = {"batch_size": 1, "max_tokens": 1, "eval_batch_size": 1, "epochs": 1}
    assert Batching(**sizes).min_steps == 0
    with pytest.raises(ValueError, match=f"^{name} must be at least 1, got 0$"):
        Batching(**(sizes | {name: 0}))
