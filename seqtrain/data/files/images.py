"""Images to predict on, from PNG and NumPy files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.data.batching.vector_dataset import VectorDataset
from seqtrain.data.view import View
from seqtrain.errors import DataError
from seqtrain.records import DataSpec

log = logging.getLogger(__name__)

Pixels = npt.NDArray[np.float32]
GREY_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # those of 8 bits; others lose values when made grey


def read_images(path: Path, spec: DataSpec) -> Tensor:
    """The image in a PNG file, or the image or images in an .npy file: (images, height, width), 0 to 1.

    Raises:
        DataError: where it is no such file, or not of the size that the model was trained on.
    """
    assert spec.image_size is not None
    readers = {".npy": _read_npy, ".png": _read_png}
    if path.suffix.lower() not in readers:
        raise DataError("cannot read this kind of file; expected .png or .npy", path)
    try:
        pixels = readers[path.suffix.lower()](path)
    except FileNotFoundError:
        raise DataError("the file is missing", path) from None
    height, width = spec.image_size
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.shape[1:] != (height, width) or len(pixels) == 0:
        raise DataError(
            f"the shape is {pixels.shape[1:] if len(pixels) == 1 else pixels.shape}; the model was trained on"
            f" images of {height} x {width} pixels: resize the image",
            path,
        )
    border = np.concatenate([pixels[:, [0, -1]].ravel(), pixels[:, :, [0, -1]].ravel()])
    if border.mean() > 0.5:
        log.warning("%s: a light ground, but the model knows light strokes on a dark one; invert it", path)
    return torch.from_numpy(pixels)


def encode_images(spec: DataSpec, images: Tensor) -> VectorDataset:
    """Images, (num_images, height, width) from 0 to 1, read as those that the model was trained on."""
    assert spec.view is not None
    assert spec.image_size is not None
    view = View(spec.view, *spec.image_size)
    return VectorDataset(view(images), torch.full((len(images),), view.num_steps))


def _read_npy(path: Path) -> Pixels:
    try:
        values: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"no sound .npy file: {error}", path) from None
    if values.ndim not in (2, 3):
        raise DataError(
            f"the shape is {values.shape}; expected (height, width) or (images, height, width)", path
        )
    if values.dtype == np.uint8:
        return (values / 255).astype(np.float32)
    if not np.issubdtype(values.dtype, np.floating):
        raise DataError(f"values of type {values.dtype}; expected uint8, or floats from 0 to 1", path)
    if not (values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
        raise DataError(
            f"values from {values.min():g} to {values.max():g}; expected 0 (ground) to 1 (stroke):"
            " divide by the largest value that the scale allows",
            path,
        )
    return values.astype(np.float32)


def _read_png(path: Path) -> Pixels:
    try:
        from PIL import Image
    except ImportError:
        raise DataError(
            "reading it needs pillow: pip install 'seqtrain[image]', or give a .npy file", path
        ) from None
    try:
        with Image.open(path) as image:
            if image.mode not in GREY_MODES:
                raise DataError(f"pixels of mode {image.mode}; save it with 8 bits a channel", path)
            coloured = image.convert("RGBA")
    except FileNotFoundError:
        raise
    except OSError as error:  # of pillow, where the content is no image or half of one
        raise DataError(f"no sound image: {error}", path) from None
    if coloured.getchannel("A").getextrema() != (255, 255):
        raise DataError("parts of the image are transparent; save it on a black ground", path)
    return (np.asarray(coloured.convert("L")) / 255).astype(np.float32)
