"""The results pages, one for each experiment."""
