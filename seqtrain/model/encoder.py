"""Encoders: what a batch holds, as one vector per step."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from seqtrain.model.bilstm import BiLSTM
from seqtrain.records import UNKNOWN, Words
from seqtrain.spec import DataSpec, TokenInputs, VectorInputs, WordInputs


class VectorEncoder(nn.Module):
    """Pass on steps that are vectors already.

    Args:
        spec: of data with `VectorInputs`.
    """

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        if not isinstance(spec.inputs, VectorInputs):
            kind = type(spec.inputs).__name__
            raise ValueError(f"VectorEncoder needs data whose steps are vectors (VectorInputs), got {kind}")
        self.output_size = spec.inputs.feature_size

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (batch, time, features) unchanged."""
        return inputs


class WordEncoder(nn.Module):
    """A word embedding, concatenated with an encoding of the word's letters.

    The embedding is of the lower-cased word; the letters keep their case and are read by a BiLSTM whose
    two final states represent the spelling. In training a word seen n times is read as unknown with
    probability `unknown_rate / (unknown_rate + n)` (Kiperwasser and Goldberg, 2016), so that the
    embedding of the unknown word is trained and rare words rely on their letters.

    Where the data has pretrained word vectors, a third part is the word's vector, which is never trained: the
    buffer `word_vectors`, filled by `load_vectors` or a checkpoint, zero for words without a vector. A word
    that train lacks has a vector of its own and the embedding of the unknown word. A word that is read as
    unknown loses only its embedding: its vector and its letters stay visible.

    Args:
        spec: of data with `WordInputs`.
        word_size: size of a word's embedding; 0 to leave it out.
        character_size: size of a letter's embedding.
        character_hidden_size: units of each direction of the letters' BiLSTM; 0 to leave letters out.
        unknown_rate: see above; 0 never hides a word.
        dropout: share of the encoding that is dropped in training.
    """

    def __init__(
        self,
        spec: DataSpec,
        word_size: int,
        character_size: int,
        character_hidden_size: int,
        unknown_rate: float,
        dropout: float,
    ) -> None:
        super().__init__()
        inputs = spec.inputs
        if not isinstance(inputs, WordInputs):
            raise ValueError(
                f"WordEncoder needs data that holds words (WordInputs), got {type(inputs).__name__}"
            )
        vector_size = inputs.vector_size or 0
        if word_size == 0 and character_hidden_size == 0 and vector_size == 0:
            raise ValueError("WordEncoder reads neither words nor characters: both sizes are 0")
        self.output_size = word_size + vector_size + 2 * character_hidden_size
        # Words known only by their vectors have no embedding of their own: it would never be trained.
        self._num_embedded = 2 + inputs.words.num_counted if vector_size else len(inputs.words)
        self.word_embedding = (
            nn.Embedding(self._num_embedded, word_size, padding_idx=0) if word_size else None
        )
        self.spelling_encoder = (
            SpellingEncoder(len(inputs.characters), character_size, character_hidden_size)
            if character_hidden_size
            else None
        )
        counts = torch.tensor([0.0, 0.0, *inputs.words.counts])
        # The two reserved ids are never replaced, nor is a word that does not occur in train.
        hidden = torch.where(counts > 0, unknown_rate / (unknown_rate + counts), torch.zeros(()))
        self.register_buffer("unknown_probability", hidden, persistent=False)
        self.unknown_probability: Tensor
        self.register_buffer(
            "word_vectors", torch.zeros(len(inputs.words), vector_size) if vector_size else None
        )
        self.word_vectors: Tensor | None
        self.dropout = nn.Dropout(dropout)

    def load_vectors(self, vectors: Tensor) -> None:
        """Copy pretrained vectors, (len(words), vector_size) of the data's `WordInputs`.

        Raises:
            ValueError: the DataSpec has no word vectors, or vectors of another size.
        """
        if self.word_vectors is None:
            raise ValueError("this encoder has no word vectors: the DataSpec that it was built from has none")
        expected, given = tuple(self.word_vectors.shape), tuple(vectors.shape)
        if given != expected:
            raise ValueError(f"word vectors must have the shape {expected}, got {given}")
        self.word_vectors.copy_(vectors)

    def forward(self, inputs: Words) -> Tensor:
        """(batch, time, output_size)"""
        parts = self.look_up(inputs.word)
        if self.spelling_encoder is not None:
            spellings = self.spelling_encoder(inputs.characters, inputs.num_characters)
            parts.append(F.embedding(inputs.spelling, spellings))
        encoded: Tensor = self.dropout(torch.cat(parts, dim=-1))
        return encoded

    def look_up(self, word: Tensor) -> list[Tensor]:
        """The embeddings and the vectors of words (batch, time), where the encoder has them."""
        parts = []
        if self.word_embedding is not None:
            parts.append(self.word_embedding(self._embedded(self._hide_rare_words(word))))
        if self.word_vectors is not None:
            parts.append(F.embedding(word, self.word_vectors))
        return parts

    def _embedded(self, word: Tensor) -> Tensor:
        """The rows of the embedding; that of the unknown word for words that train lacks."""
        return word if self.word_vectors is None else word.masked_fill(word >= self._num_embedded, UNKNOWN)

    def _hide_rare_words(self, word: Tensor) -> Tensor:
        if not self.training:
            return word
        hide = torch.rand(word.shape, device=word.device) < self.unknown_probability[word]
        return word.masked_fill(hide, UNKNOWN)


