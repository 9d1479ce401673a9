"""What reading in both directions buys, and what it costs (12)."""

from __future__ import annotations

from core.architecture import VARIANTS, variant_title
from core.claims.claim import (
    TO_COMPUTE,
    Claim,
    Question,
    Truth,
    Verdict,
    computing,
    exactly,
    not_measured,
    of_parts,
)
from core.claims.measurement import Measurement
from core.claims.results import Found, Results, evidence
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.statistics import CONFIDENCE, Estimate, Group, compare
from core.words import listed, number, spread

BOTH_SIDES = Measurement("one direction and two", TWO_SIDED_CONTEXT, tuple(VARIANTS))
GENERATES = ("It writes token by token", "It is refused")


def sides_rule(results: Results) -> Verdict:
    """Two directions against one of as many parameters; and what a decoder of two answers."""
    facts = results.computed.get(12)
    found = {f.config.architecture.variant: f for f in results.of(BOTH_SIDES)}
    cells = [cell for cell in found if f"bi-{cell}" in found]
    answer = None if facts is None else GENERATES[bool(facts["refusal"])]
    if facts is None or not cells:
        missing = "one direction beside two, for a cell at least" if facts else TO_COMPUTE
        return not_measured(missing, answer=answer)
    one_way, both_ways = facts["widths"]
    pairs = {cell: (found[f"bi-{cell}"], found[cell]) for cell in cells}
    level = (1 - CONFIDENCE) / len(cells)
    parts: dict[str, Truth] = {
        f"a bidirectional {variant_title(cell)} sees both sides": _sees_more(*pair, level)
        for cell, pair in pairs.items()
    }
    parts["its output is twice as wide"] = both_ways == 2 * one_way
    parts["it cannot generate"] = bool(facts["refusal"])
    accuracies = {f"bi-{c}": _ahead(b) for c, (b, _) in pairs.items()}
    accuracies |= {c: _wider(o) for c, (_, o) in pairs.items()}
    told = [
        f"{_percent(_ahead(b))} in {b.name} and {_percent(_wider(o))} in one direction"
        for b, o in pairs.values()
    ]
    refused = facts["refusal"] or "it was not refused"
    return of_parts(
        parts,
        f"Where a token ahead is needed, accuracy at equal parameters is {listed(told)}. The "
        f"output has {both_ways} numbers against {one_way}. Asked to generate: {refused}.",
        answer=answer,
        evidence=evidence(*(one for pair in pairs.values() for one in pair)),
        numbers={**accuracies, "refused": exactly(float(bool(facts["refusal"])))},
    )


def _sees_more(both: Found, one: Found, level: float) -> Truth:
    """Welch's test over seeds; None where that is not distinguishable, or there are too few."""
    ours, theirs = _ahead(both), _wider(one)
    if ours.value is None or theirs.value is None:
        return None
    groups = Group.of_estimate(both.name, ours), Group.of_estimate(one.name, theirs)
    return {"better": True, "worse": False}.get(compare(*groups, level=level).outcome)


def _ahead(found: Found) -> Estimate:
    return found.estimate("ahead_accuracy")


def _wider(found: Found) -> Estimate:
    """Of the one-directional network with as many parameters as the bidirectional one."""
    return found.estimate("wider_accuracy")


def _percent(accuracy: Estimate) -> str:
    return f"{number(accuracy.value or 0.0)}% ({spread(accuracy)})"


SIDES = Claim(
    12,
    "Both sides",
    "A bidirectional RNN sees both sides, its output is twice as wide, and it cannot generate "
    "token by token.",
    "Tagging that needs a token ahead, against one direction of as many parameters; the output of "
    "a real network; a decoder of two directions is asked for.",
    Question("A decoder is to be bidirectional. What happens?", GENERATES),
    sides_rule,
    (BOTH_SIDES,),
    computing("bidirectional"),
)
