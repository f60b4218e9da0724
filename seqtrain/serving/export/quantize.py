"""An ONNX model whose weights are bytes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from seqtrain.errors import ConfigError

QUANTIZED = ("Gather", "LSTM", "MatMul")


def quantize_int8(content: bytes) -> bytes:
    """The model with the weights of embeddings, LSTMs and linear maps as int8, each with a scale of its own.

    States and sums stay float; what is multiplied is rounded to 8 bits as it comes.

    Raises:
        ConfigError: onnxruntime is not installed.
    """
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError:
        raise ConfigError(["quantize: needs onnxruntime: pip install 'seqtrain[onnx]'"]) from None
    with TemporaryDirectory() as folder, _without_advice():
        path = Path(folder, "model.onnx")
        quantize_dynamic(
            onnx.load_model_from_string(content),
            path,
            op_types_to_quantize=list(QUANTIZED),
            weight_type=QuantType.QInt8,
        )
        return path.read_bytes()


@contextmanager
def _without_advice() -> Iterator[None]:
    """Hide a warning of onnxruntime's, on the root logger, that the model was not prepared."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
