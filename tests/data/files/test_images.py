from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seqtrain.data import View, encode_images, read_images
from seqtrain.errors import DataError
from seqtrain.spec import DataSpec, ImageInputs, SequenceClasses

SIZE = (4, 3)
SPEC = DataSpec(
    ImageInputs(feature_size=1, view="permuted", size=(4, 3)), SequenceClasses(tuple("0123456789"))
)
PIXELS = np.zeros((4, 3), dtype=np.uint8)
PIXELS[1:3, 1] = [255, 51]


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_images(path, SIZE)
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_a_png_of_any_common_mode(tmp_path: Path, mode: str) -> None:
    Image.fromarray(PIXELS).convert(mode).save(tmp_path / "digit.png")
    images = read_images(tmp_path / "digit.png", SIZE)
    torch.testing.assert_close(torch.from_numpy(images[0]), torch.from_numpy(PIXELS / 255).float())


@pytest.mark.parametrize("pixels", [PIXELS, PIXELS / 255, (PIXELS / 255).astype(np.float16)])
def test_an_npy_file_of_one_image(tmp_path: Path, pixels: np.ndarray) -> None:
    np.save(tmp_path / "digit.npy", pixels)
    images = read_images(tmp_path / "digit.npy", SIZE)
    assert images.dtype == np.float32
    torch.testing.assert_close(
        torch.from_numpy(images), torch.from_numpy(PIXELS[None] / 255).float(), atol=1e-3, rtol=0
    )


def test_an_npy_file_of_many_images_is_read_as_in_training(tmp_path: Path) -> None:
    pixels = np.random.RandomState(0).rand(5, 4, 3) / 2
    np.save(tmp_path / "digits.npy", pixels)
    images = read_images(tmp_path / "digits.npy", SIZE)
    batch = encode_images(SPEC, images).batch([4, 0])
    assert torch.equal(batch.inputs, View("permuted", 4, 3)(torch.from_numpy(pixels[[4, 0]]).float()))
    assert batch.lengths.tolist() == [12, 12]
    assert batch.targets is None


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.zeros(3), "the shape is (3,); expected (height, width) or (images, height, width)"),
        (
            np.zeros((8, 8)),
            "the shape is (8, 8); the model was trained on images of 4 x 3 pixels: "
            "give resize=true, or resize the image yourself",
        ),
        (
            np.zeros((2, 8, 8)),
            "the shape is (2, 8, 8); the model was trained on images of 4 x 3 pixels: "
            "give resize=true, or resize the image yourself",
        ),
        (np.zeros((4, 3), int), "values of type int64; expected uint8, or floats from 0 to 1"),
        (
            np.full((4, 3), 16.0),
            "values from 16 to 16; expected 0 (background) to 1 (stroke): divide by the largest "
            "value that the scale allows",
        ),
        (
            np.full((4, 3), np.nan),
            "values from nan to nan; expected 0 (background) to 1 (stroke): divide by the largest "
            "value that the scale allows",
        ),
    ],
)
def test_an_npy_file_that_does_not_fit(tmp_path: Path, values: np.ndarray, problem: str) -> None:
    np.save(tmp_path / "digit.npy", values)
    assert refusal(tmp_path / "digit.npy") == f"digit.npy: {problem}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert refusal(tmp_path / "digit.jpeg") == (
        "digit.jpeg: cannot read this kind of file; expected .png or .npy"
    )
    assert refusal(tmp_path / "digit.png") == "digit.png: the file is missing"
    assert refusal(tmp_path / "digit.npy") == "digit.npy: the file is missing"
    for name in ("digit.png", "digit.npy"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    assert refusal(tmp_path / "digit.png").startswith(
        "digit.png: the image is damaged: cannot identify image file"
    )
    assert refusal(tmp_path / "digit.npy").startswith("digit.npy: the .npy file is damaged: ")


def test_an_npy_file_runs_no_code(tmp_path: Path) -> None:
    np.save(tmp_path / "digit.npy", np.array([[print]]), allow_pickle=True)
    assert refusal(tmp_path / "digit.npy").startswith("digit.npy: the .npy file is damaged: ")


def test_a_png_cut_off_in_the_middle(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "digit.png")
    content = (tmp_path / "digit.png").read_bytes()
    (tmp_path / "digit.png").write_bytes(content[:45])
    assert refusal(tmp_path / "digit.png").startswith("digit.png: the image is damaged: ")


def test_pngs_whose_grey_values_would_change_silently(tmp_path: Path) -> None:
    Image.fromarray(PIXELS.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert refusal(tmp_path / "deep.png") == "deep.png: pixels of mode I;16; save it with 8 bits per channel"
    transparent = np.zeros((4, 3, 4), dtype=np.uint8)
    Image.fromarray(transparent).save(tmp_path / "clear.png")
    assert refusal(tmp_path / "clear.png") == (
        "clear.png: parts of the image are transparent; save it on a black background"
    )


def test_dark_strokes_on_a_light_ground_are_pointed_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(255 - PIXELS).save(tmp_path / "digit.png")
    with caplog.at_level(logging.WARNING):
        read_images(tmp_path / "digit.png", SIZE)
    problem = "a light background, but the model knows light strokes on a dark one; invert it"
    assert caplog.messages == [f"{tmp_path / 'digit.png'}: {problem}"]


def test_without_pillow_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "digit.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert refusal(tmp_path / "digit.png") == (
        "digit.png: reading it needs pillow: pip install 'seqtrain[image]', or give an .npy file"
    )
