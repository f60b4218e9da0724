"""Examples of a small trained tagger and a small trained classifier."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from seqtrain.analysis.examine import ExaminedExample, examine
from seqtrain.analysis.report import Report, build_report, describe_run
from seqtrain.analysis.sample import load_dev
from seqtrain.model import Network
from seqtrain.runs.folder import RunFolder
from seqtrain.spec import DataSpec
from seqtrain.tasks.answers import name_value
from seqtrain.training.network import construct, load_trained

Loaded = tuple[DictConfig, Network, DataSpec]


def load(run_dir: Path) -> Loaded:
    folder = RunFolder(run_dir)
    cfg = OmegaConf.load(folder.config_file)
    assert isinstance(cfg, DictConfig)
    trained = load_trained(cfg, folder.best_checkpoint)
    assert isinstance(trained.network, Network)
    return cfg, trained.network, trained.spec


def examples_of(loaded: Loaded, num: int) -> list[ExaminedExample]:
    cfg, network, spec = loaded
    return examine(network, spec, load_dev(construct(cfg.data), spec), range(num), "dev")


def report_of(run_dir: Path, loaded: Loaded, examples: list[ExaminedExample]) -> Report:
    _, network, spec = loaded
    facts = describe_run(network, "Data", len(examples))
    return build_report(RunFolder(run_dir), facts, spec, examples, name_value)


@pytest.fixture(scope="session")
def tagger(trained_pos: Path) -> Loaded:
    return load(trained_pos)


@pytest.fixture(scope="session")
def classifier(trained_digits: Path) -> Loaded:
    return load(trained_digits)


@pytest.fixture(scope="session")
def tagged(tagger: Loaded) -> list[ExaminedExample]:
    """The first sentences of the made-up treebank's dev part."""
    return examples_of(tagger, 12)


@pytest.fixture(scope="session")
def classified(classifier: Loaded) -> list[ExaminedExample]:
    """The first digits of the dev part."""
    return examples_of(classifier, 60)


@pytest.fixture(scope="session")
def tagger_report(trained_pos: Path, tagger: Loaded, tagged: list[ExaminedExample]) -> Report:
    return report_of(trained_pos, tagger, tagged)


@pytest.fixture(scope="session")
def classifier_report(trained_digits: Path, classifier: Loaded, classified: list[ExaminedExample]) -> Report:
    return report_of(trained_digits, classifier, classified)
