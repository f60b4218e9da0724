import pytest

from seqtrain.config import memory
from seqtrain.config.memory import find_excess
from seqtrain.config.resolve import Tree

NEEDED = 4 * 2 * (3 + 2) * 8  # bytes: 4 gates, hidden size 2, input size 3; biases are not counted


def tree(**root: int) -> Tree:
    model = {
        "_target_": "torch.nn.LSTM",
        "input_size": None,
        "hidden_size": 2,
        "num_layers": 1,
        "bias": True,
        "batch_first": True,
        "dropout": 0.0,
        "bidirectional": False,
    }
    return {"encoder": {"_target_": "seqtrain.model.Vectors"}, "model": model, **root}


def test_a_network_that_just_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_memory_of_machine", lambda: NEEDED)
    assert list(find_excess(tree(), 3)) == []


def test_a_network_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_memory_of_machine", lambda: NEEDED - 1)
    assert list(find_excess(tree(), 3)) == [
        "model: its weights and their gradients need at least 0.0 GB of memory, and this machine has 0.0 GB"
    ]


def test_members_that_fit_one_by_one_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_memory_of_machine", lambda: 2 * NEEDED)
    assert list(find_excess(tree(members=2), 3)) == []
    assert list(find_excess(tree(members=3), 3)) == [
        "members: 3 networks need at least 0.0 GB of memory, and this machine has 0.0 GB"
    ]


def test_unknown_memory_bounds_nothing_but_the_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_memory_of_machine", lambda: None)
    assert list(find_excess(tree(members=1000), 3)) == []
    assert list(find_excess(tree(members=1001), 3)) == ["members: got 1,001, expected at most 1,000"]
