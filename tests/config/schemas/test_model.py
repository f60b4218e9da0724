import pytest
import torch
from torch import nn

from seqtrain.config.schemas import model
from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS


@pytest.mark.parametrize(
    ("schema", "module"),
    [(model.RNN, nn.RNN), (model.LSTM, nn.LSTM), (model.GRU, nn.GRU), (model.BiLSTM, BiLSTM)],
)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_parameters_are_those_of_the_weight_matrices(
    schema: type[model.Recurrent], module: type[nn.Module], bidirectional: bool
) -> None:
    node = {"hidden_size": 7, "num_layers": 3, "bidirectional": bidirectional}
    built = module(5, bias=False, **node)
    assert schema.num_parameters(node, 5) == sum(weight.numel() for weight in built.parameters())


@pytest.mark.parametrize("cell", CELLS)
def test_parameters_of_the_cells_of_a_bilstm(cell: str) -> None:
    node = {"hidden_size": 7, "num_layers": 2, "cell": cell}
    built = BiLSTM(5, bias=False, **node)
    assert model.BiLSTM.num_parameters(node, 5) == sum(weight.numel() for weight in built.parameters())


def test_an_encoder_with_word_vectors_has_a_size_that_the_file_decides() -> None:
    node = {"word_size": 3, "character_hidden_size": 4}
    size = model.WordEncoder.output_size(node, {"data": {}})
    assert size is not None
    assert size.features == 11
    assert model.WordEncoder.output_size(node, {"data": {"vectors": "x.txt"}}) is None


def test_parameters_of_an_encoder_are_those_without_a_vocabulary() -> None:
    from seqtrain.model import WordEncoder
    from seqtrain.spec import DataSpec, StepClasses, Vocabulary, WordInputs

    empty = Vocabulary((), ())
    node = {"word_size": 3, "character_size": 4, "character_hidden_size": 5}
    encoder = WordEncoder(
        DataSpec(WordInputs(words=empty, characters=empty), StepClasses(("A",))),
        **node,
        unknown_rate=0.5,
        dropout=0.0,
    )
    matrices = [weight for name, weight in encoder.named_parameters() if "bias" not in name]
    assert model.WordEncoder.num_parameters(node, 0) == sum(map(torch.numel, matrices))
