"""The keys and types of every built-in class, by library; importing this package registers them all."""

from seqtrain.config.schemas import data, lightning, model, seqtrain, torch  # noqa: F401
