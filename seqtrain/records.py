"""The records that cross the borders between data, model and task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

Move: TypeAlias = Callable[[Tensor], Tensor]
Standardization: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]  # means and standard deviations
TagScheme: TypeAlias = Literal["bio", "iob"]  # see `DataSpec.tag_scheme`


@dataclass(frozen=True)
class Words:
    """The words of a padded batch, every distinct spelling encoded once.

    A character encoder runs over the `spellings` distinct spellings of the batch and its results
    are looked up with `spelling`, so that a word that occurs fifty times costs no more than one.
    """

    word: Tensor  # (batch, time) integer: id in the word vocabulary; 0 is padding, 1 an unknown word
    spelling: Tensor  # (batch, time) integer: row of `characters`; 0 at padding
    characters: Tensor  # (spellings, letters) integer: ids in the character vocabulary; 0 is padding
    num_characters: Tensor  # (spellings,) integer: letters of each spelling, at least 1

    def each(self, move: Move) -> Words:
        """The same words with `move` done to every tensor but `num_characters`, which stays on the CPU."""
        return Words(move(self.word), move(self.spelling), move(self.characters), self.num_characters)


@dataclass(frozen=True)
class SequenceBatch:
    """One padded batch, batch first.

    `inputs` is (batch, time, features) float for sequences of vectors, or `Words`. `lengths` (batch,)
    int64 is required even where all are equal, and stays on the CPU, where packing needs it. `targets` is
    (batch,) for one class per sequence or (batch, time) for a tag per token, IGNORED (-100) at padding and
    where it is not known; None where nothing is known. `unseen` (batch, time) bool marks the words that the
    training part lacks.
    """

    inputs: Tensor | Words
    lengths: Tensor
    targets: Tensor | None = None
    unseen: Tensor | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def num_valid(self) -> int:
        """How many targets are not IGNORED; counted before the batch moves, to wait for no device."""
        return 0 if self.targets is None else int((self.targets != IGNORED).sum())

    def to(self, device: torch.device | str, non_blocking: bool = False) -> SequenceBatch:
        """The same batch on `device`; lengths stay on the CPU: a copy back would synchronise."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> SequenceBatch:
        """The same batch in pinned memory, from which a GPU copies asynchronously."""
        return self._each(Tensor.pin_memory)

    def _each(self, move: Move) -> SequenceBatch:
        moved = replace(
            self,
            inputs=move(self.inputs) if isinstance(self.inputs, Tensor) else self.inputs.each(move),
            targets=None if self.targets is None else move(self.targets),
            unseen=None if self.unseen is None else move(self.unseen),
        )
        moved.__dict__["num_valid"] = self.num_valid
        return moved


class FinalState(NamedTuple):
    """The state after each sequence's true last step; in torch's order: layer 0 forward, then backward, ...

    `h_n` and `c_n` are (num_layers * num_directions, batch, hidden_size); `c_n` is None where the
    recurrence has no cell state.
    """

    h_n: Tensor
    c_n: Tensor | None = None

    def summarize(self, num_directions: int) -> Tensor:
        """(batch, num_directions * hidden_size): h_n of the last layer's directions beside each other."""
        return torch.cat(self.h_n[-num_directions:].unbind(0), dim=-1)


class BackboneOutput(NamedTuple):
    """What a backbone makes of a batch; see `seqtrain.model.Backbone`.

    `states` (batch, time, output_size) are those of every time step, zero beyond a sequence's length;
    `summary` (batch, output_size) is what stands for a whole sequence. `final_state` is what the recurrence
    goes on from, any tree of tensors: the backbone takes it back as its `state`.
    """

    states: Tensor
    summary: Tensor
    final_state: Any


def valid_steps(lengths: Tensor, num_steps: int) -> Tensor:
    """(batch, num_steps) bool, on the device of `lengths`: true for the time steps within each sequence."""
    return torch.arange(num_steps, device=lengths.device) < lengths[:, None]


IGNORED = -100  # the target at padding, torch's own default for cross-entropy
MAX_SIZE = 1 << 20  # of a time step, an image or a word vector in a checkpoint's DataSpec
UNKNOWN = 1  # the id of a string that a vocabulary lacks; 0 is padding


