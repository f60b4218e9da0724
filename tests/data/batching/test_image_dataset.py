import numpy as np
import torch

from seqtrain.data import encode_images
from seqtrain.data.view import View
from seqtrain.spec import DataSpec, SequenceClasses

PIXELS = np.arange(6, dtype=np.float32).reshape(1, 2, 3) / 6


def test_images_become_sequences_of_the_view_that_the_model_was_trained_on() -> None:
    rows, columns, pixels = (
        encode_images(DataSpec(View(view, 2, 3).inputs, SequenceClasses(("a",))), PIXELS).batch([0])
        for view in ("rows", "columns", "pixels")
    )
    assert torch.equal(rows.inputs, torch.from_numpy(PIXELS))
    assert torch.equal(columns.inputs, torch.from_numpy(PIXELS).transpose(1, 2))
    assert pixels.inputs.flatten().tolist() == PIXELS.ravel().tolist()
    assert [batch.lengths.tolist() for batch in (rows, columns, pixels)] == [[2], [3], [6]]
    assert rows.targets is None
