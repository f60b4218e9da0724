"""The names of `seqtrain.serving.predictor` where they were before."""

from seqtrain.serving.predictor import Predictor, load

__all__ = ["Predictor", "load"]
