"""The run folder and its files. The package is also a function, `seqtrain.runs("runs")`, see `_Callable`."""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqtrain.runs.report.table import Runs


class _Callable(ModuleType):
    """The name of a package that has been imported is the package, and no function beside it."""

    def __call__(self, *folders: str) -> "Runs":
        """See `seqtrain.runs.report.table.runs`."""
        from seqtrain.runs.report.table import runs

        return runs(*folders)


sys.modules[__name__].__class__ = _Callable
