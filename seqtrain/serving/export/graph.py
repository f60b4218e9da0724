"""An ONNX graph under construction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 22  # in which the recurrent operators changed last
IR_VERSION = 10  # which every runtime that knows the opset reads
PRODUCER = "seqtrain"

FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32


class Graph:
    """Collects nodes; values are known by their names, which are unique."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._counts: dict[str, int] = {}

    def add_input(self, name: str, kind: int, shape: Sequence[str | int]) -> str:
        """Declare an input; strings in its shape name sizes that may differ from call to call."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def add_output(self, value: str, name: str, kind: int, shape: Sequence[str | int]) -> None:
        """Declare a value of the graph as an output."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> str:
        """A constant tensor: weights, or small integers such as axes and shapes."""
        name = self._unique("constant")
        self._constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def weight(self, tensor: Any) -> str:
        """A float constant with the values of a torch tensor."""
        return self.constant(tensor.detach().cpu().numpy(), np.float32)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        (output,) = self.add_many(operator, inputs, 1, **attributes)
        return output

    def add_many(
        self, operator: str, inputs: Sequence[str], num_outputs: int, **attributes: Any
    ) -> list[str]:
        """Add a node; an empty input name leaves an optional input out."""
        name = self._unique(operator)
        outputs = [f"{name}_{number}" for number in range(num_outputs)]
        self._nodes.append(helper.make_node(operator, inputs, outputs, name, **attributes))
        return outputs

    def build(self) -> bytes:
        """The checked model."""
        graph = helper.make_graph(self._nodes, PRODUCER, self._inputs, self._outputs, self._constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=PRODUCER,
        )
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content

    def _unique(self, name: str) -> str:
        self._counts[name] = self._counts.get(name, 0) + 1
        return f"{name.lower()}_{self._counts[name]}"
