"""`python -m seqtrain.evaluate`: the same as `python -m seqtrain evaluate`."""

from __future__ import annotations

import sys

from seqtrain.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
