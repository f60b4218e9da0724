"""Sweeps and searches: jobs keyed by the content of their configuration, in folders that can be continued."""
