"""The page Chapter: the fifteen claims, exercises and a quiz."""
