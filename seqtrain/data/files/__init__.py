"""File formats, downloads and the cache."""
