"""The page Choose: which layers keep some limits, by every question at once on equal terms."""
