"""Train recurrent sequence models from a configuration, and watch their hidden states.

Importing this package takes milliseconds: torch is imported when `load` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.lazy import lazy_attributes

if TYPE_CHECKING:
    from seqtrain.predictor import load

__version__ = "0.2.0"  # the one home: of the wheel, --version and environment.json

__all__ = ["load"]

__getattr__ = lazy_attributes(__name__, {"load": "predictor"})
