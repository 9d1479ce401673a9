"""The second chapter: why attention won (16 to 19), and what came back (20 to 22).

Each claim names the paper that makes it, as those of the first chapter are the textbook's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.analysis.comparison import PairOutcome, contrasts
from core.chapter.claim import (
    TRUTHS,
    Claim,
    MatchedRuns,
    Measurement,
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
from core.chapter.cost import above_one, over_launches, ratios_by_length, times_by_length
from core.chapter.memory import SMALL, seeds_in_words, spans_in_words
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.recall import RECALL
from core.experiments.state_tracking import STATE_TRACKING
from core.experiments.throughput import THROUGHPUT
from core.formatting import counted, exact_number, listed, number, quantity, raised, spread
from core.models.architecture import variant_title
from core.stats.aggregation import GEOMETRIC_MEAN
from core.stats.estimates import Estimate, geometric_mean_estimate, mean_estimate

# What attention costs, and what it gains by taking all steps at once.

LONGEST = 8192
"""Steps at which attention's T² is most of its time, at 64 units."""
BESIDE_ATTENTION = Measurement(
    "a GRU and a minGRU beside attention",
    THROUGHPUT,
    ("gru", "min-gru"),
    {
        "sequence_length": (LONGEST,),
        "shortest_length": (64,),
        "batch_size": (1,),
        "packed": (False,),
        "streamed_tokens": (0,),
        "repetitions": (5,),
        "launches": (4,),  # of three the interval of a GRU's exponent reaches beyond ± 0.25
    },
)
SUBJECTS = {"attention": "attention's time grows", "fused": "the GRU's"}
SQUARE, LINE = (1.75, 2.25), (0.75, 1.25)
"""Exponents of T that count as about quadratic and about linear."""
DOUBLES = ("It is about twice as long", "It is about four times as long", "Something else")


def timed_beside_attention(results: Results) -> Mapping[str, Mapping[str, MatchedRuns]]:
    """Machine → cell → its runs that were timed beside attention."""
    machines: dict[str, dict[str, MatchedRuns]] = {}
    for matched in results.of(BESIDE_ATTENTION):
        for name, runs in matched.machines.items():
            machines.setdefault(name, {})[matched.cell] = runs
    return machines


def square_rule(results: Results) -> Verdict:
    """Do the last two lengths say T² of attention, and T of a GRU, on each machine?"""
    grown = {}
    for name, cells in timed_beside_attention(results).items():
        growth = exponents_by_length(results, cells["gru"]) if "gru" in cells else {}
        at_the_end = {subject: of[LONGEST] for subject, of in growth.items() if LONGEST in of}
        if at_the_end.keys() == {"attention", "fused"}:
            grown[name] = at_the_end
    if not grown:
        return not_measured("how attention's time grows beside a GRU's")
    parts: dict[str, Truth] = {}
    sentences = []
    for name, exponents in grown.items():
        parts[f"attention's time grows about as T² on {name}"] = within(
            exponents["attention"], SQUARE
        )
        parts[f"a GRU's grows about as T on {name}"] = within(exponents["fused"], LINE)
        words = [
            f"{SUBJECTS[subject]} as T{raised(number(exponent.value or 0.0))} "
            f"({spread(exponent, over='launch')})"
            for subject, exponent in sorted(exponents.items())
        ]
        sentences.append(f"On {name} {listed(words)}, from T = {LONGEST // 2:,} to {LONGEST:,}.")
    name, last = list(grown)[-1], list(grown.values())[-1]["attention"]
    answers = {_times(exponents["attention"]) for exponents in grown.values()}
    return of_parts(
        parts,
        " ".join(sentences),
        measured=f"T{raised(number(last.value or 0.0))}",
        spread=f"{name}: {spread(last, over='launch')}",
        answer=answers.pop() if len(answers) == 1 else None,
        evidence=_evidence_of(results),
        numbers={
            f"{SUBJECTS[subject]} on {name}": exponent
            for name, of in grown.items()
            for subject, exponent in of.items()
        },
    )


def _times(exponent: Estimate) -> str | None:
    """What becomes of a time with this exponent when T doubles; None where that is not clear."""
    if within(exponent, SQUARE):
        return DOUBLES[1]
    if within(exponent, LINE):
        return DOUBLES[0]
    apart = within(exponent, SQUARE) is False and within(exponent, LINE) is False
    return DOUBLES[2] if apart else None


