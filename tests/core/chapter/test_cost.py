"""Claims 9, 10 and 14: from runs of parameter-count, throughput and memory-span."""

from __future__ import annotations

from typing import Any

import pandas
import pytest

from core.chapter.claim import Verdict
from core.chapter.cost import LINEAR, PROPERTIES, WIDTH
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.models.architecture import Architecture
from core.models.counting import count_parameters, gates
from core.models.registry import cell_kind
from core.stats.estimates import Estimate
from tests.core.made import Made, around, results, run

CELLS = ("rnn", "lstm", "gru")


def counted(cell: str, *, times: float = 1.0, **settings: Any) -> Made:
    """A run with the counts of the formula, times a factor that they should not have."""
    config = PARAMETER_COUNT.configs((cell,), {n: (v,) for n, v in settings.items()}, "chapter")[0]
    shape, features = config.architecture, config.features
    plain = count_parameters(Architecture(hidden_size=shape.hidden_size), features).core
    own = int(times * count_parameters(shape, features).core)
    return run(
        PARAMETER_COUNT,
        cell,
        "chapter",
        settings,
        parameters=own,
        over_rnn=own / plain,
        gates=gates(shape),
        state_vectors=len(cell_kind(cell).states),
    )


def widths(*inputs: int, **wrong: float) -> list[Made]:
    return [
        counted(cell, times=wrong.get(cell, 1.0), hidden_size=width, input_size=size)
        for size in inputs
        for cell in CELLS
        for width in (256, 64)
    ]


def width(*runs: Made) -> Verdict:
    return WIDTH.verdict(results(*runs))


def test_counts_shrink_quadratically_where_the_input_is_small() -> None:
    found = width(*widths(16))
    assert found.outcome == "holds"
    assert "13.4 times, as the width to the power 1.87" in found.figure


def test_counts_shrink_less_where_the_input_is_not_small() -> None:
    found = width(*widths(128))
    assert (found.outcome, found.answer) == ("does not hold", "About 8×")
    assert "from 395,264 to 49,664 in the LSTM, 7.96 times" in found.figure
    both = width(*widths(128, 16))
    assert both.outcome == "partly"
    assert "With 128 features it is 7.96 times, not quadratic." in both.summary
    assert "With 16 features it is 13.4 times, about quadratic." in both.summary
    assert (both.measured, both.spread) == ("7.96×", "exact")
    assert len(both.evidence) == 12


def test_counts_out_of_ratio_refute() -> None:
    found = width(*widths(16, gru=1.1))
    assert found.outcome == "does not hold"
    assert "is not 1 : 4 : 3" in found.figure


def test_both_widths_of_all_three_cells_are_needed() -> None:
    assert width(*widths(128)[:5]).outcome == "not measured yet"


def timed(cell: str, over_rnn: Estimate, device: str = "cpu", **more: Any) -> Made:
    return run(
        THROUGHPUT,
        cell,
        "chapter",
        more.pop("settings", {}),
        more.pop("tables", None),
        over_rnn=over_rnn,
        device=device,
        chip="chip",
        **more,
    )


def ratios(*over: tuple[int, float]) -> dict[str, pandas.DataFrame]:
    """Forward time over the linear layer's, by length; a row of something else in between."""
    rows = []
    for length, times in over:
        common = {"baseline": "linear", "mode": "forward", "sequence_length": length}
        ends = {"times_as_fast_low": 0.99 / times, "times_as_fast_high": 1.01 / times}
        own = {**common, "times_as_fast": 1 / times, **ends, "times_as_fast_n": 9}
        rows += [{"subject": "equations", **own}, {"subject": "fused", **own}]
    return {"ratios": pandas.DataFrame(rows)}


def beside(times: float, start: float, device: str = "cpu", n: int = 3) -> list[Made]:
    """Launches whose ratios differ by 0.2%, each with a far too narrow interval of its turns."""
    made = []
    for launch in range(n):
        factor = 1.002 ** (launch - (n - 1) / 2)
        tables = ratios((64, start * factor), (512, times * factor))
        over = around(times * factor, 0.001)
        settings = {"seed": launch}
        made.append(
            timed("lstm", around(3.0), device, tables=tables, over_linear=over, settings=settings)
        )
    return made


