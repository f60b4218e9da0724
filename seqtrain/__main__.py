"""`python -m seqtrain [overrides]`: train."""

from __future__ import annotations

import sys

from seqtrain.entry import main

if __name__ == "__main__":
    sys.exit(main())
