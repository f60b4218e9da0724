import pytest

from seqtrain.config.schemas import data


@pytest.mark.parametrize(("view", "size"), [("rows", 28), ("columns", 28), ("pixels", 1), ("permuted", 1)])
def test_the_features_of_mnist_depend_on_the_view(view: str, size: int) -> None:
    answer = data.Mnist.feature_size({"view": view})
    assert answer is not None
    assert (answer.features, answer.reason) == (size, f"the data has {size} per step with data.view={view}")


def test_images_of_ones_own_may_have_any_size() -> None:
    assert data.Mnist.feature_size({"view": "rows", "path": "mine"}) is None


def test_digits_have_eight_features() -> None:
    assert data.Digits.feature_size({}).features == 8
