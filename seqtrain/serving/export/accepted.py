"""What an ONNX file holds that `seqtrain export` wrote: all that `OnnxPredictor` reads. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAX_MODEL = (1 << 31) - 1  # bytes; protobuf has no larger messages
MAX_NODES = 4_000
MAX_MEMORY = 4 << 30  # bytes that a session may take

OPERATORS = frozenset(
    {"Add", "Cast", "Concat", "Div", "Equal", "GRU", "Gather", "Greater", "Identity", "LSTM", "Less"}
    | {"LogSoftmax", "MatMul", "Max", "Mean", "Mul", "NonZero", "RNN", "Range", "ReduceLogSumExp"}
    | {"ReduceMax", "ReduceMean", "ReduceSum", "Reshape", "Shape", "Slice", "Softmax", "Squeeze", "Sub"}
    | {"Tanh", "TopK", "Transpose", "Unsqueeze", "Where"}
    | {"DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger"}  # of quantize=int8
)
RUNTIME = "com.microsoft"  # the domain of onnxruntime's own operators
QUANTIZED_LSTM = (RUNTIME, "DynamicQuantizeLSTM")


def find_foreign_parts(model: Any) -> Iterator[str]:
    """What an `onnx.ModelProto` holds beyond the operators and weights of an export: anything that reads
    another file, or computes in a loop."""
    from onnx import AttributeProto, TensorProto

    plain = {AttributeProto.INT, AttributeProto.INTS, AttributeProto.FLOAT, AttributeProto.FLOATS}
    plain |= {AttributeProto.STRING, AttributeProto.STRINGS}
    graph = model.graph
    if (
        any(each.domain not in ("", RUNTIME) for each in model.opset_import)
        or model.functions
        or model.training_info
    ):
        yield "operators of other packages"
    if len(graph.node) > MAX_NODES:
        yield f"{len(graph.node):,} operators; expected at most {MAX_NODES:,}"
    yield from sorted({f"the operator {each.op_type}" for each in graph.node if _is_unknown(each)})
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type not in plain:
                yield f"the attribute {attribute.name} of {node.op_type}, which is a tensor or a graph"
    if graph.sparse_initializer:
        yield "sparse weights"
    for tensor in graph.initializer:
        if tensor.external_data or tensor.data_location != TensorProto.DEFAULT:
            yield f"the weight {tensor.name}, which lies in another file"


def _is_unknown(node: Any) -> bool:
    if node.domain:
        return (node.domain, node.op_type) != QUANTIZED_LSTM
    return node.op_type not in OPERATORS
