"""Figures for people, drawn with matplotlib from tensors and names; a file for each kind."""
