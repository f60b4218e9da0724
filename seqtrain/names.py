"""Names that the configuration's schemas and the code share; importing them takes no torch."""

from __future__ import annotations

from typing import Literal, TypeAlias

ViewName: TypeAlias = Literal["rows", "columns", "pixels", "permuted"]
