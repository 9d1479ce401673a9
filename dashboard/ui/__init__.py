"""Widgets, forms, states, tables and downloads that every page shares."""