class SpellingEncoder(nn.Module):
    """The two final states of a BiLSTM over the letters of a word."""

    def __init__(self, num_characters: int, character_size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_characters, character_size, padding_idx=0)
        self.rnn = BiLSTM(character_size, hidden_size, batch_first=True)

    def forward(self, characters: Tensor, num_characters: Tensor) -> Tensor:
        """(spellings, letters) and (spellings,) to (spellings, 2 * hidden_size)"""
        # Packed before they are embedded: one long spelling would pad the vectors of all.
        letters = pack_padded_sequence(characters, num_characters, batch_first=True, enforce_sorted=False)
        _, (h_n, _) = self.rnn(letters._replace(data=self.embedding(letters.data)))
        return torch.cat((h_n[0], h_n[1]), dim=-1)


class TokenEncoder(nn.Module):
    """An embedding of each token.

    Args:
        spec: of data with `TokenInputs`.
        size: of an embedding.
        dropout: share of the features that is dropped in training, the same at every step of a sequence.
        token_dropout: share of the tokens of the vocabulary whose embedding is zero in a training batch,
            wherever they occur (Gal and Ghahramani, 2016).
    """

    def __init__(self, spec: DataSpec, size: int, dropout: float, token_dropout: float = 0.0) -> None:
        super().__init__()
        if not isinstance(spec.inputs, TokenInputs):
            kind = type(spec.inputs).__name__
            raise ValueError(f"TokenEncoder needs data that holds tokens (TokenInputs), got {kind}")
        self.output_size = size
        self.embedding = nn.Embedding(len(spec.inputs.tokens), size, padding_idx=0)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.dropout = LockedDropout(dropout)
        self.token_dropout = token_dropout

    def forward(self, inputs: Tensor) -> Tensor:
        """Ids (batch, time) to features (batch, time, size)."""
        weight = self.embedding.weight
        if self.training and self.token_dropout:
            weight = weight * F.dropout(weight.new_ones(len(weight), 1), self.token_dropout)
        features: Tensor = self.dropout(F.embedding(inputs, weight, padding_idx=0))
        return features


class LockedDropout(nn.Module):
    """Drop the same features at every step of a sequence (Gal and Ghahramani, 2016).

    Args:
        share: of the features that are dropped in training.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, steps: Tensor) -> Tensor:
        """(batch, time, features) to the same."""
        if not self.training or self.share == 0:
            return steps
        mask = F.dropout(steps.new_ones(steps.shape[0], 1, steps.shape[2]), self.share)
        return steps * mask

    def extra_repr(self) -> str:
        return f"share={self.share}"
