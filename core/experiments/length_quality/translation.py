"""What a trained model makes of a source. This module needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Alternative:
    """One output."""

    text: str
    score: float
    """Log probability per token, nats."""
    probability: float
    """Probability of the whole output."""
    finished: bool
    """Whether the model ended it itself."""


@dataclass(frozen=True)
class Translation:
    """The outputs of a model for one source."""

    read: tuple[str, ...]
    """The source's tokens in the order in which the encoder read them."""
    alternatives: tuple[Alternative, ...]
    """The best first."""
    written: tuple[str, ...]
    """The best one's tokens, then `end`, or `cut off` where it was too long for one."""
    weights: tuple[tuple[float, ...], ...] | None
    """For each token written, its attention to each token read; None without attention."""
    unknown: tuple[str, ...]
    """Words of the source that the model has no token for."""
    words: int
    longest_trained: int

    @property
    def too_long(self) -> bool:
        """Whether the source is longer than what the model was trained on."""
        return self.words > self.longest_trained
