"""Callbacks that measure a training while it runs, and the sink that writes to all loggers."""
