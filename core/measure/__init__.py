"""Measurements of a network: gradients, Jacobians, times, memory, text quality."""
