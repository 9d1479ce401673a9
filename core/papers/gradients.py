"""A paper on what training through time has to work with: the gradient of steps far back."""

from __future__ import annotations

from core.chapter.claim import Measurement
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.measure.distances import STRAIGHT
from core.papers.paper import Expectation, Judge, Judgement, Networks, Paper, above, below


def where_straight(judge: Judge) -> Judge:
    """Undecided where no line describes the curve: its slope is no rate then."""

    def judged(networks: Networks) -> Judgement:
        words, truth = judge(networks)
        _, straight = above("line_fit", STRAIGHT, "RNN")(networks)
        return words, truth if straight else None

    return judged


PLAIN_RNN = Measurement("a plain RNN", GRADIENT_DECAY, ("rnn",))

BENGIO = Paper(
    name="bengio-1994",
    title="The gradient of a plain RNN fades exponentially with distance",
    authors="Bengio, Simard & Frasconi",
    year=1994,
    source=(
        "Learning long-term dependencies with gradient descent is difficult. IEEE Transactions on "
        "Neural Networks 5(2), 157–166."
    ),
    link="https://doi.org/10.1109/72.279181",
    place="Abstract, and the analysis of what it takes to latch a bit",
    setup=(
        "An analysis of recurrent networks that hold a bit against noise, and experiments with "
        "small ones that have to learn it."
    ),
    published=(
        "A state that holds a bit robustly stays where each step contracts. There the derivative "
        "of the state with respect to an earlier one falls exponentially with their distance, so "
        "that training sees next to nothing of what lies far back."
    ),
    method=(
        "A tanh RNN of 64 units as PyTorch initialises it, 8 seeds, random inputs, before "
        "training: the size of the gradient of the last output with respect to each of 100 inputs. "
        "Exponential means that a straight line on a log scale describes it from 10 to 60 steps "
        f"back (R² of at least {STRAIGHT}), falling means that each step keeps less than all of "
        "it."
    ),
    differences=(
        "Networks at their start instead of ones that have learned to hold a bit, and the gradient "
        "of inputs, which is that of the state times one fixed matrix. The other half of the "
        "paper's dilemma, that a network whose gradient lasts holds no bit robustly, is not "
        "measured."
    ),
    networks={"RNN": PLAIN_RNN},
    expectations=(
        Expectation(
            "A straight line on a log scale describes how the gradient changes with distance.",
            above("line_fit", STRAIGHT, "RNN"),
        ),
        Expectation(
            "Each step back keeps less than the whole gradient.",
            where_straight(below("decay_rate", 1.0, "RNN")),
        ),
    ),
)
