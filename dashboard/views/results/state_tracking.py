"""What can it follow step by step?"""

from __future__ import annotations

from core.experiments.state_tracking import STATE_TRACKING
from core.formatting import listed
from core.tasks.word_problems import TASK_WORDS
from dashboard.figures.base import Shown, measures
from dashboard.figures.dots import Dots
from dashboard.figures.leading import PERCENT, TRAINING, leading
from dashboard.views.results.frame import numbers_set, results_page

METHOD = """
A word is read token by token, and after every token the network answers which state the tokens so
far have led to: the product of all of them in a group. **Parity**: bits, and whether the ones so
far are odd. **Counting**: bits, and how many were one, modulo a number. **S3** and **A5**: a token
is any permutation of three things, or any even one of five; the state is their product. It is
believed, and not proven (TC⁰ ≠ NC¹), that circuits of constant depth with threshold gates cannot
answer A5 at every length; a transformer, and a linear recurrence whose factors do not depend on the
input or are diagonal, is no more than such a circuit (Merrill, Petty & Sabharwal 2024).

Networks are recurrent layers and a linear readout at every step, trained with Adam on words drawn
afresh: every batch has words of one length, drawn evenly from one token to the longest. With
*labels* `every` the state is told after every token of a training word, with `last` after its last
one alone. Training ends early when no seed makes a mistake on its validation words. Where no
learning rate is set several are tried, and each seed is judged at the one with which the *other*
seeds are most accurate on validation words.

Test words are longer than those of training, and nothing else uses them. The **reach** of a seed is
the largest position such that there and at every earlier one at least 90% of its answers are right;
that of a run is what a majority of its seeds reached. It has no interval: the seeds are named. A
seed is **at chance from** the first position from which on the mean accuracy of all later ones is
not above the best answer without memory, by a one-sided test at 5% in which each word is one trial.

The references are exact. *Without memory* is the best answer that reads the last token alone: it
guesses the state before it, which in parity, S3 and A5 is any with equal probability. After the
first token that token is the answer. A bidirectional network reads the rest of the word too, which
is of no use: the answer depends on what came before.
"""

FIGURES = (
    leading(STATE_TRACKING),
    TRAINING[STATE_TRACKING.name],
    Dots(
        "By variant",
        (*measures("reach"), *measures("within_accuracy", "beyond_accuracy", bounds=PERCENT)),
    ),
)


def setup(shown: Shown) -> str:
    """The task, the lengths, the training steps and the seeds."""
    tasks = {(str(run.settings["task"]), str(run.settings["modulus"])): None for run in shown.runs}
    words = [TASK_WORDS[task].format(modulus=modulus) for task, modulus in tasks]  # type: ignore[index]
    seeds = numbers_set(shown, "seeds")
    return (
        f"Task: {listed(list(dict.fromkeys(words)))}. Words of up to "
        f"{numbers_set(shown, 'longest_trained')} tokens in training and "
        f"{numbers_set(shown, 'longest_tested')} in the test, at most "
        f"{numbers_set(shown, 'training_steps')} training steps, "
        f"{seeds} seed{'' if seeds == '1' else 's'}."
    )


results_page(STATE_TRACKING, FIGURES, METHOD, setup=setup)
