"""What finished runs say of each other: groups, estimates, verdicts, sentences."""
