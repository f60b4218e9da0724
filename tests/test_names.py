import subprocess
import sys
from typing import get_args

from seqtrain.names import ViewName


def test_views() -> None:
    assert get_args(ViewName) == ("rows", "columns", "pixels", "permuted")


def test_names_take_no_torch() -> None:
    program = "import sys, seqtrain.names; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
