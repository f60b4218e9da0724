"""Heads: from states to scores, and from scores to a loss and to predictions."""

from seqtrain.model.heads.crf import CRFHead
from seqtrain.model.heads.label import LabelHead
from seqtrain.model.heads.tags import TagHead

__all__ = ["CRFHead", "LabelHead", "TagHead"]
