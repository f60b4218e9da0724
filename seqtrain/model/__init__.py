"""The network and its parts: plain torch, to be used with or without the rest."""

from seqtrain.model.backbone import Backbone, FinalState, RecurrentBackbone
from seqtrain.model.bilstm import BiLSTM
from seqtrain.model.crf import CRFHead
from seqtrain.model.encoder import VectorEncoder, WordEncoder
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.head import LabelHead, TagHead
from seqtrain.model.initialization import Initialization
from seqtrain.model.sequence_model import SequenceModel

__all__ = [
    "Backbone",
    "BiLSTM",
    "CRFHead",
    "Ensemble",
    "FinalState",
    "Initialization",
    "LabelHead",
    "RecurrentBackbone",
    "SequenceModel",
    "TagHead",
    "VectorEncoder",
    "WordEncoder",
]
