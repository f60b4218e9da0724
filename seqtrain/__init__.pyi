from .serving.predictor import load as load

__version__: str
