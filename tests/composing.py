"""Refusals of a configuration."""

from pathlib import Path

import pytest

from seqtrain.config import ConfigError, compose_config


def problems_of(*overrides: str, folder: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        compose_config(overrides, [folder] if folder else [])
    return caught.value.problems
