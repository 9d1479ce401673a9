"""The page Papers: published claims, measured here."""
