"""A chart with its controls and files, as a results page declares it."""
