from __future__ import annotations

from seqtrain.sweeps.names import name_job, name_sweep

CONFIG = {"run_dir": "a", "data_dir": "b", "model": {"hidden_size": 64}}


def test_a_sweep_is_named_after_its_axes_not_their_values() -> None:
    assert name_sweep("pos", ["model", "model.hidden_size", "seed"]) == "pos-model,hidden_size,seed"
    assert name_sweep("pos", []) == "pos"


def test_a_job_is_named_after_its_values_and_its_content() -> None:
    name = name_job({"model": "lstm", "model.hidden_size": "64", "seed": "1"}, CONFIG)
    assert name.rpartition("-")[0] == "model=lstm,hidden_size=64,seed=1"
    assert name_job({"seed": "1"}, {**CONFIG, "run_dir": "elsewhere"}) == name_job({"seed": "1"}, CONFIG)
    assert name_job({"seed": "1"}, {**CONFIG, "members": 2}) != name_job({"seed": "1"}, CONFIG)


def test_names_can_be_folders() -> None:
    name = name_job({"data.path": "/a/b c", "model": "x" * 500}, CONFIG)
    assert name.startswith("path=_a_b_c,model=xxx")
    assert len(name) < 130
