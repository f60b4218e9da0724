"""The IDX files of MNIST and similar data sets: a magic number, the sizes, then one byte for each value."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import torch
from torch import Tensor

from seqtrain.errors import DataError

UNSIGNED_BYTE = 8  # the third byte of the magic number; the fourth is the number of dimensions


def parse_idx(content: bytes, num_dims: int, path: Path) -> Tensor:
    """The array in an IDX file of bytes, uint8; DataError if the file is of another kind or incomplete."""
    header = 4 * (1 + num_dims)
    if len(content) < header:
        raise DataError(f"{len(content)} bytes are too few for an IDX file; get the file again", path)
    magic, *shape = struct.unpack(f">{1 + num_dims}I", content[:header])
    expected = UNSIGNED_BYTE << 8 | num_dims
    if magic != expected:
        kind = {1: "labels", 3: "images"}.get(num_dims, f"{num_dims} dimensions")
        raise DataError(f"the magic number is {magic}, not {expected}: no IDX file of {kind}", path)
    values = len(content) - header
    if values != math.prod(shape):
        sizes = " x ".join(map(str, shape))
        raise DataError(
            f"{values} bytes of values where {sizes} = {math.prod(shape)} were announced; get the file again",
            path,
        )
    if values == 0:
        raise DataError("the file holds no values", path)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header).view(shape)
