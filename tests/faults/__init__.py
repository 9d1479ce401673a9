"""Attacks on the engine, each a program with a seed: `make faults`."""
