"""Named lists of runs that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.architecture import VARIANTS
from core.experiment import Config, Experiment
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.settings import BadSetting

ALL = tuple(VARIANTS)


@dataclass(frozen=True)
class Part:
    """One comparison: some variants of one experiment under some settings."""

    title: str
    experiment: Experiment
    variants: tuple[str, ...] = ALL
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    preset: str = ""

    def configs(self) -> list[Config]:
        """The validated configs, one run each."""
        return self.experiment.configs(self.variants, self.settings, self.preset)


@dataclass(frozen=True)
class Suite:
    """A list of comparisons under one name."""

    name: str
    title: str
    description: str
    parts: tuple[Part, ...]

    def configs(self) -> list[tuple[Experiment, Config]]:
        """Every run of the suite."""
        return [(part.experiment, config) for part in self.parts for config in part.configs()]


CHAPTER_GRADIENT = (
    Part("the chapter's set-up", GRADIENT_DECAY, preset="chapter"),
    Part(
        "recurrent gain",
        GRADIENT_DECAY,
        ("rnn",),
        {"recurrent_gain": (0.5, 1.0, 1.5, 2.0, 3.0)},
        "chapter",
    ),
    Part("forget bias", GRADIENT_DECAY, ("lstm",), {"forget_bias": (0, 1, 2, 3)}, "chapter"),
    Part("update bias", GRADIENT_DECAY, ("gru",), {"update_bias": (0, 1, 2, 3)}, "chapter"),
    Part(
        "initialisation",
        GRADIENT_DECAY,
        ("rnn", "lstm", "gru"),
        {"initialisation": ("torch", "orthogonal", "identity")},
        "chapter",
    ),
    Part("three layers", GRADIENT_DECAY, ("rnn", "lstm", "gru"), {"layers": (3,)}, "chapter"),
)

SUITES: tuple[Suite, ...] = (
    Suite(
        "first-look",
        "First look",
        "The six variants at their defaults, eight seeds each: under a minute.",
        (Part("six variants", GRADIENT_DECAY),),
    ),
    Suite(
        "chapter",
        "Chapter",
        "The textbook's set-up, and what gain, gate biases, initialisation and depth change in it.",
        CHAPTER_GRADIENT,
    ),
    Suite(
        "full",
        "Full",
        "The chapter with 32 seeds at two widths, and the gradient before and after training.",
        (
            *CHAPTER_GRADIENT,
            Part(
                "two widths",
                GRADIENT_DECAY,
                settings={"hidden_size": (64, 128), "seeds": (32,)},
            ),
            Part(
                "while training",
                GRADIENT_DECAY,
                ("rnn", "lstm", "gru"),
                {"training_steps": (500,), "forget_bias": (0, 1)},
            ),
        ),
    ),
)


def suite_named(name: str) -> Suite:
    """The suite of that name; `BadSetting` names the known ones."""
    for suite in SUITES:
        if suite.name == name:
            return suite
    names = ", ".join(suite.name for suite in SUITES)
    raise BadSetting(f"suite is {name!r}; choose from {names}")
