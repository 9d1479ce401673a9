"""The page Compare: picked runs side by side."""
