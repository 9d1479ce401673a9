"""Cached reads of the store."""
