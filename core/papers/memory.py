"""Papers on how far back a recurrent network learns to look: gates, starts, clipping."""

from __future__ import annotations

from typing import Any

from core.chapter.claim import Measurement, Truth
from core.chapter.memory import SMALL
from core.experiments.memory_span import MEMORY_SPAN
from core.formatting import as_number, number, spread
from core.papers.paper import (
    Expectation,
    Judgement,
    Networks,
    Paper,
    above,
    as_good,
    below,
    better,
    not_better,
)
from core.stats.aggregation import GEOMETRIC_MEAN

LONGEST_RECALL = 100
"""Steps: the longest lag that the chapter's memory spans try."""


def recall(cell: str, title: str, **settings: Any) -> Measurement:
    """Delayed recall as the chapter measures it: 32 units, 1,000 training steps at each lag."""
    given = {name: (value,) for name, value in settings.items()}
    return Measurement(title, MEMORY_SPAN, (cell,), {**SMALL, **given})


RNN = recall("rnn", "a tanh RNN that recalls")
LSTM = recall("lstm", "an LSTM that recalls")
LSTM_BIAS_1 = recall("lstm", "an LSTM with forget bias 1 that recalls", forget_bias=1)
GRU = recall("gru", "a GRU that recalls")

LONGEST_SUM = 50
ADDING_SEEDS = 6


def adding(title: str, cell: str, **settings: Any) -> Measurement:
    """The adding problem at T = 10, 15, 20, 30 and 50."""
    given = {name: (value,) for name, value in settings.items()}
    return Measurement(
        title,
        MEMORY_SPAN,
        (cell,),
        {
            **SMALL,
            "task": ("adding",),
            "shortest_lag": (10,),
            "longest_lag": (LONGEST_SUM,),
            "give_up": (1,),
            "training_steps": (1500,),
            "seeds": (ADDING_SEEDS,),
            **given,
        },
    )


ADDING_RNN = adding("a tanh RNN that adds", "rnn")
ADDING_IRNN = adding("an IRNN that adds", "rnn", nonlinearity="relu", initialisation="identity")
ADDING_LSTM = adding("an LSTM that adds", "lstm")
ADDING_METHOD = (
    "The adding problem at T = 10, 15, 20, 30 and 50, 32 units, 1,500 steps of Adam at each T with "
    "the best of three learning rates; learned means a squared error below 0.01. The span is the "
    f"longest T up to which a majority of {ADDING_SEEDS} seeds learned every one."
)
RECALL_METHOD = (
    "Delayed recall, 32 units, 1,000 steps of Adam at each lag up to 100 with the best of three "
    "learning rates. The span is the longest lag up to which a majority of the seeds learned every "
    "lag tried."
)

HOCHREITER = Paper(
    name="hochreiter-1997",
    title="An LSTM adds numbers that a plain RNN forgets",
    authors="Hochreiter & Schmidhuber",
    year=1997,
    source="Long short-term memory. Neural Computation 9(8), 1735–1780.",
    link="https://doi.org/10.1162/neco.1997.9.8.1735",
    place="Abstract; Section 5.4, the adding problem",
    setup=(
        "Two numbers of a long sequence are marked; after the last step their sum is due. LSTMs of "
        "a few memory cells, trained online by gradient descent with truncated gradients."
    ),
    published=(
        "LSTM learns to bridge minimal time lags of more than 1,000 steps, and solves long time "
        "lag tasks that recurrent networks trained by earlier algorithms do not."
    ),
    method=ADDING_METHOD,
    differences=(
        "Sequences of at most 50 steps, today's LSTM with a forget gate, full gradients and Adam; "
        "the marks lie one in each half, as in Arjovsky et al. (2016)."
    ),
    networks={"LSTM": ADDING_LSTM, "RNN": ADDING_RNN},
    expectations=(
        Expectation(
            "An LSTM learns the adding problem at the longest sequences tried.",
            above("span", LONGEST_SUM, "LSTM"),
        ),
        Expectation(
            "A plain RNN does not learn it at such lengths.", below("span", LONGEST_SUM, "RNN")
        ),
        Expectation(
            "An LSTM learns longer sequences than a plain RNN.", better("span", "LSTM", "RNN")
        ),
    ),
)

