"""Images, read as the sequences that a model was trained on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from seqtrain.data.batching.vector_dataset import VectorDataset
from seqtrain.data.view import View
from seqtrain.spec import DataSpec, ImageInputs


def encode_images(spec: DataSpec, pixels: npt.NDArray[np.float32]) -> VectorDataset:
    """Images, (images, height, width) from 0 to 1, as sequences to predict on."""
    assert isinstance(spec.inputs, ImageInputs)
    view = View.of(spec.inputs)
    return VectorDataset(view(torch.from_numpy(pixels)), torch.full((len(pixels),), view.num_steps))
