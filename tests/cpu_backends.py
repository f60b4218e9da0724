"""The engines that can run here without a GPU."""

import pytest

from seqtrain.recurrence import BACKENDS, explain_backend
from seqtrain.recurrence.engines.kernel import explain_kernel

CPU_BACKENDS = [
    each for each in BACKENDS if each not in ("triton", "eager") and explain_backend(each, "lstm") is None
]
ANY_DTYPE = [each for each in CPU_BACKENDS if each != "native"]
"""Those that run every dtype; the native engine runs float32 only."""
needs_kernel = pytest.mark.skipif(explain_kernel() is not None, reason=str(explain_kernel()))