LE = Paper(
    name="le-2015",
    title="A ReLU network that starts from the identity remembers",
    authors="Le, Jaitly & Hinton",
    year=2015,
    source="A simple way to initialize recurrent networks of rectified linear units.",
    link="https://arxiv.org/abs/1504.00941",
    place="Abstract; Section 4.1, the adding problem",
    setup=(
        "Four benchmarks, of which the adding problem is one, with plain RNNs, LSTM, and the IRNN: "
        "a ReLU network whose recurrent weights start as the identity."
    ),
    published=(
        "The IRNN is comparable to a standard LSTM on all four, two of them toy problems of "
        "long-range structure, which plain RNNs have great difficulty to learn."
    ),
    method=ADDING_METHOD,
    differences=(
        "One of the four benchmarks, small networks, at most 50 steps instead of hundreds, Adam, "
        "1,500 training steps; the LSTM's forget bias is as PyTorch draws it."
    ),
    networks={"IRNN": ADDING_IRNN, "RNN": ADDING_RNN, "LSTM": ADDING_LSTM},
    expectations=(
        Expectation(
            "An IRNN learns longer sequences than a tanh RNN.", better("span", "IRNN", "RNN")
        ),
        Expectation(
            "It learns the longest sequences tried, as an LSTM does.",
            above("span", LONGEST_SUM, "IRNN", "LSTM"),
        ),
    ),
)

JOZEFOWICZ = Paper(
    name="jozefowicz-2015",
    title="A forget bias of 1 closes the gap of LSTM to GRU",
    authors="Jozefowicz, Zaremba & Sutskever",
    year=2015,
    source=(
        "An empirical exploration of recurrent network architectures. ICML, PMLR 37, 2342–2350."
    ),
    link="https://proceedings.mlr.press/v37/jozefowicz15.html",
    place="Abstract and Section 5",
    setup=(
        "A search over more than ten thousand architectures, judged by arithmetic, XML and "
        "language modelling, each with its own best hyperparameters."
    ),
    published=(
        "The GRU outperforms the LSTM on all tasks except language modelling; adding 1 to the "
        "bias of the LSTM's forget gate closes the gap."
    ),
    method=RECALL_METHOD,
    differences=(
        "Another task (delayed recall), 32 units for each cell instead of equal parameters, and a "
        "search over the learning rate alone."
    ),
    networks={"LSTM": LSTM, "LSTM with forget bias 1": LSTM_BIAS_1, "GRU": GRU},
    expectations=(
        Expectation(
            "The GRU is ahead of an LSTM with default biases.", better("span", "GRU", "LSTM")
        ),
        Expectation(
            "A forget bias of 1 improves the LSTM.",
            better("span", "LSTM with forget bias 1", "LSTM"),
        ),
        Expectation(
            "With it, the GRU is no longer ahead.",
            not_better("span", "GRU", "LSTM with forget bias 1"),
        ),
    ),
)

CHUNG = Paper(
    name="chung-2014",
    title="Gated units are better than tanh units",
    authors="Chung, Gulcehre, Cho & Bengio",
    year=2014,
    source=(
        "Empirical evaluation of gated recurrent neural networks on sequence modeling. NIPS "
        "workshop on deep learning."
    ),
    link="https://arxiv.org/abs/1412.3555",
    place="Abstract and conclusion",
    setup=(
        "Polyphonic music and raw speech signals, next-step prediction; networks of LSTM, GRU and "
        "tanh units with about as many parameters each."
    ),
    published=(
        "Both gated units are superior to the tanh unit, more so on raw speech. Which of the two "
        "gated units is better could not be concluded."
    ),
    method=RECALL_METHOD,
    differences=(
        "Another task (delayed recall), and 32 units for each cell instead of equal parameters: "
        "the tanh RNN has a quarter of the LSTM's."
    ),
    networks={"LSTM": LSTM, "GRU": GRU, "tanh RNN": RNN},
    expectations=(
        Expectation("An LSTM is ahead of a tanh RNN.", better("span", "LSTM", "tanh RNN")),
        Expectation("A GRU is ahead of a tanh RNN.", better("span", "GRU", "tanh RNN")),
        Expectation("Neither gated unit is ahead of the other.", as_good("span", "GRU", "LSTM")),
    ),
)

