"""On what terms are variants compared: at equal width, or at equal parameters?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.scorecard.kinds import WIDTH

BUDGET = "parameter_budget"


@dataclass(frozen=True)
class Terms:
    """One hidden size for all, or one parameter budget that decides each variant's own."""

    hidden_size: int | None = None
    parameter_budget: int | None = None

    def __post_init__(self) -> None:
        if (self.hidden_size is None) == (self.parameter_budget is None):
            raise ValueError("terms are one hidden size or one parameter budget, not both")

    @property
    def in_words(self) -> str:
        """`hidden size 64`, `a budget of 100,000 recurrent parameters`."""
        if self.hidden_size is not None:
            return f"hidden size {self.hidden_size:,}"
        return f"a budget of {self.parameter_budget:,} recurrent parameters"

    @property
    def settings(self) -> Mapping[str, int]:
        """What they ask of a config."""
        asked = {WIDTH: self.hidden_size, BUDGET: self.parameter_budget}
        return {name: value for name, value in asked.items() if value is not None}


def terms_of(settings: Mapping[str, Any]) -> Terms | None:
    """On which a run was made; None for one that does not say."""
    if (budget := settings.get(BUDGET)) is not None:
        return Terms(parameter_budget=int(budget))
    width = settings.get(WIDTH)
    return None if width is None else Terms(hidden_size=int(width))
