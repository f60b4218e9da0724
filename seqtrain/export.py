"""The modules of `seqtrain.serving` that wrote and read exported models, where they were before."""

import sys

from seqtrain.serving import onnx_predictor
from seqtrain.serving.export import files

# So that `from seqtrain.export.files import export_onnx` finds them, and no class exists twice.
sys.modules.update({f"{__name__}.files": files, f"{__name__}.onnx_predictor": onnx_predictor})
