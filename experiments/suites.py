"""Named lists of runs that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.architecture import VARIANTS
from core.experiment import Config, Experiment
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
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
    Part("in float32", GRADIENT_DECAY, ("rnn",), {"dtype": ("float32",)}, "chapter"),
    Part(
        "a network that explodes",
        GRADIENT_DECAY,
        ("rnn",),
        {"nonlinearity": ("relu",), "recurrent_gain": (3.0,)},
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

ONE_DIRECTION = ("rnn", "lstm", "gru")
BOTH_DIRECTIONS = ("bi-rnn", "bi-lstm", "bi-gru")

QUICK_TIMING = {"sequence_length": (256,), "repetitions": (6,), "streamed_tokens": (100,)}

CHAPTER_COST = (
    Part("what it holds", PARAMETER_COUNT, preset="chapter"),
    Part(
        "a smaller width, what it holds",
        PARAMETER_COUNT,
        ONE_DIRECTION,
        {"hidden_size": (256, 64), "input_size": (128, 16)},
        "chapter",
    ),
    Part("what all six hold at the usual width", PARAMETER_COUNT),
    Part("three layers, what it holds", PARAMETER_COUNT, ALL, {"layers": (3,)}, "chapter"),
    Part("how fast it is", THROUGHPUT, ONE_DIRECTION, {"repetitions": (8,)}, "chapter"),
    Part("how fast all six are", THROUGHPUT, settings=QUICK_TIMING),
)

CHAPTER_QUALITY = (
    Part(
        "with and without attention",
        LENGTH_QUALITY,
        ("lstm",),
        {"attention": ("none", "dot"), "seeds": (3,)},
    ),
    Part(
        "every encoder, small",
        LENGTH_QUALITY,
        ALL,
        {
            "attention": ("none", "dot"),
            "seeds": (3,),
            "hidden_size": (32,),
            "embedding_size": (32,),
            "training_steps": (500,),
            "tested_pairs": (30,),
        },
    ),
)

SMALL = {"hidden_size": (32,), "seeds": (12,)}
"""Spans are coarse: with three seeds no exact test can find a difference, with twelve it does."""
BRIEF = {"hidden_size": (32,), "seeds": (3,), "training_steps": (300,), "longest_lag": (20,)}
"""Of what no claim compares: enough to see that a second direction is no memory."""

CHAPTER_CONTEXT = (
    Part("how far back", MEMORY_SPAN, ONE_DIRECTION, {**SMALL, "forget_bias": (None, 1)}),
    Part("how far back in both directions", MEMORY_SPAN, BOTH_DIRECTIONS, BRIEF),
    Part("how far back without clipping", MEMORY_SPAN, ("rnn",), {**SMALL, "clip": (None,)}),
    Part(
        "how far back where gradients explode",
        MEMORY_SPAN,
        ("rnn",),
        {**SMALL, "recurrent_gain": (3.0,), "clip": (1.0, None)},
    ),
    Part(
        "how far back from an orthogonal start",
        MEMORY_SPAN,
        ("rnn",),
        {**SMALL, "initialisation": ("orthogonal",)},
    ),
    Part("both sides", TWO_SIDED_CONTEXT),
)

SUITES: tuple[Suite, ...] = (
    Suite(
        "first-look",
        "First look",
        "The six variants: how fast the gradient fades, what they hold, what a second direction "
        "sees; and of each cell how far back it learns to look and how fast it is. About a minute.",
        (
            Part("six variants", GRADIENT_DECAY),
            Part("six variants, what they hold", PARAMETER_COUNT),
            Part(
                "one direction and two",
                TWO_SIDED_CONTEXT,
                settings={
                    "hidden_size": (32,),
                    "furthest": (2,),
                    "sequence_length": (16,),
                    "training_steps": (100,),
                },
            ),
            Part(
                "how far back each cell learns to look",
                MEMORY_SPAN,
                ONE_DIRECTION,
                {
                    "hidden_size": (32,),
                    "training_steps": (300,),
                    "longest_lag": (10,),
                    "learning_rate": (0.01,),
                },
            ),
            Part(
                "how fast each cell is",
                THROUGHPUT,
                ONE_DIRECTION,
                {
                    **QUICK_TIMING,
                    "sequence_length": (128,),
                    "shortest_length": (32,),
                    "packed": (False,),
                },
            ),
        ),
    ),
    Suite(
        "chapter",
        "Chapter",
        "Everything that the textbook claims: its set-up, what gain, gate biases, initialisation "
        "and depth change in it, what each cell costs, how far back it learns to look, what a "
        "second direction sees, and what attention does for long sentences. Some 20 minutes.",
        (*CHAPTER_GRADIENT, *CHAPTER_CONTEXT, *CHAPTER_QUALITY, *CHAPTER_COST),
    ),
    Suite(
        "full",
        "Full",
        "The chapter with 32 seeds at two widths, the gradient before and after training, all "
        "three memory tasks, and speed by batch, width and precision. Hours.",
        (
            *CHAPTER_GRADIENT,
            *CHAPTER_CONTEXT,
            *CHAPTER_QUALITY,
            *CHAPTER_COST,
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
            Part("equal parameters", GRADIENT_DECAY, settings={"parameter_budget": (100_000,)}),
            Part("the adding problem", MEMORY_SPAN, preset="adding"),
            Part("copy memory", MEMORY_SPAN, preset="copy"),
            Part(
                "gates that keep",
                MEMORY_SPAN,
                ("lstm", "gru"),
                {"forget_bias": (2, 3), "update_bias": (1, 3)},
            ),
            Part("both must be known", TWO_SIDED_CONTEXT, settings={"rule": ("compare",)}),
            Part("long sequences", THROUGHPUT, settings={"sequence_length": (4096,)}),
            Part("by batch", THROUGHPUT, ONE_DIRECTION, {"batch_size": (1, 8, 32, 128)}),
            Part("by width", THROUGHPUT, ONE_DIRECTION, {"hidden_size": (32, 128, 512)}),
            Part(
                "every encoder, every attention",
                LENGTH_QUALITY,
                ALL,
                {"attention": ("none", "additive", "dot", "general"), "seeds": (3,)},
            ),
            Part(
                "how much one vector holds",
                LENGTH_QUALITY,
                ("lstm",),
                {"hidden_size": (16, 32, 64, 128), "seeds": (3,)},
            ),
            Part("half precision", THROUGHPUT, ONE_DIRECTION, {"dtype": ("bfloat16",)}),
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
