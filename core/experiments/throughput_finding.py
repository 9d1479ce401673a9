"""One run of `throughput` as far as words need it, and what two of them say about each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.statistics import MISSING, Estimate


@dataclass(frozen=True)
class Finding:
    """A name, and flat summary columns in which anything may be missing, None or nan."""

    name: str
    columns: Mapping[str, Any] = field(hash=False, compare=False)

    def estimate(self, name: str) -> Estimate:
        """Of four columns."""
        value, low, high, n = (
            _known(self.columns.get(f"{name}{part}")) for part in ("", "_low", "_high", "_n")
        )
        return MISSING if value is None else Estimate(value, low, high, int(n or 0))

    @property
    def tokens_per_second(self) -> Estimate:
        """In training."""
        return self.estimate("tokens_per_second")

    @property
    def seconds_per_token(self) -> Estimate:
        """In training."""
        speed = self.tokens_per_second
        value, low, high = (
            None if rate is None or rate <= 0 else 1 / rate
            for rate in (speed.value, speed.high, speed.low)
        )
        return Estimate(value, low, high, speed.n)

    @property
    def over_rnn(self) -> Estimate:
        """Training time over the plain RNN's."""
        return self.estimate("over_rnn")

    @property
    def over_linear(self) -> Estimate:
        """Forward time over a linear layer's."""
        return self.estimate("over_linear")

    @property
    def over_feed_forward(self) -> Estimate:
        """Training time over a feed-forward net's."""
        return self.estimate("over_feed_forward")

    @property
    def over_attention(self) -> Estimate:
        """Training time over attention's."""
        return self.estimate("over_attention")

    @property
    def growth(self) -> Estimate:
        """Exponent of T."""
        return self.estimate("growth_exponent")

    @property
    def attention_growth(self) -> Estimate:
        """Exponent of T."""
        return self.estimate("attention_growth")

    @property
    def noise(self) -> float:
        """In percent."""
        return _known(self.columns.get("noise_percent")) or 0.0

    @property
    def other_load(self) -> float:
        """In cores."""
        return _known(self.columns.get("other_load")) or 0.0


def differ(one: Estimate, other: Estimate) -> bool | None:
    """Whether their intervals are apart; None if there is no interval to tell by."""
    ends = (one.low, one.high, other.low, other.high)
    if any(end is None for end in ends):
        return None
    low, high, other_low, other_high = (float(end or 0.0) for end in ends)
    return high < other_low or other_high < low


def quotient(above: Estimate, below: Estimate) -> Estimate:
    """How many times as much, with the widest interval that the two allow."""
    if not above.value or not below.value:
        return MISSING
    low = above.low / below.high if above.low is not None and below.high else None
    high = above.high / below.low if above.high is not None and below.low else None
    return Estimate(above.value / below.value, low, high, min(above.n, below.n))


def growth(exponents: Sequence[Estimate]) -> str:
    """`T^1.02 (0.98 to 1.06)`, `T^0.98 to T^1.05 (0.95 to 1.10)`, '' where none has an interval."""
    sure = [e for e in exponents if None not in (e.value, e.low, e.high)]
    if not sure:
        return ""
    values = sorted(e.value or 0.0 for e in sure)
    low, high = f"T^{values[0]:.2f}", f"T^{values[-1]:.2f}"
    within = f"{min(e.low or 0.0 for e in sure):.2f} to {max(e.high or 0.0 for e in sure):.2f}"
    return f"{low if low == high else f'{low} to {high}'} ({within})"


def _known(value: Any) -> float | None:
    return None if value is None or math.isnan(float(value)) else float(value)
