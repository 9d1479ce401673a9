"""Pure functions from a tidy DataFrame to a chart."""
