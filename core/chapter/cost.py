"""Claims about cost: the table of the cells (9), a smaller width (10), a linear layer (14)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from core.analysis.comparison import contrasts
from core.chapter.claim import (
    EXACT,
    TRUTHS,
    Claim,
    MatchedRuns,
    Measurement,
    PropertyRow,
    Question,
    Results,
    Truth,
    Verdict,
    combined,
    compare_matched,
    every,
    evidence,
    exactly,
    finding_of,
    is_better,
    not_measured,
    number_of,
    of_parts,
)
from core.chapter.gradients import DEFAULT_START, REACH
from core.chapter.memory import CELLS, SPANS
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.formatting import counted, exact_number, listed, number, spread
from core.models.architecture import variant_title
from core.stats.aggregation import GEOMETRIC_MEAN, Values
from core.stats.estimates import Estimate, geometric_mean_estimate

WIDTHS = Measurement(
    "256 hidden units and 64", PARAMETER_COUNT, CELLS, {"hidden_size": (256, 64)}, "chapter"
)
SMALL_INPUT = Measurement(
    "the same with 16 features",
    PARAMETER_COUNT,
    CELLS,
    {"hidden_size": (256, 64), "input_size": (16,)},
    "chapter",
)
RATIO = {"rnn": 1, "lstm": 4, "gru": 3}
QUADRATIC = (1.75, 2.25)
"""The range of exponents of the width that counts as about quadratic."""
SHRINKS = ("About 4×", "About 8×", "About 16×")


def width_rule(results: Results) -> Verdict:
    """Is growth about quadratic at each input size, and the ratio 1 : 4 : 3 at both widths?"""
    matched = results.of(WIDTHS, SMALL_INPUT)
    every_count: dict[int, dict[int, dict[str, int]]] = {}  # input size → width → cell → count
    for one in matched:
        width, parameters = one.config.architecture.hidden_size, number_of(one.run, "parameters")
        if parameters is not None:
            by_width = every_count.setdefault(one.config.features, {})
            by_width.setdefault(width, {})[one.cell] = int(parameters)
    counts = {
        size: by
        for size, by in every_count.items()
        if len(by) == 2 and all(len(cells) == len(CELLS) for cells in by.values())
    }
    if not counts:
        return not_measured("parameters of the three cells at 256 and at 64 hidden units")
    times = {size: by[256]["lstm"] / by[64]["lstm"] for size, by in counts.items()}
    exponents = {size: math.log(factor, 4) for size, factor in times.items()}
    ratio_holds = all(
        cells[cell] == factor * cells["rnn"]
        for by in counts.values()
        for cells in by.values()
        for cell, factor in RATIO.items()
    )
    shrinks = [
        f"with {counted(size, 'feature')} from {by[256]['lstm']:,} to {by[64]['lstm']:,} in the "
        f"LSTM, {number(times[size])} times, as the width to the power {exponents[size]:.2f}"
        for size, by in counts.items()
    ]
    truths = {size: QUADRATIC[0] <= e <= QUADRATIC[1] for size, e in exponents.items()}
    ratio = "is 1 : 4 : 3 at both" if ratio_holds else "is not 1 : 4 : 3"
    nearest = None
    if 128 in times:
        choices = zip((4, 8, 16), SHRINKS, strict=True)
        nearest = min(choices, key=lambda choice: abs(math.log(times[128] / choice[0])))[1]
    summary = " ".join(
        f"With {counted(size, 'feature')} it is {number(times[size])} times, "
        f"{'about' if truths[size] else 'not'} quadratic."
        for size in counts
    )
    asked = times.get(128)
    return combined(
        list(truths.values()) if ratio_holds else [False],
        f"From 256 to 64 hidden units the count shrinks {listed(shrinks)}. The ratio {ratio}.",
        f"{summary} The ratio {ratio}.",
        measured="" if asked is None else f"{number(asked)}×",
        spread=EXACT,
        answer=nearest,
        evidence=evidence(*matched),
        numbers={f"times at {size} features": exactly(t) for size, t in times.items()},
    )


WIDTH = Claim(
    10,
    "A quarter of the width needs a sixteenth of the parameters",
    "Going from hidden size 256 to 64 shrinks the parameter counts about quadratically and keeps "
    "the ratio 1 : 4 : 3 of RNN, LSTM and GRU.",
    "Exact counts at both widths, with 128 features as in the chapter and with 16. About quadratic "
    "means an exponent from 1.75 to 2.25.",
    Question("By how much does the count of an LSTM that reads 128 features shrink?", SHRINKS),
    width_rule,
    (WIDTHS, SMALL_INPUT),
    section="Gates",
    quantity="Parameters with 256 hidden units over those with 64, in an LSTM that reads 128 "
    "features",
    textbook="16×",
    formula=r"P = 4\,(H I + H^2 + 2H)",
    why="The recurrent matrix grows with H², the input matrix only with H: the larger the input "
    "size I, the further from quadratic.",
)

# No claim is about packed batches, of which a training pass takes longer than all the rest on a
# CPU, nor about what else could be timed beside. Launches decide, so that few turns are enough.
SPEED_SETTINGS = {"packed": (False,), "timed_beside": ("rnn and linear",), "repetitions": (4,)}

LSTM_AND_LINEAR = Measurement(
    "an LSTM beside a linear layer", THROUGHPUT, ("lstm",), SPEED_SETTINGS, "chapter"
)
CHAPTER_TIMES = 14.0
TAKES = ("Less than 14 times as long", "More than 14 times as long")


def linear_rule(results: Results) -> Verdict:
    """Does it take over 14 times as long on each machine, and more so at the longest sequence?"""
    machines = {
        name: runs for m in results.of(LSTM_AND_LINEAR) for name, runs in m.machines.items()
    }
    every_time = {name: over_launches(runs, "over_linear") for name, runs in machines.items()}
    times = {name: estimate for name, estimate in every_time.items() if estimate.value is not None}
    if not times:
        return not_measured("an LSTM's forward time beside a linear layer's")
    parts: dict[str, Truth] = {}
    sentences = []
    for name, estimate in times.items():
        launches = ratios_by_length(results, machines[name])
        widening = [one[max(one)] / one[min(one)] for one in launches if len(one) > 1]
        parts[f"it takes over 14 times as long on {name}"] = _over(estimate)
        parts[f"the gap widens with length on {name}"] = above_one({name: widening})[name]
        sentence = (
            f"On {name} the forward pass takes {number(estimate.value or 0.0)} times as long "
            f"({spread(estimate, over='launch')})"
        )
        if widening:
            length, shortest = next(iter(times_by_length(results, machines[name]).items()))
            sentence += (
                f", at T = {length} {number(shortest.value or 0.0)} times "
                f"({spread(shortest, over='launch')})"
            )
        sentences.append(f"{sentence}.")
    by_device = {str(machines[name].run["device"]): name for name in times}
    gpus = [name for device, name in by_device.items() if device != "cpu"]
    if gpus and "cpu" in by_device:
        both = {"GPU": machines[gpus[-1]], "CPU": machines[by_device["cpu"]]}
        # Of a time over the linear layer's, less is better.
        less = is_better(compare_matched(both), "over_linear", "GPU", "CPU")
        parts["the gap is wider on a GPU"] = None if less is None else not less
    else:
        sentences.append("A GPU has not been measured beside a CPU.")
    last = list(times.values())[-1]
    over = _over(last)
    return of_parts(
        parts,
        " ".join(sentences),
        measured=f"{number(last.value or 0.0)}×",
        spread=spread(last, over="launch"),
        answer=None if over is None else TAKES[over],
        evidence=evidence(*(machines[name] for name in times)),
        numbers=times,
    )


def _over(estimate: Estimate) -> Truth:
    """Whether the whole interval is over 14; None if 14 is in it, or if there is no interval."""
    if estimate.low is None or estimate.high is None:
        return None
    if estimate.low <= CHAPTER_TIMES <= estimate.high:
        return None
    return estimate.low > CHAPTER_TIMES


def over_launches(runs: MatchedRuns, column: str) -> Estimate:
    """A ratio over launches. A single launch has no interval: that of its turns says how well it
    was measured, and identical launches differ by more."""
    estimate = runs.estimate(column)
    single = len(runs.runs) < 2 and estimate.value is not None
    return Estimate(estimate.value, None, None, 1) if single else estimate


def times_by_length(
    results: Results, matched: MatchedRuns, baseline: str = "linear", mode: str = "forward"
) -> Mapping[int, Estimate]:
    """Length → time over a baseline's, over the launches on one machine."""
    launches = ratios_by_length(results, matched, baseline, mode)
    lengths = sorted({length for one in launches for length in one})
    return {
        length: geometric_mean_estimate(one[length] for one in launches if length in one)
        for length in lengths
    }


