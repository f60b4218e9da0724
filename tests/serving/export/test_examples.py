from __future__ import annotations

import ast

import pytest

from seqtrain.serving.export.description import Description
from seqtrain.serving.export.examples import ONNX, TORCH, Runtime, write_example

WORDS = Description(("A",), "", words={}, characters={})
IMAGES = Description(("A",), "", image_size=(8, 8))
FEATURES = Description(("A",), "", num_features=3)
CHARACTERS = Description(("A",), "", tokens={}, unit="character")


@pytest.mark.parametrize(("runtime", "suffix"), [(ONNX, "onnx"), (TORCH, "pt2")])
@pytest.mark.parametrize(
    ("description", "has_crf", "inputs"),
    [
        (WORDS, False, "They saw the light ."),
        (WORDS, True, "They saw the light ."),
        (IMAGES, False, "A.npy"),
        (FEATURES, False, "A.npy"),
        (FEATURES, True, "A.npy"),
        (CHARACTERS, False, '"Play a waltz."'),
    ],
)
def test_a_script_is_python_and_says_how_it_is_called(
    description: Description, has_crf: bool, inputs: str, runtime: Runtime, suffix: str
) -> None:
    text = write_example(f"mine.{suffix}", description, has_crf, runtime)
    usage = ast.get_docstring(ast.parse(text))
    assert usage is not None
    assert usage.endswith(f"python mine.py {inputs} (needs {runtime.needs})")
    assert ("Viterbi" in text) == has_crf


def test_the_shape_of_a_sequence_of_numbers_is_named() -> None:
    assert write_example("mine.onnx", FEATURES, False, ONNX).startswith('"""Label a sequence (time, 3): ')
