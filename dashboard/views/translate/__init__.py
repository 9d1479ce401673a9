"""Translate a sentence with trained models."""
