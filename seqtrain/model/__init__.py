"""Networks over sequences, in plain torch."""

from seqtrain.model.bilstm import BiLSTM

__all__ = ["BiLSTM"]