def exponents_by_length(
    results: Results, matched: MatchedRuns
) -> Mapping[str, Mapping[int, Estimate]]:
    """Subject → length → the exponent of its time from half of that length, over launches."""
    launches: dict[str, dict[int, list[float]]] = {}
    for run in matched.runs:
        table = results.table(str(run["run_id"]), "growth")
        for row in (
            [] if table is None else table.dropna(subset="local_exponent").to_dict("records")
        ):
            by_length = launches.setdefault(str(row["subject"]), {})
            by_length.setdefault(int(row["sequence_length"]), []).append(
                float(row["local_exponent"])
            )
    return {
        subject: {length: mean_estimate(values) for length, values in sorted(of.items())}
        for subject, of in launches.items()
    }


def within(estimate: Estimate, ends: tuple[float, float]) -> Truth:
    """Whether a whole interval is in a range, or beside it; None if it is in both, or if there is
    none."""
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return None
    if ends[0] <= low and high <= ends[1]:
        return True
    return False if high < ends[0] or low > ends[1] else None


def _evidence_of(results: Results) -> tuple[str, ...]:
    return evidence(*results.of(BESIDE_ATTENTION))


ATTENTION_SQUARES = Claim(
    16,
    "Attention's cost grows with the square of the length",
    "Every step of self-attention reads all others, so that its cost grows as T², where a "
    "recurrence's grows as T.",
    "Training time of causal self-attention and of a GRU of the same width, in the same turns, at "
    f"lengths that double up to {LONGEST:,}: the exponent of T between the last two. About "
    "quadratic means from 1.75 to 2.25, about linear from 0.75 to 1.25, interval and all.",
    Question("A long sequence becomes twice as long. What becomes of attention's time?", DOUBLES),
    square_rule,
    (BESIDE_ATTENTION,),
    section="Why attention won",
    source="Vaswani et al. 2017",
    quantity=f"Growth of attention's training time, from T = {LONGEST // 2:,} to {LONGEST:,}",
    textbook="T²",
    formula=r"\mathrm{softmax}\!\left(\frac{Q K^{\top}}{\sqrt d}\right) V,"
    r"\qquad Q K^{\top} \in \mathbb{R}^{T \times T}",
    why="There is a score for each pair of steps. At short lengths the layers around it, whose "
    "cost grows as T, hide that.",
)

FASTER = ("At every length", "Up to some length", "At no length")


def at_once_rule(results: Results) -> Verdict:
    """Does attention train faster than a GRU at every length, and a minGRU's scan?"""
    parts: dict[str, Truth] = {}
    sentences: list[str] = []
    numbers: dict[str, Estimate] = {}
    answers: set[str | None] = set()
    measured = shown = ""
    over = ("attention", "training")
    for name, cells in timed_beside_attention(results).items():
        estimates = times_by_length(results, cells["gru"], *over) if "gru" in cells else {}
        if LONGEST not in estimates:
            continue
        launches = ratios_by_length(results, cells["gru"], *over)
        slower = above_one({f"{T:,}": [one[T] for one in launches if T in one] for T in estimates})
        parts[f"attention trains faster than a GRU at every length on {name}"] = every(
            slower.values()
        )
        words = [f"{_ratio(e)} times attention's at T = {T:,}" for T, e in estimates.items()]
        sentences.append(f"On {name} a GRU's training time is {listed(words)}.")
        numbers |= {f"GRU over attention, T = {T:,}, on {name}": e for T, e in estimates.items()}
        answers.add(_where_faster(slower))
        measured = f"{_ratio(estimates[LONGEST])}×"
        shown = f"{name}: {spread(estimates[LONGEST], over='launch')}"
        if "min-gru" in cells:
            pair = compare_matched({cell: cells[cell] for cell in SPAN_CELLS})
            scan = is_better(pair, "over_rnn", "min-gru", "gru")
            parts[f"a minGRU's scan trains faster than a GRU on {name}"] = scan
            steps = over_launches(cells["min-gru"], "equations_over_fused")
            if steps.value is not None:
                sentences.append(
                    f"Step by step, in Python, a minGRU takes {_ratio(steps)} times as long as all "
                    f"at once ({spread(steps, over='launch')})."
                )
    if not parts:
        return not_measured("a GRU's training time beside attention's")
    return of_parts(
        parts,
        " ".join(sentences),
        measured=measured,
        spread=shown,
        answer=answers.pop() if len(answers) == 1 else None,
        evidence=_evidence_of(results),
        numbers=numbers,
    )


