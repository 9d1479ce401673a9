"""The page Compare: picked runs side by side, and the scorecard."""
