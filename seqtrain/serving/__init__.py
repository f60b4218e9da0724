"""Trained models at work: the predictor over a checkpoint or an exported file, and export.

Importing this package does not import torch; using one of its names does, except `OnnxPredictor`.
"""

import lazy_loader

# The public names and their homes are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