def _ratio(estimate: Estimate) -> str:
    return "an unknown number of" if estimate.value is None else number(estimate.value)


def _where_faster(slower: Mapping[str, Truth]) -> str | None:
    """Where attention is faster: one of FASTER; None where it is not clear. Lengths rise."""
    truths = list(slower.values())
    if None in truths:
        return None
    if len({*truths}) == 1:
        return FASTER[0] if truths[0] else FASTER[2]
    return FASTER[1] if truths[0] and not truths[-1] else None


AT_ONCE = Claim(
    17,
    "What takes all steps at once trains faster",
    "Attention and scans compute all steps of a sequence at once, so that they train faster than a "
    "recurrence, whose steps wait for each other.",
    "Training time of a GRU over that of causal self-attention of the same width in the same "
    f"turns, at lengths from 64 to {LONGEST:,}; and of a GRU beside a minGRU as a scan, both over "
    f"a plain RNN, at T = {LONGEST:,}. Decided over launches.",
    Question("At which lengths does attention train faster than a GRU on this machine?", FASTER),
    at_once_rule,
    (BESIDE_ATTENTION,),
    section="Why attention won",
    source="Vaswani et al. 2017; Martin & Cundy 2018",
    quantity=f"Training time of a GRU over attention's, T = {LONGEST:,}",
    textbook="more than 1×",
    formula=r"h_t = f(x_t,\, h_{t-1}) \quad\text{against}\quad Y = g(x_1, \dots, x_T)",
    why="A step of a recurrence is too small to keep a processor busy. Attention has more to "
    "compute, and the more so the longer the sequence: Vaswani et al. expect it to be faster where "
    "the sequence is shorter than the width, which is 64 here.",
)

# What becomes of the gradient.

GRADIENTS = Measurement(
    "gradients of recurrences, their successors and attention",
    GRADIENT_DECAY,
    ("rnn", "gru", "min-gru", "lru", "s6", "transformer"),
    {"spectrum": (False,), "batch_size": (4,)},
    "chapter",
)
NEAR, FAR = 10, 60
"""Steps back between which it is measured how a gradient fades."""
LASTS = 0.5 ** (1 / (FAR - NEAR))
"""Kept per step where half is left from NEAR to FAR."""
LONGER = 2.0
"""A gradient lasts longer if it is halved in at least so many times as many steps."""
FADES = ("Most of it fades on the way", "It does not fade with distance")


def kept_per_step(results: Results, matched: MatchedRuns) -> list[float]:
    """Of each seed: the share of the input's gradient that a step back keeps, from 10 to 60 steps
    back. No line is fitted: it is (g_60 / g_10)^(1/50)."""
    table = results.table(matched.run_id, "gradient")
    if table is None:
        return []
    rows = table[(table["layer"] == 1) & (table["side"] == "past")]
    rows = rows[rows["training_step"] == rows["training_step"].max()]
    by_seed = rows.pivot_table(
        index="seed", columns="steps_back", values="log10_input_gradient", aggfunc="mean"
    )
    if not {NEAR, FAR} <= {*by_seed.columns}:
        return []
    falls = (by_seed[FAR] - by_seed[NEAR]).dropna()
    return [float(10 ** (fall / (FAR - NEAR))) for fall in falls]


def _kept(results: Results) -> dict[str, tuple[MatchedRuns, list[float]]]:
    """Cell → its runs, and what they keep seed by seed; those that have it."""
    kept = {m.cell: (m, kept_per_step(results, m)) for m in results.of(GRADIENTS)}
    return {cell: (matched, values) for cell, (matched, values) in kept.items() if values}


def _kept_in_words(estimates: Mapping[str, Estimate]) -> str:
    """`0.503 in the RNN (95% CI …, n = 8), …`."""
    return listed(
        [
            f"{number(e.value or 0.0)} in the {variant_title(cell)} ({spread(e)})"
            for cell, e in estimates.items()
        ]
    )


