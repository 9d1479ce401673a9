"""What does a recurrence take beside a linear layer (14)?"""

from __future__ import annotations

from collections.abc import Mapping

from core.claims.claim import Claim, Question, Truth, Verdict, not_measured, of_parts
from core.claims.measurement import Measurement
from core.claims.results import Results, Run, estimate_of
from core.experiments.throughput import THROUGHPUT
from core.experiments.throughput_finding import differ
from core.statistics import Estimate
from core.words import number, spread

LSTM_AND_LINEAR = Measurement(
    "an LSTM beside a linear layer", THROUGHPUT, ("lstm",), preset="chapter"
)
CHAPTER_TIMES = 14.0
TAKES = ("Less than 14 times as long", "More than 14 times as long")


def linear_rule(results: Results) -> Verdict:
    """Machine by machine: over 14 times, and more at the longest sequence than at the shortest."""
    machines = {
        name: run for found in results.of(LSTM_AND_LINEAR) for name, run in found.machines.items()
    }
    times = {name: estimate_of(run, "over_linear") for name, run in machines.items()}
    times = {name: estimate for name, estimate in times.items() if estimate.value is not None}
    if not times:
        return not_measured("an LSTM's forward time beside a linear layer's")
    parts: dict[str, Truth] = {}
    told = []
    for name, estimate in times.items():
        by_length = _by_length(results, machines[name])
        parts[f"it takes over 14 times as long on {name}"] = _over(estimate)
        parts[f"the gap widens with length on {name}"] = _widens(by_length)
        told.append(f"On {name} {_told(estimate)}{_from(by_length)}.")
    devices = {str(machines[name]["device"]): estimate for name, estimate in times.items()}
    gpus = [estimate for device, estimate in devices.items() if device != "cpu"]
    if gpus and "cpu" in devices:
        parts["the gap is wider on a GPU"] = _larger(gpus[-1], devices["cpu"])
    else:
        told.append("A GPU has not been measured beside a CPU.")
    over = _over(list(times.values())[-1])
    return of_parts(
        parts,
        " ".join(told),
        answer=None if over is None else TAKES[over],
        evidence=tuple(str(machines[name]["run_id"]) for name in times),
        numbers=times,
    )


def _over(estimate: Estimate) -> Truth:
    """Whether the whole interval is over 14, or under."""
    if estimate.low is None or estimate.high is None:
        return None
    if estimate.low <= CHAPTER_TIMES <= estimate.high:
        return None
    return estimate.low > CHAPTER_TIMES


def _by_length(results: Results, run: Run) -> Mapping[int, Estimate]:
    """Forward time over the linear layer's, by length, from the table `ratios`."""
    table = results.table(str(run["run_id"]), "ratios")
    if table is None:
        return {}
    asked = {"subject": "fused", "baseline": "linear", "mode": "forward"}
    records = ({str(n): v for n, v in row.items()} for row in table.to_dict("records"))
    rows = [row for row in records if all(row[name] == value for name, value in asked.items())]
    speeds = {int(r["sequence_length"]): estimate_of(r, "times_as_fast") for r in rows}
    return {length: _inverse(speeds[length]) for length in sorted(speeds) if speeds[length].value}


def _inverse(speed: Estimate) -> Estimate:
    value, low, high = (1 / x if x else None for x in (speed.value, speed.high, speed.low))
    return Estimate(value, low, high, speed.n)


def _widens(by_length: Mapping[int, Estimate]) -> Truth:
    if len(by_length) < 2:
        return None
    shortest, *_, longest = by_length.values()
    return _larger(longest, shortest)


def _larger(one: Estimate, other: Estimate) -> Truth:
    """None where their intervals overlap, or there is none."""
    return (one.value or 0.0) > (other.value or 0.0) if differ(one, other) else None


def _told(estimate: Estimate) -> str:
    times = number(estimate.value or 0.0)
    return f"the forward pass takes {times} times as long ({spread(estimate, over='repetition')})"


def _from(by_length: Mapping[int, Estimate]) -> str:
    """`, 9.50 times at T = 64`."""
    if len(by_length) < 2:
        return ""
    length, shortest = next(iter(by_length.items()))
    times = number(shortest.value or 0.0)
    return f", at T = {length} {times} times ({spread(shortest, over='repetition')})"


LINEAR = Claim(
    14,
    "Fourteen times as long",
    "At batch 32, T = 512 and 256 → 256, an LSTM's forward pass takes over 14 times as long as a "
    "linear layer's, and the gap widens with length and on a GPU.",
    "Both timed in turns at exactly that size and at shorter lengths; on a GPU where there is one.",
    Question("How long does the LSTM take here, against the linear layer?", TAKES),
    linear_rule,
    (LSTM_AND_LINEAR,),
)
