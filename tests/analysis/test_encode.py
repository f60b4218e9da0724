from __future__ import annotations

import base64
import zlib

import numpy as np

from seqtrain.analysis.document import encode_image, encode_parts


def decode(text: str, shape: tuple[int, ...]) -> np.ndarray:
    """As a browser does it: first all scales, then all values."""
    content = zlib.decompress(base64.b64decode(text))
    num_scales = int(np.prod(shape[:-1]))
    scales = np.frombuffer(content, "<f4", num_scales).reshape(shape[:-1])
    return np.frombuffer(content, np.int8, offset=4 * num_scales).reshape(shape) * scales[..., None]


def test_values_are_exact_to_the_254th_part_of_the_steps_range() -> None:
    draw = np.random.default_rng(0)
    size = 10.0 ** draw.integers(-12, 3, size=(2, 3, 1, 7, 1))  # gradients of very different steps
    parts = (size * draw.normal(size=(2, 3, 1, 7, 5))).astype(np.float32)
    error = np.abs(decode(encode_parts(list(parts)), parts.shape) - parts)
    assert (error <= np.abs(parts).max(axis=-1, keepdims=True) / 254 * 1.001).all()


def test_zeros_stay_zero() -> None:
    assert (decode(encode_parts([np.zeros((1, 1, 2, 3), np.float32)]), (1, 1, 1, 2, 3)) == 0).all()


def test_an_image_is_its_bytes() -> None:
    assert base64.b64decode(encode_image(np.array([[0, 1], [0.5, 0.2]], np.float32))) == bytes(
        [0, 255, 128, 51]
    )
