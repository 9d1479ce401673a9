"""The figure of each claim: what was measured, with the textbook's number as a line.

A claim that has none here shows a table or a formula of what was measured.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas
import streamlit as st

from core.chapter.basics import STEPS
from core.chapter.claim import Claim, Measurement
from core.chapter.cost import CHAPTER_TIMES, LSTM_AND_LINEAR, WIDTHS, times_by_length
from core.chapter.gradients import (
    BY_GAIN,
    CHAPTER_RATIO,
    DEFAULT_START,
    DEPTH,
    EXPLODING,
    FORGET_BIAS,
    networks_of,
)
from core.chapter.memory import CHAPTER_SPAN, ORTHOGONAL, RNN_SPANS, SPANS, UNCLIPPED
from core.chapter.memory import EXPLODING as EXPLODING_LEARNER
from core.chapter.sequences import ATTENTION, BOTH_SIDES, CHAPTER_WORDS
from core.chapter.successors import (
    FOLLOWED,
    GRADIENTS,
    MIN_SPANS,
    RECALLED,
    exponents_by_length,
    timed_beside_attention,
)
from core.experiment import Column
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.recall import RECALL
from core.experiments.state_tracking import STATE_TRACKING
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.models.architecture import variant_title
from dashboard.charts import curves, lines, networks, render
from dashboard.charts.curves import Repeats
from dashboard.charts.lines import ShadedRange
from dashboard.charts.render import Chart, Drawing
from dashboard.charts.scales import logarithm_of
from dashboard.charts.theme import styles
from dashboard.figures.base import Measure, Shown, read
from dashboard.figures.leading import LEADING, PERCENT, Leading
from dashboard.figures.lines import Curves
from dashboard.store import cache
from experiments.evidence import ClaimStatus

Draw = Callable[[ClaimStatus], Chart | None]
"""Draws what was measured so far; None while there is nothing to draw."""


class Figure(NamedTuple):
    """The figure of a claim, and a note that names what stands for the textbook's number."""

    draw: Draw
    note: str = ""


HEIGHT = 300

GRADIENT = "log10_input_gradient"


def show(claim: Claim, judged: ClaimStatus) -> bool:
    """Put a claim's figure on the page; whether it has one."""
    evidence = judged.verdicts[claim.number].evidence
    if claim.number not in FIGURES:
        return False
    computed = claim.number in judged.results.computed
    key = cache.reader().store.uri, claim.number, tuple(evidence), computed
    chart = _chart(key, cache.dark(), judged)
    if chart is None:
        return False
    render.show(chart, f"{claim.title}. {judged.verdicts[claim.number].summary}")
    if note := FIGURES[claim.number].note:
        st.caption(note)
    return True


@st.cache_resource(show_spinner=False, max_entries=64)
def _chart(
    key: tuple[str, int, tuple[str, ...], bool], dark: bool, _judged: ClaimStatus
) -> Drawing | None:
    """Prepared once for all sessions, until another run has finished."""
    return FIGURES[key[1]].draw(_judged)


def _shown(judged: ClaimStatus, *measurements: Measurement) -> Shown | None:
    """The finished runs of some measurements of one experiment; None if there are none."""
    matched = judged.results.of(*measurements)
    ids = dict.fromkeys(str(run["run_id"]) for one in matched for run in one.runs)
    runs = [judged.runs[run_id] for run_id in ids if run_id in judged.runs]
    return read(measurements[0].experiment, runs) if runs else None


def _level(x: str, places: Sequence[float], value: float) -> pandas.DataFrame:
    """The textbook's number as a level line."""
    return pandas.DataFrame({"series": "textbook", x: list(places), "value": value, "text": ""})


def _gradients(value: float | None, *measurements: Measurement) -> Draw:
    """Gradients by distance, each curve starting at 1, with a level line."""

    def draw(judged: ClaimStatus) -> Chart | None:
        shown = _shown(judged, *measurements)
        if shown is None:
            return None
        row, x = GRADIENT_DECAY.row("gradient"), shown.curve("gradient")
        rows = shown.rows("gradient")
        if rows.empty:
            return None
        rows = curves.first_slice(rows, row)
        rows = curves.relative(curves.complete(rows, x.name, ["input_zeros"]), x.name, GRADIENT)
        rows = curves.thin(rows, x.name)
        measure = Measure(GRADIENT)
        bands = measure.bands(shown, "gradient", rows, ["label", x.name])
        if bands.empty:
            return None
        y = shown.column("gradient", GRADIENT)
        places = sorted(bands[x.name].unique())[::8]
        return lines.line_chart(
            bands,
            x,
            dataclasses.replace(y, title=f"{y.title} relative to the last step's"),
            shown.styles,
            baselines=None if value is None else _level(x.name, places, value),
            repeats=measure.repeats(shown, "gradient"),
            height=HEIGHT,
        )

    return draw


