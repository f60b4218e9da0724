"""What is measured inside a recurrence, and the callbacks that log it.

Importing this package does not import Lightning; using one of its names does.
"""

import lazy_loader

# The public names and their homes are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
