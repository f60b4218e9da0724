from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqtrain.data import encode_sentences
from seqtrain.model import VectorEncoder, WordEncoder
from seqtrain.records import Words
from seqtrain.spec import DataSpec, StepClasses, VectorInputs, Vocabulary, WordInputs

SPEC = DataSpec(
    WordInputs(
        words=Vocabulary(("the", "dog", "pretrained"), (9, 1, 0)),
        characters=Vocabulary(tuple("thedogT"), (9, 9, 9, 9, 1, 1, 1)),
    ),
    StepClasses(("A", "B")),
)
THE, DOG, PRETRAINED = 2, 3, 4


def encoder(**changed: float) -> WordEncoder:
    torch.manual_seed(0)
    sizes = {"word_size": 3, "character_size": 4, "character_hidden_size": 5}
    return WordEncoder(SPEC, **{**sizes, "unknown_rate": 1.0, "dropout": 0.0, **changed})


def words(*sentences: str) -> Words:
    inputs = encode_sentences(SPEC, [sentence.split() for sentence in sentences]).batch(range(len(sentences)))
    assert isinstance(inputs.inputs, Words)
    return inputs.inputs


def test_vectors_stay_as_they_are() -> None:
    vectors = torch.randn(2, 3, 4)
    model = VectorEncoder(DataSpec(VectorInputs(feature_size=4), StepClasses(("A",))))
    assert model.output_size == 4
    assert model(vectors) is vectors


@pytest.mark.parametrize(
    ("sizes", "output_size"), [({}, 13), ({"word_size": 0}, 10), ({"character_hidden_size": 0}, 3)]
)
def test_words_and_characters_stand_side_by_side(sizes, output_size: int) -> None:
    model = encoder(**sizes).eval()
    assert model.output_size == output_size
    assert model(words("the dog", "dog")).shape == (2, 2, output_size)


def test_a_word_is_lower_cased_and_its_letters_are_not() -> None:
    first, second = encoder().eval()(words("the The"))[0]
    assert torch.equal(first[:3], second[:3])
    assert not torch.allclose(first[3:], second[3:])


def test_a_word_has_one_encoding_wherever_it_stands() -> None:
    model = encoder().eval()
    inputs = words("the dog the", "dog")
    assert len(inputs.characters) == 2  # spellings, each encoded once
    encoded = model(inputs)
    assert torch.equal(encoded[0, 0], encoded[0, 2])
    assert torch.equal(encoded[0, 1], encoded[1, 0])
    torch.testing.assert_close(model(words("dog"))[0, 0], encoded[1, 0], rtol=0, atol=1e-6)


def test_spelling_is_read_to_its_own_end() -> None:
    model = encoder().eval()
    alone = model(words("dog"))[0, 0]
    beside_longer = model(words("dog thedogthedog"))[0, 0]
    torch.testing.assert_close(alone, beside_longer, rtol=0, atol=1e-6)


def test_the_letters_final_states_of_both_directions_stand_for_the_spelling() -> None:
    model = encoder().eval()
    spelling = model.spelling_encoder
    assert spelling is not None
    letters = spelling.embedding(torch.tensor([[5, 6, 7]]))  # d, o, g
    _, (h_n, _) = spelling.rnn(letters)
    expected = torch.cat((h_n[0, 0], h_n[1, 0]))
    torch.testing.assert_close(model(words("dog"))[0, 0, 3:], expected, rtol=0, atol=1e-6)


def test_rare_words_are_hidden_with_probability_rate_over_rate_plus_count() -> None:
    model = encoder(unknown_rate=1.0)
    assert model.unknown_probability.tolist() == pytest.approx([0, 0, 1 / 10, 1 / 2, 0])
    halved = encoder(unknown_rate=0.5).unknown_probability.tolist()
    assert halved == pytest.approx([0, 0, 0.5 / 9.5, 1 / 3, 0])
    trials = 20000
    word = torch.tensor([0, 1, THE, DOG, PRETRAINED]).repeat(trials, 1)
    shares = (model._hide_rare_words(word) != word).double().mean(dim=0).tolist()
    # Four standard deviations of a share of 20,000 draws are at most 0.0142.
    assert shares[:2] == [0, 0]  # padding and the unknown word stay what they are
    assert shares[2] == pytest.approx(0.1, abs=0.0085)
    assert shares[3] == pytest.approx(0.5, abs=0.0142)
    assert shares[4] == 0
    hidden = model._hide_rare_words(word)
    assert set(hidden[hidden != word].tolist()) == {1}


def test_nothing_is_hidden_in_evaluation_or_at_rate_0() -> None:
    word = torch.tensor([[DOG] * 1000])
    assert torch.equal(encoder().eval()._hide_rare_words(word), word)
    assert torch.equal(encoder(unknown_rate=0.0)._hide_rare_words(word), word)


def test_dropout_is_for_training_only() -> None:
    model = encoder(dropout=0.5, unknown_rate=0.0)
    inputs = words("the dog the dog")
    assert not torch.equal(model(inputs), model(inputs))
    model.eval()
    assert torch.equal(model(inputs), model(inputs))