def _factors(judged: ClaimStatus) -> Chart | None:
    """What a linear recurrence makes of 1, step by step, beside the arithmetic."""
    log10_factors = judged.results.computed.get(3, {}).get("log10_factors")
    if not log10_factors:
        return None
    labels = {rate: f"{rate} a step" for rate in log10_factors}
    bands = pandas.DataFrame(
        [
            {
                "label": labels[rate],
                "step": k,
                "value": v,
                "low": math.nan,
                "high": math.nan,
                "n": 1,
            }
            for rate, factors in log10_factors.items()
            for k, v in enumerate(factors)
        ]
    )
    textbook = _level("step", range(0, STEPS + 1, 10), math.log10(0.9**STEPS))
    return lines.line_chart(
        bands,
        _column("step", "Steps", axis=True),
        _column("log10_factor", "What is left of 1", unit="log₁₀"),
        styles(dict.fromkeys(labels.values(), "rnn"), dark=cache.dark()),
        baselines=textbook,
        repeats=Repeats(),
        height=HEIGHT,
    )


def _column(name: str, title: str, unit: str = "", *, axis: bool = False) -> Column:
    """A column that no table of an experiment declares."""
    return Column(
        name=name,
        title=title,
        unit=unit,
        role="axis" if axis else "measure",
        curve=axis,
        latest=False,
        better=None,
        description="",
        estimate=False,
    )


def _networks(judged: ClaimStatus) -> Chart | None:
    """Every network: the size of its steps against what becomes of the product."""
    shown = _shown(judged, BY_GAIN, EXPLODING)
    if shown is None:
        return None
    rows = [
        {"label": shown.labels[run.run_id], **dataclasses.asdict(network)}
        for run in shown.runs
        if (table := cache.reader().table(run, "jacobian")) is not None
        for network in networks_of(table)
    ]
    finite = [row for row in rows if math.isfinite(row["log10_product"])]
    if not finite:
        return None
    return networks.network_chart(pandas.DataFrame(finite), shown.styles, HEIGHT)


def _lags(*measurements: Measurement, shaded: ShadedRange | None = None) -> Draw:
    """The share of the seeds that learned each lag."""
    figure = Curves(
        "By lag",
        "lags",
        (Measure("success", bounds=PERCENT),),
        sizes=True,
        whiskers=True,
        shaded=None if shaded is None else lambda *_: shaded,
    )
    return _preview(figure, *measurements)


def _preview(figure: Leading, *measurements: Measurement) -> Draw:
    def draw(judged: ClaimStatus) -> Chart | None:
        shown = _shown(judged, *measurements)
        return shown and figure.preview(shown, intervals=True, height=HEIGHT)

    return draw


def _widths(judged: ClaimStatus) -> Chart | None:
    """Parameters by width, with a quadratic line through each cell's widest network."""
    shown = _shown(judged, WIDTHS)
    if shown is None:
        return None
    rows = shown.rows("widths")
    if rows.empty:
        return None
    x, measure = shown.curve("widths"), Measure("parameters")
    rows = rows.assign(label=rows["variant"].map(variant_title))
    rows = curves.first_slice(rows, shown.experiment.row("widths"))
    bands = curves.logarithms(measure.bands(shown, "widths", rows, ["label", x.name]))
    if bands.empty:
        return None
    widest = bands[bands["label"] == "LSTM"].sort_values(x.name).tail(1)
    quadratic = [
        {
            "series": "textbook",
            x.name: place,
            "value": end["value"] + 2 * math.log10(place / end[x.name]),
            "text": "",
        }
        for end in widest.to_dict("records")
        for place in sorted(bands[x.name].unique())
    ]
    return lines.line_chart(
        bands,
        x,
        logarithm_of(shown.column("widths", "parameters")),
        styles(dict(zip(rows["label"], rows["variant"], strict=True)), dark=cache.dark()),
        baselines=pandas.DataFrame(quadratic) if quadratic else None,
        repeats=measure.repeats(shown, "widths"),
        sizes=True,
        height=HEIGHT,
    )


def _over_linear(judged: ClaimStatus) -> Chart | None:
    """The LSTM's time over the linear layer's by length, machine by machine."""
    machines = {
        name: times_by_length(judged.results, runs)
        for matched in judged.results.of(LSTM_AND_LINEAR)
        for name, runs in matched.machines.items()
    }
    rows = [
        {"label": f"LSTM on {name}", "length": length, **dataclasses.asdict(estimate)}
        for name, times in machines.items()
        for length, estimate in times.items()
    ]
    if not rows:
        return None
    return _times_chart(rows, "Forward time over a linear layer's", "lstm", CHAPTER_TIMES)


