"""How fast is it, and how does time grow with length?"""

from __future__ import annotations

from core.experiments.throughput import THROUGHPUT
from dashboard.figures.base import Measure, measures
from dashboard.figures.dots import Ranking
from dashboard.figures.leading import TIMES, leading
from dashboard.figures.lines import Scaling
from dashboard.ui import bundles, states
from dashboard.views.results.frame import results_page

METHOD = """
Variants and baselines are timed in turns. Each turn times every one of them once, in an order of
its own: an order is followed by its reverse, and all orders of a round form a Williams square, so
that nobody is always early, or always behind the same neighbour. What slows a whole turn down
affects all of them, and cancels in the ratio of two times of one turn. These ratios are what is
compared. Tokens per second and milliseconds are those of one launch: another one, on a machine that
is busier, has others.

The turns of one launch share its process. Their interval, of the median by order statistics on
logarithms, says how well this launch measured, not what the next one finds: identical launches
differ by more. A verdict therefore compares launches, each the median of its turns, by their
logarithms. *Launches* in the launch form makes several runs of each variant.

Each subject is first warmed up until its times are stable, the device is synchronised before and
after, and a fast one is called repeatedly until a sample lasts five milliseconds. A point of a time
is the median over the turns, its band the middle half of them (first to third quartile). Threads
are pinned, no other run of this project uses the machine meanwhile, and drawing weights and data,
copying them to the device and compiling are not timed. On a CPU, memory that a pass frees is kept
for the next one, as torch does on a GPU: by default the C library returns large blocks to the
system and requests them again at every pass, which alone can double the time of long sequences.

*Forward* is one pass without a graph. *Training* is one pass forward and backward, with the
gradient of the input and of every parameter, without an optimiser's step. *Fused* is `torch.nn`,
*equations* this project's own code, step by step. They are compared with a fused unidirectional
plain RNN as wide and deep, one linear layer (input size → hidden size), causal self-attention as
wide, and a feed-forward net of as many parameters as the variant. A baseline that is the same net
in all runs is drawn once: the median over the runs, from their lowest to their highest quartile.

How time grows is measured at all lengths in the same turns. A *local exponent* is log(t₂/t₁) /
log(T₂/T₁) between two neighbouring lengths: 1 where twice the length takes twice as long, less
where a constant overhead matters, nearly 2 where attention's T² does. The *exponent of length* is p
of t = a + b·T^p, fitted turn by turn by least squared relative deviations, and holds from the
shortest to the longest length. It is given only where its interval is at most 1 wide and the curve
fits the medians. A straight line through logarithms is not used: from 64 to 512 steps, an overhead
worth 32 of them turns its 1 into 0.84.

Latency is that of one token with carried state (attention: with cached keys and values), a fused
layer called as `torch.nn` has it; an empty call, timed the same way in the same turns, is
subtracted. Packed and padded batches are compared in six turns. Peak memory is the most that one
pass has allocated at once, beyond parameters and input. *Noise* is the middle half over the median,
*load by others* the processor time that other processes took meanwhile, *harness* the time measured
for an empty call.
"""

FIGURES = (
    leading(THROUGHPUT),
    Scaling("Speed-up", "ratios", (Measure("times_as_fast", reference=1.0),)),
    Ranking("At one length", "times", TIMES),
    Scaling("Growth", "growth", (Measure("local_exponent", reference=1.0),), logarithmic=False),
    Scaling(
        "Latency", "latency", (Measure("over_rnn", reference=1.0), *measures("p50_us", "p99_us"))
    ),
    Scaling("Memory", "times", (Measure("peak_mib"),)),
    Scaling("Packed batches", "packing", (Measure("packed_over_padded", reference=1.0),)),
    Scaling("Compilation", "compilation", (Measure("compile_seconds"),)),
    Scaling("By batch", "times", TIMES, setting="batch_size"),
    Scaling("By width", "times", TIMES, setting="hidden_size"),
)


def below() -> None:
    """What other machines could add."""
    states.cpu_only_note(THROUGHPUT)
    bundles.offer_references()


results_page(THROUGHPUT, FIGURES, METHOD, below=below)
