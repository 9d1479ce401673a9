"""Estimates with intervals, tests, and the aggregation of values over seeds."""
