from __future__ import annotations

import pytest
from torch import nn

pytest.importorskip("onnx")

from seqtrain.config import ConfigError
from seqtrain.model import WordEncoder
from seqtrain.serving.export.graph import Graph
from seqtrain.serving.export.layers import States, add_encoder, add_features, add_head, add_images, add_words
from seqtrain.spec import DataSpec, ImageInputs, StepClasses, VectorInputs, Vocabulary, WordInputs


def inputs_of(graph: Graph) -> dict[str, list[str | int]]:
    return {
        each.name: [size.dim_param or size.dim_value for size in each.type.tensor_type.shape.dim]
        for each in graph._inputs
    }


def test_inputs_have_the_shapes_of_the_data() -> None:
    graph = Graph()
    add_images(graph, ImageInputs(feature_size=3, view="rows", size=(4, 3)))
    add_features(graph, VectorInputs(feature_size=5))
    assert inputs_of(graph) == {"images": ["batch", 4, 3], "features": ["batch", "time", 5]}


@pytest.mark.parametrize(("size", "names"), [(4, ["words", "letters"]), (0, ["words"])])
def test_letters_are_an_input_where_an_encoder_reads_them(size: int, names: list[str]) -> None:
    empty = Vocabulary((), ())
    spec = DataSpec(WordInputs(words=empty, characters=empty), StepClasses(("a",)))
    encoder = WordEncoder(spec, 3, 4, size, unknown_rate=0.5, dropout=0.0)
    assert list(add_words(Graph(), [encoder])) == names


def test_parts_of_others_are_refused() -> None:
    with pytest.raises(ConfigError, match="encoder: Linear cannot be exported; words and vectors can"):
        add_encoder(Graph(), nn.Linear(1, 1), {})
    with pytest.raises(ConfigError, match="head: Linear cannot be exported; label, tags and crf can"):
        add_head(Graph(), nn.Linear(1, 1), States("", ""), "")