def ratios_by_length(
    results: Results, matched: MatchedRuns, baseline: str = "linear", mode: str = "forward"
) -> list[Mapping[int, float]]:
    """Of each launch: length → time over a baseline's, from the table `ratios`."""
    launches: list[Mapping[int, float]] = []
    for run in matched.runs:
        table = results.table(str(run["run_id"]), "ratios")
        if table is None:
            continue
        selection = {"subject": "fused", "baseline": baseline, "mode": mode}
        rows = table[(table[list(selection)] == list(selection.values())).all(axis=1)]
        times = {
            int(row["sequence_length"]): 1 / float(row["times_as_fast"])
            for row in rows.sort_values("sequence_length").to_dict("records")
            if row["times_as_fast"]
        }
        launches.append(times)
    return launches


def above_one(ratios: Mapping[str, Values]) -> dict[str, Truth]:
    """Whether each ratio of two times is above 1, over launches, by the test of every comparison;
    None where that is not distinguishable. The ratios are one family."""
    pairs = {(name, "1"): (values, (1.0, 1.0)) for name, values in ratios.items()}
    verdicts = contrasts(pairs, GEOMETRIC_MEAN, "higher")
    return {verdict.first: TRUTHS.get(verdict.finding) for verdict in verdicts}


LINEAR = Claim(
    14,
    "An LSTM takes over 14 times as long as a linear layer",
    "At batch 32, T = 512 and 256 → 256, an LSTM's forward pass takes over 14 times as long as a "
    "linear layer's, and the gap widens with length and on a GPU.",
    "Timed in turns at exactly that size and at shorter lengths, on a GPU too if there is one. "
    "Decided by the ratios of several launches: the turns of one say nothing of another.",
    Question("How long does the LSTM take here, against the linear layer?", TAKES),
    linear_rule,
    (LSTM_AND_LINEAR,),
    section="Speed",
    quantity="Time of an LSTM's forward pass over a linear layer's, T = 512",
    textbook="14×",
    formula=r"h_t = f(x_t,\, h_{t-1}) \quad\text{against}\quad Y = X W",
    why="A linear layer computes all steps at once; each step of an LSTM waits for the one before.",
)

