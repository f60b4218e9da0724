"""Images to predict on, from PNG and NumPy files and from arrays; needs no torch."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtrain.errors import DataError
from seqtrain.foreign import open_regular

log = logging.getLogger(__name__)

Array: TypeAlias = npt.NDArray[Any]
Pixels: TypeAlias = npt.NDArray[np.float32]
Images: TypeAlias = "npt.ArrayLike | str | Path | Sequence[str | Path]"

GREY_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # of 8 bits; others lose values when converted to grey
MAX_PIXELS = 2**24  # of a PNG, which may be tiny as a file and huge in memory
CHUNK = 1024  # images held in memory at a time
EXPECTED = "expected an array (images, height, width), or the path of a PNG or npy file, or a list of paths"
NEEDS_PILLOW = "needs pillow: pip install 'seqtrain[image]'"


def as_pixels(images: Images, size: tuple[int, int], resize: bool = False) -> Pixels:
    """An array of images, or the images of a file or of several; see `_check` and `iterate_images`."""
    if isinstance(images, (str, Path)):
        return read_images(Path(images), size, resize)
    given = images if isinstance(images, Sequence) else []
    paths = [Path(each) for each in given if isinstance(each, (str, Path))]
    if paths:
        if len(paths) != len(given):
            raise DataError(f"images: got both paths and other values; {EXPECTED}")
        return np.concatenate([read_images(path, size, resize) for path in paths])
    try:
        values = np.asarray(images)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors on a GPU, with gradients
        raise DataError(f"images: cannot be read as an array: {error}; {EXPECTED}") from None
    return _check(values, size, None, resize)


def read_images(path: Path, size: tuple[int, int], resize: bool = False) -> Pixels:
    """All images of a file, (images, height, width); see `iterate_images`."""
    return np.concatenate(list(iterate_images(path, size, resize)))


def iterate_images(path: Path, size: tuple[int, int], resize: bool = False) -> Iterator[Pixels]:
    """The image of a PNG file, or the image or images of an .npy file, in chunks.

    Args:
        path: of the file.
        size: the height and the width of the images that the model was trained on.
        resize: whether to stretch images of another size.

    Yields:
        (images, height, width) float, from 0 to 1.

    Raises:
        DataError: the file is neither, is damaged, or has images of another size.
    """
    read = {".npy": _open_npy, ".png": read_png}.get(path.suffix.lower())
    if read is None:
        raise DataError("cannot read this kind of file; expected .png or .npy", path)
    open_regular(path).close()
    values = read(path)
    for start in range(0, len(values), CHUNK):
        yield _check(values[start : start + CHUNK], size, path, resize)


def _check(values: Array, size: tuple[int, int], path: Path | None, resize: bool) -> Pixels:
    """The images of an array, (images, height, width) or (height, width), as floats from 0 to 1.

    Its values are uint8, or floats from 0 (background) to 1 (stroke); DataError where they are not.
    """
    pixels = _scale(_as_stack(values, path), path)
    if pixels.shape[1:] != size:
        if not resize:
            shape = pixels.shape[1:] if len(pixels) == 1 else pixels.shape
            raise DataError(
                f"the shape is {shape}; the model was trained on images of {size[0]} x {size[1]} pixels: "
                "give resize=true, or resize the image yourself",
                path,
            )
        pixels = np.stack([resize_image(image, size, path) for image in pixels])
    border = np.concatenate([pixels[:, [0, -1]].ravel(), pixels[:, :, [0, -1]].ravel()])
    if border.mean() > 0.5:
        problem = "a light background, but the model knows light strokes on a dark one; invert it"
        log.warning("%s: %s", path or "images", problem)
    return pixels


def _as_stack(values: Array, path: Path | None) -> Array:
    if values.ndim not in (2, 3) or values.size == 0:
        expected = "expected (height, width) or (images, height, width)"
        raise DataError(f"the shape is {values.shape}; {expected}", path)
    return values[None] if values.ndim == 2 else values


def _scale(values: Array, path: Path | None) -> Pixels:
    if values.dtype == np.uint8:
        return (values / 255).astype(np.float32)
    if not np.issubdtype(values.dtype, np.floating):
        raise DataError(f"values of type {values.dtype}; expected uint8, or floats from 0 to 1", path)
    if not (values.min() >= 0 and values.max() <= 1):
        raise DataError(
            f"values from {values.min():g} to {values.max():g}; expected 0 (background) to 1 (stroke): "
            "divide by the largest value that the scale allows",
            path,
        )
    return values.astype(np.float32)


def resize_image(image: Pixels, size: tuple[int, int], path: Path | None) -> Pixels:
    """Stretch an image, (height, width) float, to another height and width."""
    try:
        from PIL import Image
    except ImportError:
        raise DataError(f"resizing it {NEEDS_PILLOW}", path) from None
    # Bilinear with a support that grows as images shrink, so that no pixel is left out.
    resized = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32)


def _open_npy(path: Path) -> Array:
    """The array of a file, mapped into memory: a header cannot ask for more than the file holds."""
    try:
        return _as_stack(np.lib.format.open_memmap(path, mode="r"), path)
    except DataError:
        raise
    except Exception as error:  # a damaged header raises any of a dozen types
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(f"the .npy file is damaged: {reason}", path) from None


def read_png(path: Path) -> Array:
    """The grey values of an image, (1, height, width) uint8; DataError where it is damaged or not a PNG."""
    try:
        from PIL import Image
    except ImportError:
        raise DataError(f"reading it {NEEDS_PILLOW}, or give an .npy file", path) from None
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(
                    f"{image.width} x {image.height} pixels; expected at most {MAX_PIXELS:,}", path
                )
            if image.mode not in GREY_MODES:
                raise DataError(f"pixels of mode {image.mode}; save it with 8 bits per channel", path)
            coloured = image.convert("RGBA")
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"the image is damaged: {error}", path) from None
    if coloured.getchannel("A").getextrema() != (255, 255):
        raise DataError("parts of the image are transparent; save it on a black background", path)
    return np.asarray(coloured.convert("L"))[None]