def test_padding_gets_no_gradient() -> None:
    model = encoder(unknown_rate=0.0)
    encoded = model(words("the dog", "dog"))
    encoded[:, :, :3].sum().backward()
    assert model.word_embedding is not None
    assert model.word_embedding.weight.grad is not None
    assert model.word_embedding.weight.grad[:, 0].tolist() == [0, 0, 1, 2, 0]


class TestVectors:
    """the (9), dog (1), pretrained (0) with vectors of two numbers; dog has none."""

    SPEC = replace(SPEC, inputs=replace(SPEC.inputs, vector_size=2))
    VECTORS = torch.tensor([[0, 0], [0, 0], [1, 2], [0, 0], [3, 4]], dtype=torch.float32)

    def encoder(self, **changed: float) -> WordEncoder:
        torch.manual_seed(0)
        sizes = {"word_size": 3, "character_size": 4, "character_hidden_size": 5}
        model = WordEncoder(self.SPEC, **{**sizes, "unknown_rate": 0.0, "dropout": 0.0, **changed})
        model.load_vectors(self.VECTORS)
        return model

    def test_they_stand_between_the_embedding_and_the_letters(self) -> None:
        model = self.encoder()
        assert model.output_size == 3 + 2 + 10
        encoded = model(words("The dog pretrained wug"))[0]
        assert encoded[:, 3:5].tolist() == [[1, 2], [0, 0], [3, 4], [0, 0]]
        assert model.word_embedding is not None
        embedding = model.word_embedding.weight
        assert embedding.shape == (4, 3)  # padding, unknown, the, dog
        assert torch.equal(encoded[:, :3], embedding[[2, 3, 1, 1]])

    def test_the_letters_are_as_without(self) -> None:
        with_vectors, without = self.encoder(word_size=0), encoder(word_size=0, unknown_rate=0.0)
        inputs = words("the dog")
        assert torch.equal(with_vectors(inputs)[..., 2:], without(inputs))

    def test_padding_is_zero(self) -> None:
        model = self.encoder(character_hidden_size=0)
        assert model(words("the the", "the"))[1, 1].tolist() == [0] * 5

    def test_a_hidden_word_keeps_its_vector_and_its_letters(self) -> None:
        model = self.encoder(unknown_rate=1e9)
        assert model.word_embedding is not None
        inputs = words("the pretrained")
        hidden = model(inputs)[0]
        assert torch.equal(hidden[:, :3], model.word_embedding.weight[[1, 1]])
        assert torch.equal(hidden[:, 3:], model.eval()(inputs)[0, :, 3:])
        assert hidden[:, 3:5].tolist() == [[1, 2], [3, 4]]

    @pytest.mark.parametrize(
        ("sizes", "output_size"),
        [
            ({"word_size": 0}, 12),
            ({"character_hidden_size": 0}, 5),
            ({"word_size": 0, "character_hidden_size": 0}, 2),
        ],
    )
    def test_they_do_without_the_other_parts(self, sizes, output_size: int) -> None:
        model = self.encoder(**sizes)
        assert model.output_size == output_size
        assert model(words("the dog", "dog")).shape == (2, 2, output_size)

    def test_they_are_saved_and_never_trained(self) -> None:
        model = self.encoder(unknown_rate=1.0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
        model(words("the dog pretrained")).square().sum().backward()
        optimizer.step()
        assert "word_vectors" not in dict(model.named_parameters())
        assert model.word_vectors is not None
        assert not model.word_vectors.requires_grad
        assert torch.equal(model.word_vectors, self.VECTORS)
        assert torch.equal(model.state_dict()["word_vectors"], self.VECTORS)

    def test_without_them_nothing_is_saved(self) -> None:
        assert "word_vectors" not in encoder().state_dict()

    def test_a_table_of_another_shape_is_refused(self) -> None:
        message = r"^word vectors must have the shape \(5, 2\), got \(5, 3\)$"
        with pytest.raises(ValueError, match=message):
            self.encoder().load_vectors(torch.zeros(5, 3))
        message = r"^this encoder has no word vectors: the DataSpec that it was built from has none$"
        with pytest.raises(ValueError, match=message):
            encoder().load_vectors(self.VECTORS)


def test_data_of_the_other_kind_is_refused() -> None:
    numbers = DataSpec(VectorInputs(feature_size=4), StepClasses(("A",)))
    with pytest.raises(
        ValueError, match=r"^VectorEncoder needs data whose .*VectorInputs\), got WordInputs$"
    ):
        VectorEncoder(SPEC)
    with pytest.raises(ValueError, match=r"^WordEncoder needs data that holds words .*, got VectorInputs$"):
        WordEncoder(numbers, 1, 1, 1, 0.0, 0.0)
    with pytest.raises(
        ValueError, match=r"^WordEncoder reads neither words nor characters: both sizes are 0$"
    ):
        encoder(word_size=0, character_hidden_size=0)
