import torch

from seqtrain.recurrence.precision import autocast_dtype, without_autocast


def test_the_dtype_of_autocast() -> None:
    assert autocast_dtype("cpu") is None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert autocast_dtype("cpu") is torch.bfloat16
        with without_autocast("cpu"):
            assert autocast_dtype("cpu") is None
        assert autocast_dtype("cpu") is torch.bfloat16


def test_a_device_without_autocast() -> None:
    assert autocast_dtype("meta") is None
