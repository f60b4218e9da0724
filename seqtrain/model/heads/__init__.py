"""Heads: from states to scores, and from scores to a loss and to predictions."""

from seqtrain.model.heads.crf import CRFHead
from seqtrain.model.heads.numbers import NumberHead
from seqtrain.model.heads.softmax import LabelHead, NextTokenHead, TagHead

__all__ = ["CRFHead", "LabelHead", "NextTokenHead", "NumberHead", "TagHead"]