def _times_chart(
    rows: Sequence[Mapping[str, Any]], title: str, variant: str, level: float
) -> Chart:
    """Ratios of two times by length, over launches, with a level line."""
    bands = curves.logarithms(pandas.DataFrame(rows).astype({"low": float, "high": float}))
    return lines.line_chart(
        bands,
        _column("length", "Sequence length", "steps", axis=True),
        _column("log10_times", title),
        styles(dict.fromkeys(bands["label"], variant), dark=cache.dark()),
        baselines=_level("length", _ends(bands), math.log10(level)),
        repeats=Repeats(count="Launches"),
        sizes=True,
        height=HEIGHT,
    )


def _ends(bands: pandas.DataFrame) -> Sequence[float]:
    """The lengths that a level line is drawn at; a single one is widened to a line."""
    lengths = sorted(bands["length"].unique())
    return lengths if len(lengths) > 1 else [lengths[0] / 1.4, lengths[0], lengths[0] * 1.4]


def _over_attention(judged: ClaimStatus) -> Chart | None:
    """A GRU's training time over attention's by length, machine by machine."""
    rows = [
        {
            "label": f"GRU on {name}",
            "length": length,
            **dataclasses.asdict(estimate),
        }
        for name, cells in timed_beside_attention(judged.results).items()
        if "gru" in cells
        for length, estimate in times_by_length(
            judged.results, cells["gru"], "attention", "training"
        ).items()
    ]
    return _times_chart(rows, "Training time over attention's", "gru", 1.0) if rows else None


def _exponents(judged: ClaimStatus) -> Chart | None:
    """How attention's and a GRU's time grow from each length to twice that, on the last machine."""
    machines = list(timed_beside_attention(judged.results).values())
    if not machines or "gru" not in machines[-1]:
        return None
    names = {"attention": "Attention", "fused": "GRU"}
    rows = [
        {"label": names[subject], "length": length, **dataclasses.asdict(estimate)}
        for subject, of in exponents_by_length(judged.results, machines[-1]["gru"]).items()
        for length, estimate in of.items()
    ]
    if not rows:
        return None
    bands = pandas.DataFrame(rows).astype({"low": float, "high": float})
    return lines.line_chart(
        bands,
        _column("length", "Sequence length", "steps", axis=True),
        _column("local_exponent", "Growth of training time", "exponent of T"),
        styles({"Attention": "transformer", "GRU": "gru"}, dark=cache.dark()),
        baselines=_level("length", _ends(bands), 2.0),
        repeats=Repeats(count="Launches"),
        sizes=True,
        height=HEIGHT,
    )


FIGURES: Mapping[int, Figure] = {
    3: Figure(_factors, "Dotted: the textbook's 0.0000266."),
    4: Figure(_gradients(-CHAPTER_RATIO, BY_GAIN), "Dotted: the textbook, 400,000 times smaller."),
    5: Figure(
        _networks,
        "A dot is a network. By the textbook all to the right of 1 lie above the level line, where "
        "the product explodes.",
    ),
    6: Figure(_lags(RNN_SPANS, UNCLIPPED, EXPLODING_LEARNER)),
    7: Figure(
        _lags(SPANS, ORTHOGONAL, shaded=ShadedRange(CHAPTER_SPAN, "")),
        "Shaded: up to 20 steps, as far as the textbook expects of a plain RNN.",
    ),
    8: Figure(_gradients(-2.0, DEFAULT_START, FORGET_BIAS), "Dotted: 1% of the gradient is left."),
    10: Figure(_widths, "Dotted: quadratic growth, to the widest LSTM."),
    11: Figure(_gradients(None, DEPTH)),
    12: Figure(_preview(LEADING[TWO_SIDED_CONTEXT.name], BOTH_SIDES)),
    13: Figure(
        _preview(
            Curves(
                "By length",
                "lengths",
                (Measure("token_accuracy", PERCENT, baseline="blind_accuracy"),),
                shaded=lambda *_: ShadedRange(CHAPTER_WORDS, ""),
            ),
            ATTENTION,
        ),
        "Shaded: up to 20 words, beyond which the textbook sees translation fall.",
    ),
    14: Figure(_over_linear, "Dotted: the textbook's 14 times."),
    16: Figure(_exponents, "Dotted: T². Each dot: from half of that length to that length."),
    17: Figure(_over_attention, "Below the dotted line the GRU is the faster one."),
    18: Figure(_gradients(None, dataclasses.replace(GRADIENTS, variants=("rnn", "transformer")))),
    19: Figure(_preview(LEADING[RECALL.name], RECALLED)),
    20: Figure(_gradients(None, GRADIENTS)),
    21: Figure(_lags(MIN_SPANS)),
    22: Figure(_preview(LEADING[STATE_TRACKING.name], FOLLOWED)),
}
"""By the number of the claim."""
