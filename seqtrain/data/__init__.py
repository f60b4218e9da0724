"""From files to padded batches: sources, vocabularies and samplers.

Public names are imported on first use: reading text needs no torch. The Lightning data module is in
`seqtrain.data.datamodule`.
"""

import lazy_loader

# The public names and their homes are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