COUNTS = Measurement("what each cell holds", PARAMETER_COUNT, CELLS, preset="chapter")
SPEED = Measurement("how fast each cell trains", THROUGHPUT, CELLS, SPEED_SETTINGS, "chapter")
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
    """Judge the table row by row, with one row of training speed for every machine."""
    machines = cells_by_machine(results)
    rows = (*_count_rows(results), _range_row(results), *_speed_rows(machines))
    far = SPANS if len(results.of(SPANS)) == len(CELLS) else DEFAULT_START
    more = {
        "table": rows,
        "evidence": evidence(*results.of(COUNTS, far, SPEED)),
        "answer": slowest(machines),
    }
    if missing := [row.title for row in rows if row.missing]:
        return not_measured(listed(missing), **more)
    values = [
        f"{row.title}: {listed(row.measured)}" + (f" ({row.difference})" if row.difference else "")
        for row in rows
    ]
    ratio = rows[2].measured
    return of_parts(
        {f"{row.title}: {' / '.join(row.claimed)}": row.truth for row in rows},
        f"For RNN, LSTM and GRU: {'; '.join(values)}.",
        measured=" : ".join(ratio),
        spread=EXACT,
        numbers={
            f"{cell.upper()} on {machine}": over_launches(cells[cell], "over_rnn")
            for machine, cells in machines.items()
            for cell in ("lstm", "gru")
        },
        findings={
            f"GRU against LSTM on {machine}": finding_of(
                compare_matched({cell: cells[cell] for cell in ("lstm", "gru")}),
                "over_rnn",
                "gru",
                "lstm",
            )
            for machine, cells in machines.items()
        },
        **more,
    )


def _count_rows(results: Results) -> Iterator[PropertyRow]:
    """Rows of counts, which are exact."""
    cells = {matched.cell: matched for matched in results.of(COUNTS)}
    for title, claimed in CLAIMED.items():
        values = [
            number_of(cells[cell].run, COLUMNS[title]) if cell in cells else None for cell in CELLS
        ]
        if None in values:
            yield PropertyRow(title, claimed, NOTHING, None, missing=True)
        else:
            shown = tuple(f"{value:g}" for value in values if value is not None)
            yield PropertyRow(title, claimed, (shown[0], shown[1], shown[2]), shown == claimed)


REACHES: Mapping[Truth, str] = {
    True: "further than",
    False: "less far than",
    None: "not significantly different from",
}


def _range_row(results: Results) -> PropertyRow:
    """Long range, by memory spans; where they are not measured, by how far the gradient reaches."""
    for measurement, measure, words in (
        (SPANS, "span", "lags up to {}"),
        (DEFAULT_START, REACH, "1% of the gradient at {} steps"),
    ):
        cells = {matched.cell: matched for matched in results.of(measurement)}
        if len(cells) < len(CELLS):
            continue
        comparison = compare_matched(cells)
        truth = every(is_better(comparison, measure, cell, "rnn") for cell in CELLS[1:])
        values = [comparison.estimate(cell, measure).value for cell in CELLS]
        shown = [
            "unknown"
            if value is None
            else words.format(exact_number(value) if measure == "span" else number(value, 2))
            for value in values
        ]
        difference = listed(
            [
                f"{variant_title(one)} {REACHES[is_better(comparison, measure, one, other)]} "
                f"{variant_title(other)}"
                for one, other in (("lstm", "rnn"), ("gru", "rnn"), ("gru", "lstm"))
            ]
        )
        return PropertyRow(
            title="Long range",
            claimed=LONG_RANGE,
            measured=(shown[0], shown[1], shown[2]),
            truth=truth,
            difference=difference,
        )
    return PropertyRow("Long range", LONG_RANGE, NOTHING, None, missing=True)