def linear(*runs: Made) -> Verdict:
    return LINEAR.verdict(results(*runs))


def test_fourteen_times_holds_where_it_is_more_and_widens() -> None:
    found = linear(*beside(20.0, 9.5))
    assert (found.outcome, found.answer) == ("holds", "More than 14 times as long")
    assert "20.0 times as long (95% CI 19.9–20.1, n = 3 launches)" in found.figure
    assert "at T = 64 9.50 times" in found.figure
    assert "A GPU has not been measured" in found.figure


def test_a_gpu_counts_beside_the_cpu() -> None:
    assert linear(*beside(20.0, 9.5), *beside(90.0, 30.0, "cuda")).outcome == "holds"
    found = linear(*beside(8.0, 4.0), *beside(90.0, 30.0, "cuda"))
    assert found.outcome == "partly"
    truths = {part.statement: part.truth for part in found.parts}
    assert truths["it takes over 14 times as long on CUDA (chip)"] is True
    assert truths["it takes over 14 times as long on CPU (chip)"] is False
    assert truths["the gap is wider on a GPU"] is True
    assert truths["the gap widens with length on CPU (chip)"] is True


def test_fourteen_times_does_not_hold_where_it_is_less_and_does_not_widen() -> None:
    found = linear(*beside(8.0, 9.5))
    assert (found.outcome, found.answer) == ("does not hold", "Less than 14 times as long")


def test_one_launch_does_not_tell_whatever_its_turns_say_and_no_run_is_not_measured() -> None:
    found = linear(*beside(20.0, 9.5, n=1))
    assert (found.outcome, found.answer) == ("not decided", None)
    assert linear().outcome == "not measured yet"


def learner(cell: str, span: int) -> Made:
    return run(
        MEMORY_SPAN,
        cell,
        settings={"hidden_size": 32},
        span=Estimate(span, span, span, 5),
        span_by_seed=", ".join([str(span)] * 5),
        next_lag=span + 5,
    )


COUNTS = [counted(cell) for cell in CELLS]

SPANS = [learner("rnn", 10), learner("lstm", 20), learner("gru", 30)]


def launches(cell: str, times: float, device: str = "cpu", noise: float = 0.02) -> list[Made]:
    """Three launches, whose times over the plain RNN's differ a little."""
    return [
        timed(cell, around(times + noise * step, 0.1), device, settings={"seed": step + 1})
        for step in (-1, 0, 1)
    ]


AS_CLAIMED = [*launches("lstm", 3.0), *launches("gru", 2.0)]

GRU_SLOWEST = [*launches("lstm", 2.0), *launches("gru", 3.0)]


def properties(*runs: Made) -> Verdict:
    return PROPERTIES.verdict(results(*runs))


def test_the_table_holds_where_every_line_is_as_claimed() -> None:
    found = properties(*COUNTS, *SPANS, *AS_CLAIMED)
    assert (found.outcome, found.answer) == ("holds", "LSTM")
    assert [line.measured for line in found.table[:3]] == [
        ("0", "3", "2"),
        ("1", "2", "1"),
        ("1", "4", "3"),
    ]
    assert found.table[3].measured == ("lags up to 10", "lags up to 20", "lags up to 30")
    assert len(found.evidence) == 3 + 3 + 6


def test_the_table_holds_but_for_who_is_slowest_here() -> None:
    found = properties(*COUNTS, *SPANS, *GRU_SLOWEST)
    assert (found.outcome, found.answer) == ("partly", "GRU")
    truths = {part.statement: part.truth for part in found.parts}
    assert truths["Training time on CPU (chip): fastest / slowest / middle"] is False
    assert truths["Long range: poor / good / good"] is True
    assert "Training time on CPU (chip): 1, 2.00× as long and 3.00× as long" in found.figure
    assert found.table[4].difference == (
        "LSTM faster than GRU, LSTM slower than RNN and GRU slower than RNN"
    )


def test_who_is_slowest_may_depend_on_the_machine() -> None:
    elsewhere = [*launches("lstm", 3.0, "cuda"), *launches("gru", 2.0, "cuda")]
    found = properties(*COUNTS, *SPANS, *GRU_SLOWEST, *elsewhere)
    assert found.answer == "That depends on the machine"
    assert [line.truth for line in found.table[4:]] == [False, True]


