"""Data sets: each reads (or downloads) its files and gives the splits train, dev and test."""
