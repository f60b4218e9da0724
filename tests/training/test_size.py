from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch

from seqtrain.config import ConfigError, compose_config
from seqtrain.runs.folder import RunFolder
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training.network import build_network
from seqtrain.training.size import with_hidden_size

Config: TypeAlias = Mapping[str, Any]
SPEC = DataSpec(VectorInputs(feature_size=8), SequenceClasses(tuple("0123456789")))


def count(cfg: Config, hidden_size: int) -> int:
    sized = {**cfg, "model": {**cfg["model"], "hidden_size": hidden_size}}
    return build_network(sized, SPEC).num_parameters


@pytest.mark.parametrize("wanted", [500, 20_000])
@pytest.mark.parametrize(
    "overrides",
    [
        "model=rnn",
        "model=lstm initialization=remember",
        "model=gru model.num_layers=3",
        "model=bilstm model.num_layers=2 members=2",
        "model=bilstm model.cell=mingru",
    ],
)
def test_no_other_size_is_nearer(overrides: str, wanted: int) -> None:
    cfg = compose_config([*overrides.split(), f"parameters={wanted}"])
    if count(cfg, 1) > wanted:
        pytest.skip("too few for this network")
    size = with_hidden_size(cfg, SPEC)["model"]["hidden_size"]
    distance = abs(count(cfg, size) - wanted)
    assert distance <= abs(count(cfg, size + 1) - wanted)
    assert size == 1 or distance <= abs(count(cfg, size - 1) - wanted)


def test_the_first_weights_do_not_depend_on_the_search() -> None:
    cfg = compose_config(["parameters=20000"])
    torch.manual_seed(1)
    searched = torch.rand(3) if with_hidden_size(cfg, SPEC) else None
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), searched)


def test_without_it_the_size_is_that_of_the_model(compose) -> None:
    assert with_hidden_size(compose(), SPEC)["model"]["hidden_size"] == 16


def test_too_few_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"parameters: got 20, but with model.hidden_size=1 the network has"
    ):
        with_hidden_size(compose_config(["parameters=20"]), SPEC)


def test_the_folder_has_the_size_and_stays_that_of_the_command(tmp_path: Path) -> None:
    cfg, folder = compose_config(["parameters=5000"]), RunFolder(tmp_path / "run")
    folder.make()
    chosen = with_hidden_size(cfg, SPEC)
    folder.write_config(chosen)
    assert (
        folder.load_config()["model"]["hidden_size"]
        == chosen["model"]["hidden_size"]
        != cfg["model"]["hidden_size"]
    )
    assert folder.differences(cfg) == []
    assert "parameters" in folder.differences(compose_config(["parameters=6000"]))