def attention_gradient_rule(results: Results) -> Verdict:
    """Is at least half of a transformer's gradient left from 10 to 60 steps back?"""
    kept = _kept(results)
    if not {"transformer", "rnn"} <= kept.keys():
        return not_measured("the gradients of a transformer and of the plain RNN")
    cells = {cell: kept[cell] for cell in ("transformer", "rnn")}
    estimates = {cell: geometric_mean_estimate(values) for cell, (_, values) in cells.items()}
    own = estimates["transformer"]
    lasts: Truth = None
    if own.low is not None and own.high is not None:
        lasts = True if own.low >= LASTS else False if own.high < LASTS else None
    matched = cells["transformer"][0]
    near = matched.estimate("percent_distance_steps")
    kept_in_words = f"Kept per step, from {NEAR} to {FAR} steps back: {_kept_in_words(estimates)}."
    figure = kept_in_words
    if lasts and near.value is not None:
        figure += (
            " Most of it belongs to the last step all the same: 1% of that step's is left after "
            f"{quantity(near.value, 'steps')}, and then it stays."
        )
    return combined(
        [lasts],
        figure,
        kept_in_words,
        measured=f"{number(own.value or 0.0)} a step",
        spread=f"RNN: {number(estimates['rnn'].value or 0.0)}; {spread(own)}",
        answer=None if lasts is None else FADES[lasts],
        evidence=evidence(*(matched for matched, _ in cells.values())),
        numbers=estimates,
    )


ATTENTION_GRADIENT = Claim(
    18,
    "Attention's gradient does not fade with distance",
    "Attention connects every step with every other directly, so that the gradient does not fade "
    "with the distance between them.",
    "The chapter's set-up with one transformer block as it starts: the share of the input's "
    f"gradient that a step back keeps, from {NEAR} to {FAR} steps back. Not to fade means that at "
    "least half of it is left over that stretch, interval and all.",
    Question("What becomes of a transformer's gradient on its way 60 steps back?", FADES),
    attention_gradient_rule,
    (GRADIENTS,),
    section="Why attention won",
    source="Vaswani et al. 2017",
    quantity="Gradient kept per step back in a transformer block",
    textbook="1 a step",
    formula=r"a_t = \sum_s \alpha_{t,s}\, v_s \qquad"
    r" \frac{\partial a_t}{\partial v_s} = \alpha_{t,s}\, I",
    why="One weight lies between any two steps, however far apart. It is small at the start of "
    "training, when attention is spread over all steps.",
)

RECALLED = Measurement(
    "what recurrence, its successors and attention keep apart",
    RECALL,
    ("rnn", "lstm", "gru", "min-gru", "transformer"),
    {"learning_rate": (0.01,), "training_steps": (600,)},
    headline=True,
)
KEEPS_MOST = ("The transformer", "A recurrence")


def recall_rule(results: Results) -> Verdict:
    """Does a transformer keep more pairs apart than each recurrence?"""
    matched = {m.cell: m for m in results.of(RECALLED)}
    if missing := [cell for cell in RECALLED.variants if cell not in matched]:
        return not_measured(f"recall of {listed([variant_title(c) for c in missing])}")
    comparison = compare_matched(matched)
    pairs = {cell: comparison.estimate(cell, "pairs") for cell in RECALLED.variants}
    others = [cell for cell in RECALLED.variants if cell != "transformer"]
    more = {cell: is_better(comparison, "pairs", "transformer", cell) for cell in others}
    words = [
        f"{exact_number(e.value)} with {exact_number(number_of(matched[cell].run, 'carried'))} "
        f"numbers of state in {matched[cell].name}"
        for cell, e in pairs.items()
    ]
    best = max(others, key=lambda cell: pairs[cell].value or 0.0)
    overall = every(more.values())
    return of_parts(
        {f"more than the {variant_title(cell)}": truth for cell, truth in more.items()},
        f"Pairs recalled by a majority of the seeds: {listed(words)}.",
        measured=quantity(pairs["transformer"].value, "pairs"),
        spread=f"{variant_title(best)}: {quantity(pairs[best].value, 'pairs')}",
        answer=KEEPS_MOST[0] if overall else KEEPS_MOST[1] if False in more.values() else None,
        evidence=evidence(*matched.values()),
        numbers=pairs,
    )


