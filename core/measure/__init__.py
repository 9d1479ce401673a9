"""What is measured of a network: gradients, Jacobians, times, memory, text quality."""
