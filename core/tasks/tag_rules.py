"""The rules of the tagging tasks and their exact chance levels, without torch.

With d = 2 and four tokens, the tokens 3 0 2 1 1 have these tags:

    pair       3,2 0,1 2,1 – –     this token and the token d steps ahead
    ahead      2 1 1 – –           the token d steps ahead
    compare    < > < – –           that token is smaller than this one, equal or larger

A step without a token so far ahead (–) is not counted. `core.tasks.tagging` draws the sequences.

A network in one direction that answers d steps later reads the token ahead at that very step. Under
`pair` and `compare` it must by then have held the earlier token for d steps while it read on: read
backwards in time, that is the task of the backward half of a bidirectional network. Under `ahead`
it may name what it reads, which needs no memory.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from statistics import fmean
from typing import Literal

Rule = Literal["pair", "ahead", "compare"]

OUTCOMES = ("smaller", "equal", "larger")
"""Tags 0, 1 and 2 of the rule `compare`: the token ahead is … than the present one."""


def tag_of(rule: Rule, tokens: int, present: int, ahead: int) -> int:
    """The tag of a step, from its token and the token ahead, both below `tokens`."""
    if rule == "pair":
        return present * tokens + ahead
    if rule == "ahead":
        return ahead
    return OUTCOMES.index("equal") + (ahead > present) - (ahead < present)


def tag_count(rule: Rule, tokens: int) -> int:
    """The number of different tags."""
    return {"pair": tokens**2, "ahead": tokens, "compare": len(OUTCOMES)}[rule]


def chance(rule: Rule, tokens: int, look_ahead: int) -> float:
    """The exact percent of tags that the best answer without looking ahead gets right.

    The tokens so far say nothing of a token to come: for each present token, the best answer is the
    tag that most of the tokens ahead would give.
    """
    return 100.0 if look_ahead == 0 else _best(rule, tokens, "present")


def chance_without_memory(rule: Rule, tokens: int, look_ahead: int) -> float:
    """The exact percent that answering d steps later gets right from the token read at that step
    alone. 100 means that such an answer needs no memory."""
    return 100.0 if look_ahead == 0 else _best(rule, tokens, "ahead")


@cache
def _best(rule: Rule, tokens: int, known: Literal["present", "ahead"]) -> float:
    """Percent right of the likeliest tag given one of the two tokens; all are equally likely."""
    most = []
    for one in range(tokens):
        pairs = [(one, other) if known == "present" else (other, one) for other in range(tokens)]
        tags = Counter(tag_of(rule, tokens, *pair) for pair in pairs)
        most.append(max(tags.values()) / tokens)
    return 100 * fmean(most)