PAIRS_APART = Claim(
    19,
    "Attention learns to recall more pairs than a recurrence",
    "A recurrence has to write all that it reads into one state; attention looks up what it needs "
    "among all steps, and learns to recall more pairs of a key and a value.",
    "Multi-query associative recall at 64 units, after 600 training steps at a learning rate of "
    "0.01: the most pairs, of at most 8, of which a majority of the seeds has 90% of the queries "
    "right. So few pairs would fit into every state here: this is about what is learned, not about "
    "what there is room for. Where both recall all 8, more pairs would have to decide.",
    Question("Which of the five learns to recall most pairs?", KEEPS_MOST),
    recall_rule,
    (RECALLED,),
    section="Why attention won",
    source="Arora et al. 2023",
    quantity="Pairs of a key and a value that one transformer block learns to recall",
    textbook="more",
    formula=r"v_s:\quad s = \arg\max_s \; q_t \cdot k_s",
    why="A lookup compares the query with every key that was read. What it costs is a cache of "
    "all of them, where a recurrence has one state (Arora et al. 2024).",
)

# What came back.

LINEAR_ONES = ("lru", "s6", "min-gru")
"""Recurrences that are linear in their state: h_t = a_t ⊙ h_(t−1) + b_t."""
ALL_OR_SOME = ("In all three", "In some of them", "In none")


def linear_gradient_rule(results: Results) -> Verdict:
    """Is each linear recurrence's gradient halved in twice as many steps as the plain RNN's?"""
    kept = _kept(results)
    known = [cell for cell in LINEAR_ONES if cell in kept]
    if "rnn" not in kept or len(known) < len(LINEAR_ONES):
        return not_measured("the gradients of the plain RNN, LRU, S6 and minGRU")
    # Halved in twice as many steps: kept is the square root.
    target = [value ** (1 / LONGER) for value in kept["rnn"][1]]
    pairs = {(cell, "rnn"): (kept[cell][1], target) for cell in known}
    verdicts = contrasts(pairs, GEOMETRIC_MEAN, "higher")
    truths = {verdict.first: TRUTHS.get(verdict.finding) for verdict in verdicts}
    shown = [*known, *(cell for cell in ("gru", "rnn") if cell in kept)]
    estimates = {cell: geometric_mean_estimate(kept[cell][1]) for cell in shown}
    return of_parts(
        {f"it lasts longer in the {variant_title(cell)}": truth for cell, truth in truths.items()},
        f"Kept per step, from {NEAR} to {FAR} steps back: {_kept_in_words(estimates)}.",
        measured=f"{number(estimates[known[0]].value or 0.0)} a step",
        spread=f"LRU; RNN: {number(estimates['rnn'].value or 0.0)}; {spread(estimates[known[0]])}",
        answer=_how_many(list(truths.values())),
        evidence=evidence(*(kept[cell][0] for cell in shown)),
        numbers=estimates,
    )


def _how_many(truths: Sequence[Truth]) -> str | None:
    """One of ALL_OR_SOME; None while it is open."""
    if None in truths:
        return None
    return ALL_OR_SOME[0] if all(truths) else ALL_OR_SOME[1] if any(truths) else ALL_OR_SOME[2]


LINEAR_GRADIENT = Claim(
    20,
    "A linear recurrence keeps the gradient by construction",
    "A recurrence that is linear in its state multiplies the gradient by its own eigenvalues and "
    "by nothing else, so that it can be built to keep the gradient longer than a plain RNN does.",
    "The chapter's set-up with an LRU, an S6 layer (Mamba) and a minGRU as their papers start "
    f"them: the share of the input's gradient that a step back keeps, from {NEAR} to {FAR} steps "
    "back. Longer means that it is halved in significantly more than twice as many steps as the "
    "plain RNN's.",
    Question(
        "An LRU, an S6 layer and a minGRU start. In which does the gradient last?", ALL_OR_SOME
    ),
    linear_gradient_rule,
    (GRADIENTS,),
    section="What came back",
    source="Orvieto et al. 2023",
    quantity="Gradient kept per step back in an LRU; longer means halved in twice as many steps as "
    "in the RNN",
    textbook="longer",
    formula=r"h_t = \lambda \odot h_{t-1} + \gamma \odot B x_t \qquad"
    r" \frac{\partial h_t}{\partial h_{t-k}} = \mathrm{diag}(\lambda)^k",
    why="LRU and S6 start with some eigenvalues near 1, and what is left of a gradient comes to be "
    "theirs. A minGRU is linear too, but its gate starts near ½: being linear is not enough.",
)