PASCANU = Paper(
    name="pascanu-2013",
    title="Clipping helps against explosion, not against vanishing",
    authors="Pascanu, Mikolov & Bengio",
    year=2013,
    source="On the difficulty of training recurrent neural networks. ICML, PMLR 28, 1310–1318.",
    link="https://proceedings.mlr.press/v28/pascanu13.html",
    place="Section 3.2 and Section 4.1 with its figure on temporal order",
    setup=(
        "The temporal order problem at lengths of up to 200, plain RNNs trained by gradient "
        "descent, with clipping of the norm, and with clipping and a regularisation term."
    ),
    published=(
        "Clipping the gradient's norm deals with exploding gradients; long sequences are learned "
        "only once a regularisation term keeps the gradient from vanishing too."
    ),
    method=(
        f"{RECALL_METHOD} Plain RNNs with the norm clipped at 1 and without, with PyTorch's "
        "initialisation, where gradients vanish, and with recurrent gain 3, where they explode."
    ),
    differences=(
        "Another task (delayed recall) and Adam instead of gradient descent, whose steps do not "
        "grow with the gradient; the regularisation term is not measured."
    ),
    networks={
        "clipped exploding RNN": recall(
            "rnn", "an exploding RNN, clipped", recurrent_gain=3.0, clip=1.0
        ),
        "unclipped exploding RNN": recall("rnn", "an exploding RNN", recurrent_gain=3.0, clip=None),
        "clipped vanishing RNN": RNN,
        "unclipped vanishing RNN": recall("rnn", "a vanishing RNN without clipping", clip=None),
    },
    expectations=(
        Expectation(
            "Where gradients explode, a network learns longer lags with clipping than without.",
            better("span", "clipped exploding RNN", "unclipped exploding RNN"),
        ),
        Expectation(
            "Where they vanish, a clipped network still falls short of the lags tried.",
            below("span", LONGEST_RECALL, "clipped vanishing RNN"),
        ),
        Expectation(
            "Where they vanish, clipping does not lengthen the lags learned.",
            not_better("span", "clipped vanishing RNN", "unclipped vanishing RNN"),
        ),
    ),
)

GREFF = Paper(
    name="greff-2017",
    title="The forget gate is critical",
    authors="Greff, Srivastava, Koutník, Steunebrink & Schmidhuber",
    year=2017,
    source=(
        "LSTM: a search space odyssey. IEEE Transactions on Neural Networks and Learning Systems "
        "28(10), 2222–2232."
    ),
    link="https://arxiv.org/abs/1503.04069",
    place="Abstract",
    setup=(
        "Eight variants of the LSTM on speech, handwriting and music, 5,400 runs with random "
        "search over learning rate, width, momentum and noise."
    ),
    published=(
        "No variant improves on the standard LSTM significantly; the forget gate and the output "
        "activation function are its most critical components."
    ),
    method=(
        f"{RECALL_METHOD} A bias of 20 takes the forget gate away: it starts within 2e-9 of 1, "
        "where next to no gradient reaches it, as in an LSTM without one. Beside it an LSTM whose "
        "gate starts with a bias of 1."
    ),
    differences=(
        "Another task (delayed recall) and one of the eight variants: Unroll has no LSTM without "
        "output activation. That the learning rate matters most is not measured."
    ),
    networks={
        "LSTM with forget bias 1": LSTM_BIAS_1,
        "LSTM without forget gate": recall(
            "lstm", "an LSTM whose forget gate stays open", forget_bias=20, seeds=8
        ),
    },
    expectations=(
        Expectation(
            "Without its forget gate an LSTM is worse.",
            better("span", "LSTM with forget bias 1", "LSTM without forget gate"),
        ),
    ),
)

