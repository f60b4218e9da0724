"""The run folder and its files. The package is also a function, `seqtrain.runs("runs")`, see `_Callable`."""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqtrain.runs.report.table import Runs


class _Callable(ModuleType):
    """Once a package has been imported, its name is the package, so a function cannot have it, too."""

    def __call__(self, *folders: str) -> "Runs":
        """See `seqtrain.runs.report.table.runs`."""
        from seqtrain.runs.report.table import runs

        return runs(*folders)


sys.modules[__name__].__class__ = _Callable
