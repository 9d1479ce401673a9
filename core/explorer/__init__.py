"""What does a cell do with a sequence, step by step, and how far back does its gradient reach?

Nothing here has an equation of its own: a cell steps and is measured by what experiments use.
"""