SPAN_CELLS = ("gru", "min-gru")
MIN_SPANS = Measurement("a GRU and a minGRU", MEMORY_SPAN, SPAN_CELLS, SMALL)
REACHES = ("Further than the GRU", "As far or less")
NO_FURTHER: Mapping[PairOutcome, Truth] = {
    "better": False,
    "worse": True,
    "equal": True,
    "equal within the margin": True,
}
"""Whether the first learned no longer lags than the second."""


def min_gru_rule(results: Results) -> Verdict:
    """Does a minGRU train faster than a GRU on each machine, and learn no longer lags?"""
    machines = {
        name: cells
        for name, cells in timed_beside_attention(results).items()
        if {*SPAN_CELLS} <= cells.keys()
    }
    spans = {matched.cell: matched for matched in results.of(MIN_SPANS)}
    missing = [
        what
        for what, there in (
            ("training times of a GRU and a minGRU", machines),
            ("memory spans of a GRU and a minGRU", {*SPAN_CELLS} <= spans.keys()),
        )
        if not there
    ]
    if missing:
        return not_measured(listed(missing))
    parts: dict[str, Truth] = {}
    sentences: list[str] = []
    numbers: dict[str, Estimate] = {}
    name = times = ""
    for name, cells in machines.items():
        over = {cell: over_launches(cells[cell], "over_rnn") for cell in SPAN_CELLS}
        comparison = compare_matched({cell: cells[cell] for cell in SPAN_CELLS})
        parts[f"a minGRU trains faster than a GRU on {name}"] = is_better(
            comparison, "over_rnn", "min-gru", "gru"
        )
        words = [
            f"{_ratio(e)} times the plain RNN's in the {variant_title(cell)}"
            for cell, e in over.items()
        ]
        sentences.append(f"On {name} training takes {listed(words)}, at T = {LONGEST:,}.")
        numbers |= {f"{variant_title(cell)} on {name}": e for cell, e in over.items()}
        own, other = over["min-gru"].value, over["gru"].value
        times = number(own / other) if own is not None and other else "–"
    comparison = compare_matched(spans)
    no_further = NO_FURTHER.get(finding_of(comparison, "span", "min-gru", "gru"))
    parts["it learns no longer lags than the GRU"] = no_further
    reach = {cell: comparison.estimate(cell, "span") for cell in SPAN_CELLS}
    sentences.append(
        f"They learned {spans_in_words(comparison, {c: spans[c].name for c in SPAN_CELLS})}."
    )
    return of_parts(
        parts,
        " ".join(sentences),
        measured=f"{times}×",
        spread=f"{name}; spans of {quantity(reach['min-gru'].value, 'steps')} "
        f"({seeds_in_words(comparison, 'min-gru')}) and {quantity(reach['gru'].value, 'steps')}",
        answer=None if no_further is None else REACHES[no_further],
        evidence=evidence(
            *(cells[cell] for cells in machines.values() for cell in SPAN_CELLS), *spans.values()
        ),
        numbers={**numbers, **{f"span of the {variant_title(c)}": e for c, e in reach.items()}},
    )


MIN_GRU = Claim(
    21,
    "A minGRU trains faster than a GRU and remembers as far or less",
    "A minGRU's gate does not read the state, so that it trains as a scan, faster than a GRU "
    "(Feng et al. 2024). Whether it remembers as far as a GRU is asked here, not there.",
    f"Training times over a plain RNN's at T = {LONGEST:,}, over launches; memory spans of both, "
    "trained anew at every lag. As far or less: the spans are equal, or the GRU's is "
    "significantly longer.",
    Question("How far does a minGRU learn to look back, beside a GRU of the same width?", REACHES),
    min_gru_rule,
    (BESIDE_ATTENTION, MIN_SPANS),
    section="What came back",
    source="Feng et al. 2024",
    quantity=f"Training time of a minGRU over a GRU's, T = {LONGEST:,}",
    textbook="less than 1×",
    formula=r"h_t = (1 - z_t) \odot h_{t-1} + z_t \odot \tilde h_t \qquad"
    r" z_t = \sigma(W_z x_t),\quad \tilde h_t = W_h x_t",
    why="Its state is a weighted sum whose terms can be grouped, so that all steps are computed in "
    "a few calls; its gate decides by the token alone what to keep.",
)

