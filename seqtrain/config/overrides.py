"""Read `key=value` arguments, one by one, so that each malformed one is named."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException


def parse_overrides(
    arguments: Sequence[str], loader: ConfigLoader | None = None
) -> tuple[list[Override], list[str]]:
    """The overrides that can be read, and a problem for each argument that cannot.

    `loader` finds the choices that `group=glob(...)` means.
    """
    parser = OverridesParser.create(config_loader=loader)
    overrides, problems = [], []
    for argument in arguments:
        try:
            override = parser.parse_override(argument)
        except HydraException:
            problems.append(_explain(argument))
            continue
        if override.key_or_group:
            overrides.append(override)
        else:
            problems.append(_explain(argument))
    return overrides, problems


def sweep_problem(override: Override) -> str:
    """Why several values for a key do not make one run."""
    key, value = override.key_or_group, override.get_value_string()
    return f"{key}: got several values, {value}; add -m to run each, or write [{value}] for a list"


def _explain(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals:
        return f"{argument}: no value; write {argument}=VALUE"
    if not key.strip("+~"):
        return f"{argument}: no key before the ="
    return f"{key}: {value} cannot be read; quote a value with , : = [ ] {{ }} ( or ) in it: {key}='...'"
