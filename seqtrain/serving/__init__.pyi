from .export.files import export_onnx as export_onnx
from .export.files import export_torch as export_torch
from .onnx_predictor import OnnxPredictor as OnnxPredictor
from .predictor import Predictor as Predictor
from .predictor import load as load