FOLLOWED = Measurement(
    "what recurrence, its successors and attention follow",
    STATE_TRACKING,
    ("rnn", "lstm", "gru", "min-gru", "transformer"),
    {"learning_rate": (0.01,)},  # with less the plain RNN does not learn it
    headline=True,
)
FEEDS_BACK = ("rnn", "lstm", "gru")
"""Cells in which what is computed at a step depends on the state by more than a fixed gate."""
BEYOND = 2
"""A seed follows the state beyond the lengths of training if it is right up to so many times the
longest."""
FOLLOWS = ("Both", "The GRU alone", "The transformer alone", "Neither")


ENOUGH = 6
"""Seeds of which none must follow it: if half of all did, the probability of none is 1 in 64."""


def followed_rule(results: Results) -> Verdict:
    """In which layers does any seed follow parity beyond the lengths of training?"""
    matched = {m.cell: m for m in results.of(FOLLOWED)}
    if missing := [cell for cell in FOLLOWED.variants if cell not in matched]:
        return not_measured(f"state tracking of {listed([variant_title(c) for c in missing])}")
    result = compare_matched(matched, ["reach"]).result("reach")
    reaches = {cell: [*result.values[cell]] if result else [] for cell in FOLLOWED.variants}
    trained = int(str(matched["gru"].config.flat()["longest_trained"]))
    beyond = {cell: sum(reach > BEYOND * trained for reach in reaches[cell]) for cell in reaches}
    can = {
        cell: True if beyond[cell] else False if len(reaches[cell]) >= ENOUGH else None
        for cell in reaches
    }
    parts: dict[str, Truth] = {
        f"the {variant_title(cell)} can": can[cell] for cell in reaches if cell in FEEDS_BACK
    }
    parts |= {
        f"the {variant_title(cell)} does not": None if can[cell] is None else not can[cell]
        for cell in reaches
        if cell not in FEEDS_BACK
    }
    seeds = [
        f"{beyond[cell]} of {counted(len(reaches[cell]), 'seed')} in {matched[cell].name}"
        for cell in reaches
    ]
    answers = {
        (True, True): FOLLOWS[0],
        (True, False): FOLLOWS[1],
        (False, True): FOLLOWS[2],
        (False, False): FOLLOWS[3],
    }
    both = can["gru"], can["transformer"]
    share = "{} of {} seeds"
    return of_parts(
        parts,
        f"Trained on up to {counted(trained, 'token')}, parity is right beyond "
        f"{BEYOND * trained} in {listed(seeds)}.",
        measured=share.format(beyond["transformer"], len(reaches["transformer"])),
        spread=f"GRU: {share.format(beyond['gru'], len(reaches['gru']))}",
        answer=None if None in both else answers[both[0] is True, both[1] is True],
        evidence=evidence(*matched.values()),
        numbers={
            f"seeds of the {variant_title(cell)} that follow it": exactly(n)
            for cell, n in beyond.items()
        },
    )


STATE_FOLLOWED = Claim(
    22,
    "What does not feed its state back does not follow a state",
    "One layer of attention, or of a recurrence whose gates do not read the state, cannot follow "
    "even parity beyond the lengths that it was trained on; RNN, LSTM and GRU can.",
    "Parity of a word, asked for after every token, trained on words of up to 40 tokens and judged "
    "up to 256, at a learning rate of 0.01, which the plain RNN needs. A layer can if at least one "
    "seed is right beyond 80 tokens, at every position before too; it does not if none of at least "
    f"{ENOUGH} seeds is, which leaves it open whether one in three or four would be.",
    Question("Trained on parity up to 40 tokens: which is right beyond?", FOLLOWS),
    followed_rule,
    (FOLLOWED,),
    section="What came back",
    source="Hahn 2020; Grazzi et al. 2024",
    quantity="Seeds of one transformer block that have the parity right at twice the length",
    textbook="none",
    formula=r"s_t = s_{t-1} \oplus x_t",
    why="Parity turns the state with every 1. A gate between 0 and 1 that only the token decides "
    "cannot turn a state, and attention takes a mean, in which a single token counts for less the "
    "longer the word.",
)
