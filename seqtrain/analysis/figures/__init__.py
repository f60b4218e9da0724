"""Figures drawn with matplotlib from tensors and names; one file for each kind."""
