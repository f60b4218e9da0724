"""Train recurrent sequence models from a configuration, and watch their hidden states.

Importing this package takes milliseconds: torch is imported when `load` is first used.
"""

import lazy_loader

__version__ = "0.2.0"  # the one home: of the wheel, --version and environment.json

# The public names and their homes are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
