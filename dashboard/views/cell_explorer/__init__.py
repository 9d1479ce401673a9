"""The page Cell explorer."""
