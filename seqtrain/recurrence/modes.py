"""Autocast: its dtype, and turning it off."""

from contextlib import AbstractContextManager, nullcontext

import torch


def without_autocast(device_type: str) -> AbstractContextManager[object]:
    """Turn autocast off on this type of device; free where it is off already."""
    if autocast_dtype(device_type) is not None:
        return torch.autocast(device_type, enabled=False)
    return nullcontext()


def autocast_dtype(device_type: str) -> torch.dtype | None:
    """The dtype in which autocast runs products on this type of device; None where it is off."""
    if not torch.amp.is_autocast_available(device_type) or not torch.is_autocast_enabled(device_type):
        return None
    return torch.get_autocast_dtype(device_type)
