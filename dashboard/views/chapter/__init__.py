"""The page Chapter: the claims of both chapters, exercises and a quiz."""
