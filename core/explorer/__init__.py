"""What does a cell do with a sequence, step by step, and how far back does its gradient reach?

This package has no equations of its own: it steps and measures cells with the experiments' code.
"""
