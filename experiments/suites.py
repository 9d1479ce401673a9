"""Named lists of runs that belong together. The suites of the chapter and of the papers follow from
their claims."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.analysis.sweeps import STAMP, Sweep
from core.chapter import RECURRENCE, SUCCESSORS, Measurement
from core.chapter.claim import MeasuredClaim, key_of
from core.chapter.cost import LSTM_AND_LINEAR
from core.chapter.memory import SMALL
from core.chapter.successors import FOLLOWED, RECALLED
from core.experiment import Config, Experiment
from core.experiments import all_experiments
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.language_model import LANGUAGE_MODEL
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.recall import RECALL
from core.experiments.state_tracking import STATE_TRACKING
from core.experiments.throughput import THROUGHPUT
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.models.registry import usual_variants
from core.papers import PAPERS
from core.papers.gradients import PLAIN_RNN
from core.settings import BadSetting
from core.store.folder import PROJECT

ALL = tuple(usual_variants())

ONE_DIRECTION = ("rnn", "lstm", "gru")


@dataclass(frozen=True)
class Suite:
    """A list of sweeps under one name."""

    name: str
    title: str
    description: str
    parts: tuple[Measurement, ...]

    def plan(self) -> list[tuple[Experiment, Config, str]]:
        """Every run once, with the title of the first part that asks for it."""
        plan: dict[tuple[str, Config], tuple[Experiment, Config, str]] = {}
        for part in self.parts:
            for config in part.configs():
                run = (part.experiment, config, part.title)
                plan.setdefault((part.experiment.name, config), run)
        return list(plan.values())

    def configs(self) -> list[tuple[Experiment, Config]]:
        """Every run once."""
        return [(experiment, config) for experiment, config, _ in self.plan()]


CHAPTER_REPEATS: Mapping[str, Mapping[str, tuple[int]]] = {
    # Spans are coarse, and six are the fewest seeds with which an exact test can tell two of six
    # variants apart: p = 2 / 924 for each pair, and there are fifteen.
    MEMORY_SPAN.name: {"seeds": (6,)},
    # Verdicts on times compare launches; their turns only make each one's ratio precise.
    THROUGHPUT.name: {"launches": (3,), "repetitions": (6,)},
}
"""How often the chapter suite repeats what a claim measures."""

SMALL_SPANS = {**SMALL, **CHAPTER_REPEATS[MEMORY_SPAN.name]}

SMALL_TRANSLATOR: Mapping[str, tuple[object, ...]] = {
    "longest_trained": (8,),
    "longest_tested": (16,),
    "training_steps": (600,),
    "learning_rate": (0.01,),
    "tested_pairs": (60,),
}
"""Little training after which an LSTM gets 90% of the tokens of such short sentences right without
attention, and nearly all with it."""

SMALL_STATES: Mapping[str, tuple[object, ...]] = {
    "hidden_size": (32,),
    "training_steps": (300,),
    "longest_trained": (20,),
    "longest_tested": (80,),
    "learning_rate": (0.01,),
}
"""Little training after which an LSTM and a GRU follow parity to the end of such words."""

HOW_FAST = Measurement(
    "how fast all six are",
    THROUGHPUT,
    ALL,
    {
        "sequence_length": (128,),
        "shortest_length": (32,),
        "repetitions": (4,),
        "streamed_tokens": (100,),
        "packed": (False,),
    },
    headline=True,
)

SMALL_RECALL: Mapping[str, tuple[object, ...]] = {
    "hidden_size": (32,),
    "most_pairs": (4,),
    "training_steps": (200,),
    "learning_rate": (0.01,),
}
"""Little training after which a transformer keeps all of so few pairs apart."""

SMALL_TEXT: Mapping[str, tuple[object, ...]] = {
    "hidden_size": (32,),
    "window": (32,),
    "longest_context": (32,),
    "training_steps": (150,),
    "learning_rate": (0.01,),
    "tested_windows": (400,),
}
"""Little training after which a cell makes use of some characters of context."""

ATTENTION = "transformer"

CARD_BUDGET = 50_000
"""Parameters of every network of a report card, unless somebody asks for others."""

CARD_GRADIENT: Mapping[str, tuple[object, ...]] = {"spectrum": (False,)}
"""Without Jacobians: a minGRU of 1,470 units was still at them after ten minutes."""

CARD_CELL = "min-gru"
"""The cell whose card opens first."""

OF_A_CARD = Measurement(
    "the gradient of a minGRU's report card",
    GRADIENT_DECAY,
    (*ONE_DIRECTION, CARD_CELL),
    {**CARD_GRADIENT, "parameter_budget": (CARD_BUDGET,)},
)
"""So that this card has an answer."""

BEYOND_CLAIMS = (
    Measurement("the chapter's set-up", GRADIENT_DECAY, ALL, preset="chapter", headline=True),
    Measurement(
        "initialisation of each cell",
        GRADIENT_DECAY,
        ONE_DIRECTION,
        {"initialisation": ("torch", "orthogonal", "identity")},
        "chapter",
    ),
    PLAIN_RNN,
    OF_A_CARD,
    Measurement("three layers", GRADIENT_DECAY, ONE_DIRECTION, {"layers": (3,)}, "chapter"),
    Measurement(
        "how far back",
        MEMORY_SPAN,
        ONE_DIRECTION,
        {**SMALL_SPANS, "forget_bias": (None, 1)},
        headline=True,
    ),
    # With this and the other parts on "all six" and "every encoder", every line of the scorecard at
    # 64 units is measured.
    Measurement(
        "how far back all six learn to look",
        MEMORY_SPAN,
        ALL,
        # A second direction is no memory, and no claim compares these: the scorecard has a value
        # and offers to repeat it.
        {"seeds": (2,), "training_steps": (200,), "longest_lag": (20,)},
    ),
    Measurement(
        "every encoder with attention",
        LENGTH_QUALITY,
        ALL,
        {**SMALL_TRANSLATOR, "attention": ("dot",), "seeds": (2,), "training_steps": (300,)},
    ),
    FOLLOWED,
    Measurement(
        "what all six follow",
        STATE_TRACKING,
        ALL,
        {"learning_rate": (0.01,), "training_steps": (300,), "seeds": (3,)},
    ),
    RECALLED,
    Measurement(
        "what all six keep apart",
        RECALL,
        ALL,
        {"learning_rate": (0.01,), "training_steps": (200,), "seeds": (3,)},
    ),
    Measurement(
        "how much context helps recurrence, its successors and attention",
        LANGUAGE_MODEL,
        (*ONE_DIRECTION, "min-gru", ATTENTION),
        {"learning_rate": (0.01,), "training_steps": (300,)},
        headline=True,
    ),
    Measurement(
        "how much context helps all six",
        LANGUAGE_MODEL,
        ALL,
        {"learning_rate": (0.01,), "training_steps": (100,), "seeds": (3,)},
    ),
    Measurement("what it holds", PARAMETER_COUNT, ALL, preset="chapter", headline=True),
    Measurement("what all six hold at the usual width", PARAMETER_COUNT, ALL),
    Measurement("three layers, what it holds", PARAMETER_COUNT, ALL, {"layers": (3,)}, "chapter"),
    HOW_FAST,
    Measurement(
        "packed batches", THROUGHPUT, ("lstm",), {"sequence_length": (128,), "launches": (1,)}
    ),
)
"""What the pages compare beyond what the claims measure, or in one comparison with it."""


def _claimed(
    claims: Iterable[MeasuredClaim], first: Iterable[Measurement] = ()
) -> tuple[Measurement, ...]:
    """Some parts first, then what measures the claims, repeated as often as the chapter's suite
    does unless a claim says how often; timed runs come last."""
    parts = list(first)
    for claim in claims:
        for measured in claim.measurements:
            settings = {**CHAPTER_REPEATS.get(measured.experiment.name, {}), **measured.settings}
            part = dataclasses.replace(measured, settings=settings)
            if part not in parts:
                parts.append(part)
    names = [experiment.name for experiment in all_experiments()]
    parts.sort(key=lambda part: (part.experiment.timed, names.index(part.experiment.name)))
    return tuple(parts)


CHAPTER = _claimed(RECURRENCE, BEYOND_CLAIMS)

REFERENCE = "reference"
"""The suite whose bundles say how fast a machine is."""

REFERENCES = PROJECT / "experiments" / "reference"
"""The bundles that come along, each really measured on one machine."""

SUITES: tuple[Suite, ...] = (
    Suite(
        "first-look",
        "First look",
        "The six variants: how fast the gradient fades, what they hold, what a second direction "
        "sees; a minGRU's gradient at the size of its report card; of each cell how far back it "
        "learns to look, what it follows step by step, how many things it keeps apart, how much "
        "context helps it on real text and how fast it is; what attention does for long "
        "sentences. A minute or two.",
        (
            Measurement("six variants", GRADIENT_DECAY, ALL, headline=True),
            Measurement("six variants, what they hold", PARAMETER_COUNT, ALL, headline=True),
            OF_A_CARD,
            Measurement(
                "one direction and two",
                TWO_SIDED_CONTEXT,
                ALL,
                {
                    "hidden_size": (32,),
                    "furthest": (2,),
                    "sequence_length": (16,),
                    "training_steps": (150,),
                },
                headline=True,
            ),
            Measurement(
                "how far back each cell learns to look",
                MEMORY_SPAN,
                ONE_DIRECTION,
                {
                    "hidden_size": (32,),
                    "training_steps": (300,),
                    "longest_lag": (10,),
                    "learning_rate": (0.01,),
                },
                headline=True,
            ),
            Measurement(
                "what each cell follows step by step",
                STATE_TRACKING,
                ONE_DIRECTION,
                SMALL_STATES,
                headline=True,
            ),
            Measurement(
                "what each cell and attention keep apart",
                RECALL,
                (*ONE_DIRECTION, ATTENTION),
                SMALL_RECALL,
                headline=True,
            ),
            Measurement(
                "how much context helps each cell",
                LANGUAGE_MODEL,
                ONE_DIRECTION,
                SMALL_TEXT,
                headline=True,
            ),
            Measurement(
                "a small translator with and without attention",
                LENGTH_QUALITY,
                ("lstm",),
                {**SMALL_TRANSLATOR, "attention": ("none", "dot"), "seeds": (1,)},
                headline=True,
            ),
            Measurement(
                "how fast each cell is",
                THROUGHPUT,
                ONE_DIRECTION,
                {
                    "launches": (1,),  # a first look; verdicts need more
                    "repetitions": (6,),
                    "streamed_tokens": (100,),
                    "sequence_length": (128,),
                    "shortest_length": (32,),
                    "packed": (False,),
                },
                headline=True,
            ),
        ),
    ),
    Suite(
        REFERENCE,
        "Reference",
        "How fast this machine is, to be compared with others: each cell as the chapter times it, "
        "how its time grows to 1,024 steps, latency and memory, and the chapter's LSTM beside a "
        "linear layer. Less than ten minutes on a CPU; make reference writes it as a bundle.",
        (
            dataclasses.replace(
                HOW_FAST, title="how fast each cell is", variants=ONE_DIRECTION, headline=False
            ),
            Measurement(
                "growth to 1,024 steps, latency and memory",
                THROUGHPUT,
                ONE_DIRECTION,
                # One launch: the other part is what verdicts come from.
                {
                    "launches": (1,),
                    "sequence_length": (1024,),
                    "repetitions": (6,),
                    "packed": (False,),
                },
            ),
            LSTM_AND_LINEAR,
        ),
    ),
    Suite(
        "chapter",
        "Chapter",
        "Everything that the textbook claims: its set-up, what gain, gate biases, initialisation "
        "and depth change in it, what each cell costs, how far back it learns to look, what a "
        "second direction sees, what attention does for long sentences, and what recurrence, a "
        "minGRU and a transformer follow, keep apart and make of the context of real text.",
        CHAPTER,
    ),
    Suite(
        "successors",
        "Successors",
        "Why did attention win, and what came back? How attention's time grows, what all steps at "
        "once gain, in which layers the gradient lasts, and what a minGRU and a transformer "
        "remember, keep apart and follow beside a GRU. Some ten minutes.",
        _claimed(SUCCESSORS),
    ),
    Suite(
        "papers",
        "Papers",
        "What eleven papers found, measured at the size that two cores allow. Many of the runs are "
        "the chapter's, and are not repeated if they are there.",
        _claimed(PAPERS),
    ),
    Suite(
        "full",
        "Full",
        "The chapter with 32 seeds at two widths, the gradient before and after training, all "
        "three memory tasks, pairs kept apart by width, hundreds of characters of context, and "
        "speed by batch, width and precision. Hours.",
        (
            *CHAPTER,
            Measurement(
                "two widths",
                GRADIENT_DECAY,
                ALL,
                {"hidden_size": (64, 128), "seeds": (32,)},
            ),
            Measurement(
                "while training",
                GRADIENT_DECAY,
                ("rnn", "lstm", "gru"),
                {"training_steps": (500,), "forget_bias": (0, 1)},
            ),
            Measurement("equal parameters", GRADIENT_DECAY, ALL, {"parameter_budget": (100_000,)}),
            Measurement("the adding problem", MEMORY_SPAN, ALL, preset="adding"),
            Measurement("copy memory", MEMORY_SPAN, ALL, preset="copy"),
            Measurement(
                "gates that keep",
                MEMORY_SPAN,
                ("lstm", "gru"),
                {"forget_bias": (2, 3), "update_bias": (1, 3)},
            ),
            Measurement(
                "other rules of tagging", TWO_SIDED_CONTEXT, ALL, {"rule": ("compare", "ahead")}
            ),
            Measurement(
                "pairs kept apart by width",
                RECALL,
                (*ONE_DIRECTION, "min-gru", ATTENTION),
                {"hidden_size": (32, 64, 128)},
            ),
            Measurement("32 pairs", RECALL, ("lstm", ATTENTION), preset="pairs-32"),
            Measurement(
                "hundreds of characters of context",
                LANGUAGE_MODEL,
                ("gru", "lstm", ATTENTION),
                preset="long-context",
            ),
            Measurement("long sequences", THROUGHPUT, ALL, {"sequence_length": (4096,)}),
            Measurement("by batch", THROUGHPUT, ONE_DIRECTION, {"batch_size": (1, 8, 32, 128)}),
            Measurement("by width", THROUGHPUT, ONE_DIRECTION, {"hidden_size": (32, 128, 512)}),
            Measurement(
                "every encoder, every attention",
                LENGTH_QUALITY,
                ALL,
                {"attention": ("none", "additive", "dot", "general"), "seeds": (3,)},
            ),
            Measurement(
                "how much one vector holds",
                LENGTH_QUALITY,
                ("lstm",),
                {"hidden_size": (16, 32, 64, 128), "seeds": (3,)},
            ),
            Measurement("half precision", THROUGHPUT, ONE_DIRECTION, {"dtype": ("bfloat16",)}),
        ),
    ),
)


def headline_rank(sweep: Sweep) -> int:
    """How much a sweep is meant to be the headline of its experiment, the more the later its suite
    is in the list; 0 if no suite declares it, or if it lacks a kind of run that its part asks for.
    """
    suite_name, _, part_title = STAMP.sub(":", sweep.name).partition(": ")
    experiment = sweep.runs[0].experiment
    for rank, suite in enumerate(SUITES, 1):
        for part in suite.parts if suite.name == suite_name else ():
            if (part.headline, part.title, part.experiment.name) == (True, part_title, experiment):
                keys = {key_of(part.experiment, run.settings) for run in sweep.finished}
                return rank if keys >= part.kinds.keys() else 0
    return 0


def suite_named(name: str) -> Suite:
    """The suite of that name; `BadSetting` names the known ones."""
    for suite in SUITES:
        if suite.name == name:
            return suite
    names = ", ".join(suite.name for suite in SUITES)
    raise BadSetting(f"suite is {name!r}; choose from {names}")
