"""Arrays as compact text: eight bits a value, compressed, in base64."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence

import numpy as np

from seqtrain.analysis.example import Array


def encode_parts(parts: Sequence[Array]) -> str:
    """Parts of one example, (layers, directions, time, hidden) each, in eight bits a value.

    The values of one step in one layer and direction share a scale, their largest magnitude over 127, so that
    small gradients keep their precision however far they are from the largest.

    The bytes are all scales as little-endian float32, (parts, layers, directions, time), then all values as
    int8, with hidden last; compressed by zlib ("deflate" in a browser), in base64.
    """
    values = np.stack(parts)
    scales = (np.abs(values).max(axis=-1) / 127).astype("<f4")
    safe = np.where(scales > 0, scales, 1)
    small = np.rint(values / safe[..., None]).clip(-127, 127).astype(np.int8)
    return base64.b64encode(zlib.compress(scales.tobytes() + small.tobytes(), 9)).decode()


def encode_image(image: Array) -> str:
    """Pixels from 0 to 1 as bytes, in base64."""
    return base64.b64encode(np.rint(image * 255).astype(np.uint8).tobytes()).decode()