SHORT, LONG = 1, 100
"""Steps of the pauses after which is copied."""
STUCK = 0.9
"""A loss of more than this share of the memoryless one is stuck at it."""


def copying(title: str, cell: str, lag: int) -> Measurement:
    """Ten of eight symbols, to be copied after a pause."""
    return Measurement(
        title,
        MEMORY_SPAN,
        (cell,),
        {
            **SMALL,
            "task": ("copy",),
            "shortest_lag": (lag,),
            "longest_lag": (lag,),
            "learning_rate": (0.01,),
            "seeds": (6,),
        },
    )


def share_of_memoryless_loss(networks: Networks, name: str) -> dict[int, float]:
    """Seed → test loss over that of the best answer without memory, from a copying network's
    tables `attempts` and `lags`."""
    matched = networks.matched[name]
    shares: dict[int, float] = {}
    for run in matched.runs:
        run_id = str(run["run_id"])
        attempts, lags = (matched.table(run_id, table) for table in ("attempts", "lags"))
        if attempts is None or lags is None:
            continue
        baselines = dict(zip(lags["lag"], lags["baseline"], strict=True))
        for row in attempts.to_dict("records"):
            loss, baseline = as_number(row["loss"]), as_number(baselines.get(row["lag"]))
            if loss is not None and baseline:
                shares[int(row["seed"])] = loss / baseline
    return shares


def stuck(name: str, *, expected: bool) -> Expectation:
    """Whether a copying network's loss stays at the memoryless one."""

    def judge(networks: Networks) -> Judgement:
        share = GEOMETRIC_MEAN.estimate(list(share_of_memoryless_loss(networks, name).values()))
        if share.value is None:
            return f"No loss of {name}", None
        truth: Truth = None
        if share.low is not None and share.high is not None:
            stays = True if share.low > STUCK else False if share.high <= STUCK else None
            truth = None if stays is None else stays == expected
        percent = f"{number(100 * share.value)}% of the memoryless loss"
        return f"{percent} ({spread(share)}, as a share) in {name}", truth

    verb = "stays at" if expected else "falls below"
    return Expectation(f"The loss of the {name} {verb} that of an answer without memory.", judge)


ARJOVSKY = Paper(
    name="arjovsky-2016",
    title="LSTM and RNN stay at the memoryless baseline of copy memory",
    authors="Arjovsky, Shah & Bengio",
    year=2016,
    source="Unitary evolution recurrent neural networks. ICML, PMLR 48, 1120–1128.",
    link="https://proceedings.mlr.press/v48/arjovsky16.html",
    place="The experiments on the copying memory problem",
    setup=(
        "Ten of eight symbols are shown and copied after a pause of T = 100 to 500 steps: a "
        "unitary RNN beside RNN and LSTM of about as many parameters."
    ),
    published=(
        "The unitary RNN solves it; at long pauses RNN and LSTM get stuck at the cross-entropy "
        "of an answer without memory, 10 ln 8 / (T + 20)."
    ),
    method=(
        f"The same task after pauses of {LONG} steps, and for the LSTM of {SHORT}; 32 units, 1,000 "
        "steps of Adam at 0.01. The test loss as a share of that of an answer without memory: it "
        "stays there if the whole interval is above 90%. The short pause shows that budget and "
        "test can tell."
    ),
    differences=(
        "The shortest of the paper's pauses, a smaller network and a smaller budget; a unitary RNN "
        "is not measured."
    ),
    networks={
        f"LSTM after {SHORT} step": copying("an LSTM that copies at once", "lstm", SHORT),
        f"LSTM after {LONG} steps": copying("an LSTM that copies later", "lstm", LONG),
        f"RNN after {LONG} steps": copying("an RNN that copies later", "rnn", LONG),
    },
    expectations=(
        stuck(f"LSTM after {SHORT} step", expected=False),
        stuck(f"LSTM after {LONG} steps", expected=True),
        stuck(f"RNN after {LONG} steps", expected=True),
    ),
)
