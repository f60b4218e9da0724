"""The network and its modules: plain torch, which can be used without Hydra and Lightning."""

from seqtrain.model.backbone import Backbone, RecurrentBackbone
from seqtrain.model.bilstm import BiLSTM
from seqtrain.model.encoder import TokenEncoder, VectorEncoder, WordEncoder
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.heads import CRFHead, LabelHead, NextTokenHead, NumberHead, TagHead
from seqtrain.model.initialization import Initialization
from seqtrain.model.network import Network
from seqtrain.records import BackboneOutput, FinalState

__all__ = [
    "Backbone",
    "BackboneOutput",
    "BiLSTM",
    "CRFHead",
    "Ensemble",
    "FinalState",
    "Initialization",
    "LabelHead",
    "Network",
    "NextTokenHead",
    "NumberHead",
    "RecurrentBackbone",
    "TagHead",
    "TokenEncoder",
    "VectorEncoder",
    "WordEncoder",
]