Machines = Mapping[str, Mapping[str, MatchedRuns]]
"""Machine → cell → its timed runs."""


def cells_by_machine(results: Results) -> Machines:
    """The timed runs on machines on which both LSTM and GRU were timed beside a plain RNN."""
    machines: dict[str, dict[str, MatchedRuns]] = {}
    for matched in results.of(SPEED):
        for name, runs in matched.machines.items():
            if runs.estimate("over_rnn").value is not None or matched.cell == "rnn":
                machines.setdefault(name, {})[matched.cell] = runs
    return {name: cells for name, cells in machines.items() if {"lstm", "gru"} <= cells.keys()}


def _speed_rows(machines: Machines) -> Sequence[PropertyRow]:
    if not machines:
        return [PropertyRow("Training speed", TRAINING_SPEED, NOTHING, None, missing=True)]
    rows = []
    for machine, cells in machines.items():
        ratios = [cells[cell].estimate("over_rnn") for cell in ("lstm", "gru")]
        times = [f"{number(ratio.value or 0.0)}× as long" for ratio in ratios]
        slower = slower_pairs(cells)
        truth = every(slower[pair] for pair in (("lstm", "gru"), ("gru", "rnn"), ("lstm", "rnn")))
        difference = listed(
            [
                f"{variant_title(one)} {SPEEDS[slower[one, other]]} {variant_title(other)}"
                for one, other in (("lstm", "gru"), ("lstm", "rnn"), ("gru", "rnn"))
            ]
        )
        rows.append(
            PropertyRow(
                title=f"Training time on {machine}",
                claimed=TRAINING_SPEED,
                measured=("1", times[0], times[1]),
                truth=truth,
                difference=difference,
            )
        )
    return rows


SPEEDS: Mapping[Truth, str] = {
    True: "slower than",
    False: "faster than",
    None: "not significantly different from",
}


def slower_pairs(cells: Mapping[str, MatchedRuns]) -> dict[tuple[str, str], Truth]:
    """(one cell, another) → whether the one trains more slowly, over launches.

    LSTM and GRU are compared by their times over the plain RNN's within the turns of each launch,
    and each of them with the plain RNN by whether that ratio is above 1.
    """
    comparison = compare_matched({cell: cells[cell] for cell in ("lstm", "gru")})
    result = comparison.result("over_rnn")
    over = above_one(result.values) if result else {}
    faster = is_better(comparison, "over_rnn", "lstm", "gru")
    slower: dict[tuple[str, str], Truth] = {
        ("lstm", "gru"): None if faster is None else not faster,
        ("lstm", "rnn"): over.get("lstm"),
        ("gru", "rnn"): over.get("gru"),
    }
    return slower | {
        (other, one): None if truth is None else not truth for (one, other), truth in slower.items()
    }


def slowest(machines: Machines) -> str | None:
    """The cell that trains slowest: one of TITLES; or DEPENDS; or None if it is not clear."""
    answers = set()
    for cells in machines.values():
        slower = slower_pairs(cells)
        slow = [
            cell for cell in CELLS if all(slower[cell, rival] for rival in CELLS if rival != cell)
        ]
        answers.add(TITLES[CELLS.index(slow[0])] if slow else None)
    if not answers or None in answers:
        return None
    return answers.pop() if len(answers) == 1 else DEPENDS


PROPERTIES = Claim(
    9,
    "LSTM and GRU cost more than an RNN and remember longer",
    "RNN, LSTM and GRU have 0, 3 and 2 gates, 1, 2 and 1 state vectors and parameters in the ratio "
    "1 : 4 : 3; long range is poor, good and good; training speed is fastest, slowest and middle.",
    "Gates, state vectors and parameters are exact; long range is the memory span, or where that "
    "is not measured the distance at which 1% of the gradient is left; training speed is the time "
    "over that of a plain RNN in the same turns, over launches, machine by machine.",
    Question("Which of the three trains slowest on this machine?", (*TITLES, DEPENDS)),
    table_rule,
    (COUNTS, SPANS, SPEED),
    section="Gates",
    quantity="Parameters of RNN, LSTM and GRU",
    textbook="1 : 4 : 3",
    formula=r"P = G\,(H I + H^2 + 2H) \quad\text{with } G = 1,\ 4,\ 3",
    why="An LSTM has four blocks of weights, for three gates and a candidate, a GRU three and an "
    "RNN one.",
)
