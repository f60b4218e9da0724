from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from seqtrain.data.batching.streams import Piece, StreamOrder, Streams, whole_text
from seqtrain.data.batching.token_dataset import TokenDataset
from seqtrain.data.corpus import Batching
from seqtrain.records import IGNORED
from seqtrain.spec import TokenInputs, Vocabulary

INPUTS = TokenInputs(tokens=Vocabulary(tuple("abcdefghij"), (1,) * 10), unit="character")
RANDOM = Streams(steps=20, random_steps=True, restarts=0.3)


def dataset(num_tokens: int, streams: Streams = RANDOM) -> TokenDataset:
    return TokenDataset(torch.arange(num_tokens, dtype=torch.int32), streams, INPUTS)


@pytest.mark.parametrize("streams", [Streams(steps=20), RANDOM])
@pytest.mark.parametrize(("num_tokens", "num_streams"), [(1000, 4), (1000, 1), (85, 4), (9, 8)])
def test_an_epoch_reads_every_stream_from_its_beginning_to_its_end(
    streams: Streams, num_tokens: int, num_streams: int
) -> None:
    order = StreamOrder(num_tokens, num_streams, streams, seed=0)
    for epoch in range(3):
        pieces = order.batches(epoch)
        assert len(pieces) == len(order)
        assert all(piece.num_steps >= 1 for piece in pieces)
        for piece, following in pairwise(pieces):
            assert torch.equal(piece.positions + piece.num_steps, following.positions)
        ends = pieces[-1].positions + pieces[-1].num_steps
        assert torch.equal(pieces[0].positions[1:], ends[:-1])
        assert (pieces[0].positions[0], num_tokens - num_streams <= ends[-1] <= num_tokens - 1) == (0, True)


def test_the_epochs_of_random_steps_differ_and_can_be_drawn_again() -> None:
    def lengths(epoch: int) -> list[int]:
        return [piece.num_steps for piece in StreamOrder(10_000, 4, RANDOM, seed=1).batches(epoch)]

    assert lengths(0) == lengths(0) != lengths(1)
    assert sum(10 < each < 32 for each in lengths(0)) > 0.9 * len(lengths(0))


def test_streams_begin_with_the_epoch_and_now_and_then_anew() -> None:
    pieces = StreamOrder(40_001, 20, RANDOM, seed=0).batches(5)
    assert pieces[0].starts.all()
    later = torch.stack([piece.starts for piece in pieces[1:]]).float().mean()
    assert 0.25 < later < 0.35
    assert not any(piece.starts.any() for piece in StreamOrder(40_001, 20, Streams(20), 0).batches(0)[1:])


def test_processes_read_streams_of_their_own() -> None:
    alone = StreamOrder(2001, 8, RANDOM, seed=3).batches(1)
    both = [StreamOrder(2001, 4, RANDOM, 3, rank, 2).batches(1) for rank in (0, 1)]
    for whole, first, second in zip(alone, *both, strict=True):
        assert torch.equal(whole.positions, torch.cat([first.positions, second.positions]))
        assert torch.equal(whole.starts, torch.cat([first.starts, second.starts]))


def test_a_batch_has_the_next_token_as_the_target_of_each() -> None:
    batch = dataset(100).batch(Piece(torch.tensor([0, 50]), 3, torch.tensor([True, False])))
    assert batch.inputs.tolist() == [[0, 1, 2], [50, 51, 52]]
    assert batch.targets.tolist() == [[1, 2, 3], [51, 52, 53]]
    assert batch.lengths.tolist() == [3, 3]
    assert batch.starts.tolist() == [True, False]
    assert batch.to("cpu").starts is batch.starts


def test_an_evaluation_reads_the_whole_text_once_as_one_stream() -> None:
    text = dataset(1100)
    pieces = text.evaluation_batches(Batching(8, None, 1), rank=0, world_size=2)
    batches = [text.batch(piece) for piece in pieces]
    assert torch.cat([batch.targets[0] for batch in batches]).tolist() == list(range(1, 1100))
    assert [batch.starts.tolist() for batch in batches] == [[True], [False], [False]]
    (other,) = text.evaluation_batches(Batching(8, None, 1), rank=1, world_size=2)
    assert text.batch(other).num_valid == 0


def test_pieces_to_look_at_may_end_early() -> None:
    text = dataset(24, Streams(steps=10))
    assert text.lengths.tolist() == [10, 10, 3]
    batch = text.batch([2, 0])
    assert batch.inputs[0].tolist() == [20, 21, 22, *[0] * 7]
    assert batch.targets[0].tolist() == [21, 22, 23, *[IGNORED] * 7]
    assert batch.starts is None


def test_steps_have_the_names_of_tokens() -> None:
    tokens = TokenInputs(tokens=Vocabulary(("\n", " ", "a"), (1, 1, 1)), unit="character")
    text = TokenDataset(torch.tensor([4, 2, 3, 1, 4]), Streams(steps=4), tokens)
    assert text.words(0) == ["a", "\u21b5", "\u2423", "<unknown>"]


def test_fewer_tokens_than_streams_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^8 tokens are too few for 8 streams$"):
        StreamOrder(8, 8, RANDOM, seed=0)


def test_a_text_is_one_stream_whatever_the_steps() -> None:
    assert [piece.num_steps for piece in whole_text(10, 4)] == [4, 4, 1]
