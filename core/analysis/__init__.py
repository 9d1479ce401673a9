"""Comparison of finished runs: groups, estimates, verdicts, sentences."""