def test_the_table_does_not_hold_where_no_line_does() -> None:
    wrong = [
        run(PARAMETER_COUNT, cell, "chapter", over_rnn=2.0, gates=1, state_vectors=3)
        for cell in CELLS
    ]
    short = [learner("rnn", 30), learner("lstm", 10), learner("gru", 10)]
    assert properties(*wrong, *short, *GRU_SLOWEST).outcome == "does not hold"


def test_the_gradient_stands_in_for_spans_that_were_not_measured() -> None:
    rates = {"rnn": 0.5, "lstm": 0.86, "gru": 0.8}
    fading = [run(GRADIENT_DECAY, c, "chapter", decay_rate=around(r)) for c, r in rates.items()]
    found = properties(*COUNTS, *fading, *AS_CLAIMED)
    assert found.outcome == "holds"
    assert found.table[3].measured == (
        "1% of the gradient at 6.6 steps",
        "1% of the gradient at 31 steps",
        "1% of the gradient at 21 steps",
    )


def test_what_is_not_distinguishable_leaves_the_table_open() -> None:
    once = [timed("lstm", around(3.0, 0.1)), timed("gru", around(2.0, 0.1))]
    found = properties(*COUNTS, *SPANS, *once)
    assert found.table[4].truth is None, "one launch of each, however narrow its turns"
    assert found.numbers["LSTM on CPU (chip)"].low is None
    wide = [*launches("lstm", 2.4, noise=0.5), *launches("gru", 2.0, noise=0.5)]
    found = properties(*COUNTS, *SPANS, *wide)
    assert (found.outcome, found.answer) == ("not decided", None)
    single = [
        run(
            MEMORY_SPAN,
            c,
            settings={"hidden_size": 32, "seeds": 1},
            span=around(s, n=1),
            span_by_seed=str(s),
        )
        for c, s in zip(CELLS, (10, 20, 30), strict=True)
    ]
    assert properties(*COUNTS, *single, *AS_CLAIMED).outcome == "not decided"


def test_lines_that_are_missing_are_named() -> None:
    found = properties(*COUNTS)
    assert found.outcome == "not measured yet"
    assert found.figure == "Missing: Long range and Training speed."
    assert found.table[0].truth is True


def shrinking(times: float, size: int = 16) -> list[Made]:
    """Counts in the ratio 1 : 4 : 3 that shrink so many times from 256 hidden units to 64."""
    return [
        run(
            PARAMETER_COUNT,
            cell,
            "chapter",
            {"hidden_size": hidden_size, "input_size": size},
            parameters=ratio * count,
        )
        for cell, ratio in (("rnn", 1), ("lstm", 4), ("gru", 3))
        for hidden_size, count in ((256, round(1e6 * times)), (64, 1_000_000))
    ]


@pytest.mark.parametrize(
    ("exponent", "holds"), [(1.74, False), (1.76, True), (2.0, True), (2.24, True), (2.26, False)]
)
def test_about_quadratic_is_an_exponent_near_two(exponent: float, holds: bool) -> None:
    found = width(*shrinking(4**exponent))
    assert found.outcome == ("holds" if holds else "does not hold")


@pytest.mark.parametrize(
    ("times", "answer"),
    [
        (5.6, "About 4×"),
        (5.7, "About 8×"),
        (11.3, "About 8×"),
        (11.4, "About 16×"),
    ],
)
def test_the_answer_on_shrinking_is_the_nearest_ratio(times: float, answer: str) -> None:
    assert width(*shrinking(times, size=128)).answer == answer
    assert width(*shrinking(times, size=16)).answer is None, "it is asked of 128 features"


@pytest.mark.parametrize(
    ("times", "answer"),
    [
        (13.89, "Less than 14 times as long"),
        (13.95, None),
        (14.05, None),
        (14.11, "More than 14 times as long"),
    ],
)
def test_an_interval_around_fourteen_times_gives_no_answer(
    times: float, answer: str | None
) -> None:
    """Of half a width of 0.1."""
    assert linear(*beside(times, 5.0)).answer == answer
