"""Tasks: what counts, the loss over it, the metrics, and how an answer is shown; one file each.

Importing this package imports neither torch nor torchmetrics; using one of its names does.
"""

import lazy_loader

# The public names and their homes are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
