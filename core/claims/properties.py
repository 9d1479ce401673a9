"""The chapter's table of the three cells, every cell of it measured (9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from core.claims.claim import Claim, Line, Question, Truth, Verdict, every, not_measured, of_parts
from core.claims.gates import DEFAULT_START, half_life_of, lasts
from core.claims.measurement import Measurement
from core.claims.results import Found, Results, estimate_of, evidence, number_of
from core.claims.spans import SPANS, further, span_of
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.experiments.throughput_finding import differ
from core.statistics import CONFIDENCE, Estimate
from core.words import listed, number

CELLS = ("rnn", "lstm", "gru")
COUNTS = Measurement("what each cell holds", PARAMETER_COUNT, CELLS, preset="chapter")
SPEED = Measurement("how fast each cell trains", THROUGHPUT, CELLS, preset="chapter")
TITLES = ("RNN", "LSTM", "GRU")
DEPENDS = "That depends on the machine"
NOTHING = ("not measured yet",) * 3
CLAIMED = {
    "Gates": ("0", "3", "2"),
    "State vectors": ("1", "2", "1"),
    "Parameters over the RNN's": ("1", "4", "3"),
}
COLUMNS = {
    "Gates": "gates",
    "State vectors": "state_vectors",
    "Parameters over the RNN's": "over_rnn",
}
LONG_RANGE = ("poor", "good", "good")
TRAINING_SPEED = ("fastest", "slowest", "middle")


def table_rule(results: Results) -> Verdict:
    """Line by line; the speed of training once for every machine."""
    times = training_times(results)
    lines = (*_count_lines(results), _range_line(results), *_speed_lines(times))
    far = SPANS if len(results.of(SPANS)) == len(CELLS) else DEFAULT_START
    used = [found for m in (COUNTS, far, SPEED) for found in results.of(m)]
    more = {"table": lines, "evidence": evidence(*used), "answer": slowest(times)}
    if missing := [line.title.lower() for line in lines if line.missing]:
        return not_measured(listed(missing), **more)
    told = [f"{line.title.lower()} {_values(line)}" for line in lines]
    return of_parts(
        {f"{line.title.lower()} is {' / '.join(line.claimed)}": line.truth for line in lines},
        f"For RNN, LSTM and GRU: {'; '.join(told)}.",
        numbers={f"{cell} on {m}": e for m, by in times.items() for cell, e in by.items()},
        **more,
    )


def _values(line: Line) -> str:
    agrees = {True: "as claimed", False: "not as claimed", None: "not distinguishable"}[line.truth]
    return f"{listed(line.measured)} ({agrees})"


def _count_lines(results: Results) -> Iterator[Line]:
    """Counts are exact."""
    cells = {found.cell: found for found in results.of(COUNTS)}
    for title, claimed in CLAIMED.items():
        values = [
            number_of(cells[cell].run, COLUMNS[title]) if cell in cells else None for cell in CELLS
        ]
        if None in values:
            yield Line(title, claimed, NOTHING, None, missing=True)
        else:
            shown = tuple(f"{value:g}" for value in values if value is not None)
            yield Line(title, claimed, (shown[0], shown[1], shown[2]), shown == claimed)


def _range_line(results: Results) -> Line:
    """By memory spans; where they are not measured, by the gradient's half-life."""
    level = (1 - CONFIDENCE) / 2
    spans = {found.cell: found for found in results.of(SPANS)}
    if len(spans) == 3:
        truth = every(further(spans[cell], spans["rnn"], level) for cell in CELLS[1:])
        shown = [_lags(spans[cell]) for cell in CELLS]
        return Line("Long range", LONG_RANGE, (shown[0], shown[1], shown[2]), truth)
    cells = {found.cell: found for found in results.of(DEFAULT_START)}
    if len(cells) < 3:
        return Line("Long range", LONG_RANGE, NOTHING, None, missing=True)
    truth = every(lasts(cells[cell], cells["rnn"], level) for cell in CELLS[1:])
    lives = [half_life_of(cells[cell]).value for cell in CELLS]
    shown = [f"half-life {number(life, 2)}" if life is not None else "unknown" for life in lives]
    return Line("Long range", LONG_RANGE, (shown[0], shown[1], shown[2]), truth)


def _lags(found: Found) -> str:
    span = span_of(found).value
    return "unknown" if span is None else f"lags up to {span:.0f}"


Times = Mapping[str, Mapping[str, Estimate]]
"""Machine → cell → training time over that of the plain RNN timed in turns with it."""


def training_times(results: Results) -> Times:
    """Of machines on which the LSTM and the GRU were timed."""
    times: dict[str, dict[str, Estimate]] = {}
    for found in results.of(SPEED):
        for name, run in found.machines.items():
            taken = estimate_of(run, "over_rnn")
            if found.cell != "rnn" and taken.value is not None:
                times.setdefault(name, {})[found.cell.upper()] = taken
    return {name: by for name, by in times.items() if len(by) == 2}


def _speed_lines(times: Times) -> Sequence[Line]:
    if not times:
        return [Line("Training speed", TRAINING_SPEED, NOTHING, None, missing=True)]
    return [
        Line(
            f"Training speed on {machine}",
            TRAINING_SPEED,
            ("time 1", *(f"{number(by[cell].value or 0.0)} times" for cell in ("LSTM", "GRU"))),  # type: ignore[arg-type]
            _as_claimed(by["LSTM"], by["GRU"]),
        )
        for machine, by in times.items()
    ]


def _as_claimed(lstm: Estimate, gru: Estimate) -> Truth:
    """RNN, GRU, LSTM: each faster than the next by more than their intervals."""
    plain = Estimate(1.0, 1.0, 1.0, 0)
    return every(_slower(*pair) for pair in ((lstm, gru), (gru, plain), (lstm, plain)))


def _slower(one: Estimate, other: Estimate) -> Truth:
    return (one.value or 0.0) > (other.value or 0.0) if differ(one, other) else None


def slowest(times: Times) -> str | None:
    """Who trains slowest: one of TITLES, that it depends, or None where nobody can tell."""
    found = {_slowest(by["LSTM"], by["GRU"]) for by in times.values()}
    return (found.pop() if len(found) == 1 else DEPENDS) if found and None not in found else None


def _slowest(lstm: Estimate, gru: Estimate) -> str | None:
    cells = {"RNN": Estimate(1.0, 1.0, 1.0, 0), "LSTM": lstm, "GRU": gru}
    for name, taken in cells.items():
        if all(_slower(taken, other) for rival, other in cells.items() if rival != name):
            return name
    return None


PROPERTIES = Claim(
    9,
    "The table of the three cells",
    "RNN, LSTM and GRU have 0, 3 and 2 gates, 1, 2 and 1 state vectors and parameters in the ratio "
    "1 : 4 : 3; long range is poor, good and good; training speed is fastest, slowest and middle.",
    "Gates, state vectors and parameters are exact; long range is the memory span, or where that "
    "is not measured the gradient's half-life; training speed is the time over that of a plain RNN "
    "timed in turns, machine by machine.",
    Question("Which of the three trains slowest on this machine?", (*TITLES, DEPENDS)),
    table_rule,
    (COUNTS, SPANS, SPEED),
)
