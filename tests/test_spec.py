"""What a model knows of the data, on its way through a checkpoint."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch

from seqtrain.data import View
from seqtrain.spec import (
    Classes,
    DataSpec,
    Inputs,
    NextToken,
    SequenceClasses,
    StepClasses,
    Targets,
    TokenInputs,
    UnknownKindError,
    VectorInputs,
    Vocabulary,
    WordInputs,
)

WORDS = WordInputs(words=Vocabulary(("light", "run"), (3, 1)), characters=Vocabulary(("a",), (7,)))
SCALED = VectorInputs(feature_size=2, standardization=((0.0, 1.0), (2.0, 3.0)))
TOKENS = Vocabulary(("e", "t"), (9, 7))
SPECS = {
    "words": DataSpec(WORDS, StepClasses(("NOUN", "VERB"), column="UPOS")),
    "chunks": DataSpec(replace(WORDS, vector_size=3), StepClasses(("B-X", "O"), tag_scheme="bio")),
    "images": DataSpec(View("columns", 28, 20).inputs, SequenceClasses(("0", "1"))),
    "sequences": DataSpec(SCALED, SequenceClasses(("a", "b"))),
    "steps": DataSpec(SCALED, StepClasses(("a", "b"))),
    "tokens": DataSpec(TokenInputs(tokens=TOKENS, unit="character"), NextToken(TOKENS)),
}
# What version 0.2 saved of the same data.
FIELDS = "feature_size view image_size words characters vector_size column standardization"
NOTHING = dict.fromkeys([*FIELDS.split(), "has_target_per_step", "tag_scheme"])
FLAT_WORDS = NOTHING | {
    "words": {"entries": ("light", "run"), "counts": (3, 1)},
    "characters": {"entries": ("a",), "counts": (7,)},
}
FLAT_NUMBERS = NOTHING | {"feature_size": 2, "standardization": ((0.0, 1.0), (2.0, 3.0))}
FLAT = {
    "words": FLAT_WORDS | {"target_names": ("NOUN", "VERB"), "column": "UPOS"},
    "chunks": FLAT_WORDS | {"target_names": ("B-X", "O"), "vector_size": 3, "tag_scheme": "bio"},
    "images": NOTHING
    | {"target_names": ("0", "1"), "feature_size": 28, "view": "columns", "image_size": (28, 20)},
    "sequences": FLAT_NUMBERS | {"target_names": ("a", "b"), "has_target_per_step": False},
    "steps": FLAT_NUMBERS | {"target_names": ("a", "b"), "has_target_per_step": True},
}


def through_a_file(plain: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(plain, file)
    file.seek(0)
    return dict(torch.load(file, weights_only=True))


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_survives_a_checkpoint(name: str) -> None:
    assert DataSpec.from_dict(through_a_file(SPECS[name].to_dict())) == SPECS[name]


@pytest.mark.parametrize("name", FLAT)
def test_specs_of_the_version_before_are_read(name: str) -> None:
    assert DataSpec.from_dict(through_a_file(FLAT[name])) == SPECS[name]


def test_specs_from_before_word_vectors_and_columns_are_read() -> None:
    oldest = {k: v for k, v in FLAT["words"].items() if k not in ("vector_size", "column", "tag_scheme")}
    assert DataSpec.from_dict(oldest) == SPECS["words"]


def test_another_tag_scheme_of_an_earlier_version_is_no_other_data() -> None:
    found = DataSpec.from_dict(FLAT["chunks"] | {"tag_scheme": "iob"})
    assert isinstance(found.targets, StepClasses)
    assert found.targets.tag_scheme == "iob"
    assert found == SPECS["chunks"]


def test_plain_values_copy_no_vocabulary() -> None:
    assert SPECS["words"].to_dict()["inputs"]["words"]["entries"] is WORDS.words.entries


@dataclass(frozen=True)
class Volumes(Targets):
    """Targets of one's own."""

    unit: str

    per_step: ClassVar[bool] = False
    each: ClassVar[str] = "an amount for each sequence"

    @property
    def num_targets(self) -> int:
        return 1


def test_a_kind_of_ones_own_survives_a_checkpoint_where_it_has_been_imported() -> None:
    spec = DataSpec(SCALED, Volumes("litres"))
    plain = through_a_file(spec.to_dict())
    assert DataSpec.from_dict(plain) == spec
    plain["targets"]["kind"] = "Lengths"
    with pytest.raises(UnknownKindError, match=r"^Lengths$"):
        DataSpec.from_dict(plain)


@pytest.mark.parametrize("kind", ["Targets", "Classes", "VectorInputs"])
def test_what_is_no_kind_of_targets_is_not_read(kind: str) -> None:
    with pytest.raises(UnknownKindError):
        Targets.from_dict({"kind": kind, "names": ("a",)})


def test_two_kinds_have_two_names() -> None:
    with pytest.raises(TypeError, match=r"SequenceClasses: seqtrain\.spec\.targets has a kind of this name$"):
        type("SequenceClasses", (Classes,), {"__module__": __name__})


@pytest.mark.parametrize(
    "make",
    [
        lambda: VectorInputs(feature_size="8"),
        lambda: VectorInputs(feature_size=0),
        lambda: VectorInputs(feature_size=1, standardization=(("a",), (1.0,))),
        lambda: View("rows", 8, 8).inputs.__class__(feature_size=8, view=3, size=(8, 8)),
        lambda: replace(View("rows", 8, 8).inputs, size=(8, "8")),
        lambda: WordInputs(words=Vocabulary((1,), (1,)), characters=Vocabulary((), ())),
        lambda: SequenceClasses((1, 2)),
        lambda: StepClasses(("a",), column=1),
    ],
)
def test_what_only_a_checkpoint_made_by_hand_can_hold_is_refused(make) -> None:
    with pytest.raises(TypeError):
        make()


def test_what_is_said_of_kinds() -> None:
    assert (WORDS.sequences, WORDS.steps) == ("sentences", "words")
    assert WORDS.describe() == "4 known words, 3 characters"
    assert (SCALED.sequences, SCALED.steps, SCALED.describe()) == ("sequences", "time steps", "")
    assert SequenceClasses(("a", "b")).describe() == "2 classes"
    assert Inputs.kinds["ImageInputs"] is type(View("rows", 8, 8).inputs)


def test_vocabulary_counts_from_two() -> None:
    vocabulary = Vocabulary(("light", "run"), (3, 1))
    assert vocabulary.index() == {"light": 2, "run": 3}  # 0 is padding, 1 the unknown
    assert len(vocabulary) == 4


def test_kinds_need_no_torch() -> None:
    import subprocess

    code = "import sys, seqtrain.spec; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_a_vocabulary_has_frequent_entries_first_and_no_rare_ones() -> None:
    counts = {"b": 3, "a": 3, "z": 7, "c": 1}
    assert Vocabulary.of(counts) == Vocabulary(("z", "a", "b", "c"), (7, 3, 3, 1))
    assert Vocabulary.of(counts, min_count=3) == Vocabulary(("z", "a", "b"), (7, 3, 3))


def test_entries_from_elsewhere_stand_behind_and_are_not_counted() -> None:
    extended = Vocabulary(("z", "a"), (7, 3)).extended(["b", "a", "c"])
    assert extended == Vocabulary(("z", "a", "b", "c"), (7, 3, 0, 0))
    assert (extended.num_counted, len(extended)) == (2, 6)
