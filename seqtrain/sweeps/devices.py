"""Which GPU a worker process uses."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

NVIDIA = Path("/proc/driver/nvidia/gpus")  # a folder for each GPU, where there is the driver


def use_own_gpu() -> None:
    """In a worker process of joblib, let torch see one GPU, by turns; schedulers assign them."""
    name, _, number = multiprocessing.current_process().name.rpartition("-")
    gpus = visible_gpus()
    if name == "LokyProcess" and len(gpus) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[(int(number) - 1) % len(gpus)]


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them, without importing torch."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name]
    return [str(number) for number in range(len(list(NVIDIA.glob("*"))))]
