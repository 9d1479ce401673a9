"""Comparisons, scorecards and the chapter as files that open offline."""
