"""The layers and batches that are measured."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from seqtrain.data.batching.loader import BatchSampler
from seqtrain.data.corpus import Batching

NUM_BATCHES = 5  # of a packed row: spread over the corpus
SEED = 0


@dataclass(frozen=True)
class Row:
    """One layer size, and the batches it is run on: their sequence lengths, the longest first."""

    name: str
    input_size: int
    hidden_size: int
    batches: tuple[tuple[int, ...], ...]
    packed: bool
    dtype: torch.dtype = torch.float32  # on a GPU nn.LSTM computes float32 in TF32, unless that is turned off

    @property
    def operations(self) -> float:
        """Multiplications and additions in the matrix products of a training step of two directions."""
        words = sum(sum(lengths) for lengths in self.batches)
        return 3 * 2 * words * 8 * self.hidden_size * (self.input_size + self.hidden_size)


PADDED = (  # T, B, I, H
    (28, 128, 28, 128),
    (28, 256, 256, 256),
    (50, 32, 128, 256),
    (50, 32, 512, 256),
    (25, 32, 100, 100),
    (100, 16, 256, 512),
    (784, 64, 1, 128),
)
PACKED = ((100, 100), (128, 256), (300, 400))  # I, H
BATCH_SIZES = (32, 128)


CUDA_SIZES = tuple(itertools.product((128, 256, 512, 1024), (32, 128, 512), (28, 128, 512)))  # H, B, T; I = H
CUDA_DTYPES = (torch.float32, torch.bfloat16)


def cuda_grid() -> list[Row]:
    rows = [
        Row(
            f"padded T={length} B={batch} H={hidden} {_short(dtype)}",
            hidden,
            hidden,
            ((length,) * batch,),
            False,
            dtype,
        )
        for hidden, batch, length in CUDA_SIZES
        for dtype in CUDA_DTYPES
    ]
    for hidden, batch_size, dtype in itertools.product((256, 512), BATCH_SIZES, CUDA_DTYPES):
        name = f"packed mixed B={batch_size} H={hidden} {_short(dtype)}"
        rows.append(Row(name, hidden, hidden, ewt_batches(batch_size, bucketed=False), True, dtype))
    return rows


def _short(dtype: torch.dtype) -> str:
    return {torch.float32: "float32", torch.bfloat16: "bfloat16"}[dtype]


def cpu_grid() -> list[Row]:
    rows = [
        Row(f"padded T={length} B={batch} I={inputs} H={hidden}", inputs, hidden, ((length,) * batch,), False)
        for length, batch, inputs, hidden in PADDED
    ]
    for inputs, hidden in PACKED:
        for batch_size in BATCH_SIZES:
            for bucketed in (True, False):
                kind = "bucketed" if bucketed else "mixed"
                name = f"packed {kind} B={batch_size} I={inputs} H={hidden}"
                rows.append(Row(name, inputs, hidden, ewt_batches(batch_size, bucketed), True))
    return rows


def ewt_batches(batch_size: int, bucketed: bool) -> tuple[tuple[int, ...], ...]:
    """Batches of sentence lengths of English-EWT's training part, each with its longest first.

    Bucketed batches are those of the training's own sampler, taken at even distances from the shortest to the
    longest; mixed ones are drawn at random from the whole corpus, always the same.
    """
    lengths = torch.tensor(ewt_lengths())
    if bucketed:
        sampler = BatchSampler(lengths, Batching(batch_size, None, batch_size), seed=SEED)
        epoch = sorted(
            (lengths[indices] for indices in sampler.batches(0)), key=lambda batch: int(batch.sum())
        )
        chosen = [epoch[len(epoch) * (2 * k + 1) // (2 * NUM_BATCHES)] for k in range(NUM_BATCHES)]
    else:
        order = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(SEED))
        chosen = list(lengths[order].split(batch_size)[:NUM_BATCHES])
    return tuple(tuple(batch.sort(descending=True).values.tolist()) for batch in chosen)


def ewt_lengths() -> list[int]:
    """The length of every sentence, in rising order."""
    histogram = json.loads(Path(__file__).with_name("ewt_lengths.json").read_text("utf-8"))["sentences"]
    return [int(length) for length, count in histogram.items() for _ in range(count)]