@dataclass(frozen=True)
class Vocabulary:
    """Strings and their ids; 0 is padding, 1 the unknown string.

    `counts` holds how often each entry of `entries` occurred in the training part (0 for entries
    from elsewhere, such as pretrained vectors, which come last).
    """

    entries: tuple[str, ...]  # without the two reserved ids: entries[0] has id 2
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.entries) + 2

    @cached_property
    def num_counted(self) -> int:
        """How many entries occurred in the training part."""
        return sum(count > 0 for count in self.counts)

    def index(self) -> Mapping[str, int]:
        """The id of each entry."""
        return self._index

    @cached_property
    def _index(self) -> dict[str, int]:
        return {entry: number for number, entry in enumerate(self.entries, start=2)}


@dataclass(frozen=True)
class DataSpec:
    """All that a model knows about the data, available after setup and saved with the checkpoint."""

    target_names: tuple[str, ...]
    feature_size: int | None = None  # numbers per step, for sequences of vectors
    view: str | None = None  # how an image is read as a sequence, for images
    image_size: tuple[int, int] | None = None  # height and width, for images
    words: Vocabulary | None = None
    characters: Vocabulary | None = None
    vector_size: int | None = None  # numbers of a pretrained word vector, where there are any
    column: str | None = None  # of CoNLL-U, where the tags are from
    standardization: Standardization | None = None  # of the features, for arrays
    has_target_per_step: bool | None = None  # for arrays, which may have either; None if the source decides
    # Tags that mark spans: what begins one, see `seqtrain.data.tag_scheme`. It follows from the data, and
    # earlier versions decided otherwise: a checkpoint of theirs does not come from other data for that.
    tag_scheme: TagScheme | None = field(default=None, compare=False)

    @property
    def num_targets(self) -> int:
        return len(self.target_names)

    def to_dict(self) -> dict[str, Any]:
        """Plain tuples, strings and numbers, so that it loads with `weights_only=True`.

        Nothing is copied: a vocabulary has tens of thousands of entries, and this is saved in every epoch.
        """
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("words", "characters"):
            vocabulary: Vocabulary | None = plain[name]
            plain[name] = vocabulary and {"entries": vocabulary.entries, "counts": vocabulary.counts}
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> DataSpec:
        def vocabulary(entry: dict[str, Any] | None) -> Vocabulary | None:
            return None if entry is None else Vocabulary(tuple(entry["entries"]), tuple(entry["counts"]))

        standardization = plain.get("standardization")
        spec = cls(
            target_names=tuple(plain["target_names"]),
            feature_size=plain["feature_size"],
            view=plain["view"],
            image_size=plain["image_size"] and (plain["image_size"][0], plain["image_size"][1]),
            words=vocabulary(plain["words"]),
            characters=vocabulary(plain["characters"]),
            # Earlier checkpoints lack the keys that follow.
            vector_size=plain.get("vector_size"),
            column=plain.get("column", None if plain["words"] is None else "UPOS"),
            standardization=standardization and (tuple(standardization[0]), tuple(standardization[1])),
            has_target_per_step=plain.get("has_target_per_step"),
            tag_scheme=plain.get("tag_scheme"),
        )
        spec._check_types()
        return spec

    def _check_types(self) -> None:
        """Refuse what only a checkpoint made by hand can hold; a text for a size could end up in a script."""
        entries = (each.entries for each in (self.words, self.characters) if each is not None)
        texts = [*self.target_names, *chain.from_iterable(entries)]
        texts += [each for each in (self.view, self.column) if each is not None]
        sizes = [self.feature_size, self.vector_size, *(self.image_size or ())]
        numbers = chain.from_iterable(self.standardization or ())
        if not all(isinstance(each, str) for each in texts):
            raise TypeError("a name is not a text")
        if not all(each is None or (type(each) is int and 0 < each <= MAX_SIZE) for each in sizes):
            raise TypeError(f"a size is not a number from 1 to {MAX_SIZE}")
        if not all(type(each) in (int, float) for each in numbers):
            raise TypeError("the standardization is not made of numbers")


@dataclass(frozen=True)
class StepOutput:
    """What a training or evaluation step hands to the callbacks.

    `loss_sum` () is detached, summed over the `num_valid` valid positions of the batch. `final_states` has
    one entry for each member of an ensemble, a single one otherwise; each is what the backbone returned, and
    where it is a FinalState it has `num_directions` rows a layer.
    `predictions`, of the shape of the batch's targets, are there in evaluation only.
    """

    loss_sum: Tensor
    num_valid: int
    final_states: tuple[Any, ...]
    num_directions: int
    predictions: Tensor | None = None
