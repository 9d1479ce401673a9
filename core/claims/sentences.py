"""What one vector loses of a sentence, and what looking back repairs (13, 15)."""

from __future__ import annotations

from core.claims.claim import (
    TO_COMPUTE,
    Claim,
    Question,
    Truth,
    Verdict,
    combined,
    computing,
    exactly,
    not_measured,
    of_parts,
)
from core.claims.measurement import Measurement
from core.claims.results import Found, Results, estimate_of, number_of
from core.experiments.length_quality import LENGTH_QUALITY
from core.statistics import Estimate, Group, compare, mean_estimate
from core.words import number, spread

ATTENTION = Measurement(
    "with and without attention",
    LENGTH_QUALITY,
    ("lstm",),
    {"attention": ("none", "dot"), "seeds": (3,)},
)
CHAPTER_SHAPES = [[1, 3, 128], [1, 1, 128]]
RECEIVES = ("One vector", "Three vectors")


def attention_rule(results: Results) -> Verdict:
    """Does accuracy halve without attention, later or never with it, over seeds?"""
    found = {str(f.config.flat()["attention"]): f for f in results.of(ATTENTION)}
    if len(found) < 2:
        return not_measured("the translator with attention and without")
    without, looking = found["none"], found["dot"]
    fixed, back = (halves(one) for one in (without, looking))
    settings = without.config.flat()
    trained, tested = settings["longest_trained"], settings["longest_tested"]
    parts: dict[str, Truth] = {
        "quality falls with length without attention": _always_halves(without),
        "attention moves the fall to longer sentences": _longer(looking, without),
        f"attention keeps quality above half up to {tested} words": not _mostly_halves(looking),
    }
    return of_parts(
        parts,
        f"Trained on sentences of up to {trained} words, token accuracy without attention is half "
        f"of its start {_place(without)}; with attention {_place(looking)}. Parameters: "
        f"{_parameters(without)} and {_parameters(looking)}.",
        answer=fixed.value,
        evidence=tuple(str(run["run_id"]) for one in (without, looking) for run in one.seeds),
        numbers={"without attention": fixed, "with attention": back},
    )


def halves(found: Found) -> Estimate:
    """Words at which accuracy is half of its start, over seeds."""
    return mean_estimate(_lengths(found))


def _lengths(found: Found) -> list[float | None]:
    return [estimate_of(run, "bottleneck_length").value for run in found.seeds]


def _falls(found: Found) -> list[bool]:
    """Of each seed, whether accuracy falls below half within what was tested."""
    return [not number_of(run, "never_below_half") for run in found.seeds]


def _always_halves(found: Found) -> Truth:
    falls = _falls(found)
    return True if all(falls) else False if not any(falls) else None


def _mostly_halves(found: Found) -> bool:
    falls = _falls(found)
    return 2 * sum(falls) > len(falls)


def _longer(one: Found, other: Found) -> Truth:
    """Welch's test over seeds; None where that is not distinguishable, or there are too few."""
    groups = (Group.of_values(found.name, _lengths(found)) for found in (one, other))
    return {"better": True, "worse": False}.get(compare(*groups).outcome)


def _place(found: Found) -> str:
    """`at 13.0 words (95% interval 12.8 to 13.2, 3 seeds)`."""
    words = halves(found)
    at = "at" if _mostly_halves(found) else "not before"
    return f"{at} {number(words.value or 0.0)} words ({spread(words)})"


def _parameters(found: Found) -> str:
    return f"{number_of(found.run, 'parameters') or 0:,.0f}"


def shapes_rule(results: Results) -> Verdict:
    """What the encoder yields, and what the decoder reads of it without attention."""
    facts = results.computed.get(15)
    if facts is None:
        return not_measured(TO_COMPUTE)
    states, reads = facts["none"]["encoder states"], facts["none"]["decoder reads"]
    return combined(
        [[states, reads] == CHAPTER_SHAPES],
        f"For three tokens the encoder yields {tuple(states)}; without attention the decoder "
        f"reads {tuple(reads)}, with attention {tuple(facts['dot']['decoder reads'])}.",
        answer={1: RECEIVES[0], 3: RECEIVES[1]}.get(reads[1]),
        numbers={"vectors read without attention": exactly(reads[1])},
    )


ATTENTION_REPAIRS = Claim(
    13,
    "One vector for a sentence",
    "Squeezing a sentence into one vector makes quality fall with length (translation beyond about "
    "20 words); looking back at all encoder states repairs it.",
    "A translator without and with attention, equal in parameters, trained on short sentences and "
    "judged by length: the length at which token accuracy is half of its start.",
    Question(
        "Without attention, trained on up to 14 words: at which length is token accuracy half of "
        "what it is for short sentences?",
        unit="words",
    ),
    attention_rule,
    (ATTENTION,),
)
SHAPES = Claim(
    15,
    "What the decoder receives",
    "The encoder yields one state per position, (1, 3, 128) for three tokens; the decoder without "
    "attention receives only the last one, (1, 1, 128).",
    "Shapes in a real model with 128 hidden units, without and with attention.",
    Question("Of three tokens read, what does a decoder without attention receive?", RECEIVES),
    shapes_rule,
    compute=computing("what_the_decoder_receives"),
)
