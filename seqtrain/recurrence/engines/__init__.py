"""Engines that run one recurrent layer: see `seqtrain.recurrence` for their interface."""
