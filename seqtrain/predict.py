"""`python -m seqtrain.predict`: the same as `python -m seqtrain predict`."""

from __future__ import annotations

import sys

from seqtrain.commands.predict import main

if __name__ == "__main__":
    sys.exit(main())
