from __future__ import annotations

import pytest
from made_up_corpus import VECTORS

from seqtrain.analysis.sample import load_dev, spread_evenly
from seqtrain.config import ConfigError
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs


class Source:
    def load(self):
        return VECTORS


@pytest.mark.parametrize(
    ("num_sequences", "num_chosen", "places"),
    [(10, 4, [0, 2, 5, 7]), (3, 5, [0, 1, 2]), (3, 0, []), (0, 2, [])],
)
def test_places_at_even_distances(num_sequences: int, num_chosen: int, places: list[int]) -> None:
    assert spread_evenly(range(num_sequences), num_chosen) == places


def test_the_dev_part() -> None:
    assert load_dev(Source(), VECTORS.spec) is VECTORS.splits["dev"]


def test_data_that_has_changed_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        load_dev(Source(), DataSpec(VectorInputs(feature_size=1), SequenceClasses(("a", "b"))))
    assert refused.value.problems == (
        "data: it has changed since the training: its classes, sizes or vocabularies differ; with "
        "examples=0 it is not read",
    )
