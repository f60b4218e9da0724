"""Callbacks of the training loop: checkpoints, progress, health."""
