"""How fast is it, and how does time grow with length?"""

from __future__ import annotations

from core.experiments.throughput import THROUGHPUT
from dashboard.figures.base import Measure, measures
from dashboard.figures.dots import Ranking
from dashboard.figures.leading import TIMES, leading
from dashboard.figures.lines import Scaling
from dashboard.ui import states
from dashboard.views.results.frame import results_page

METHOD = """
Variants and baselines are timed in turns (A B C, A B C, …), so that a drift of the machine affects
all of them alike. Each is first warmed up until its times are stable, the device is synchronised
before and after, and a fast one is repeated until a sample lasts five milliseconds. A point is the
median over the repetitions, its band the middle half of them (first to third quartile). Threads are
pinned, no other run of this project uses the machine meanwhile, and drawing weights and data,
copying them to the device and compiling are not timed. On a CPU, memory that a pass frees is kept
for the next one, as torch does on a GPU: by default the C library returns large blocks to the
system and requests them again at every pass, which alone can double the time of long sequences.

*Forward* is one pass without a graph. *Training* is one pass forward and backward, with the
gradient of the input and of every parameter, without an optimiser's step. *Fused* is `torch.nn`,
*equations* this project's own code, step by step. They are compared with a fused unidirectional
plain RNN as wide and deep, one linear layer (input size → hidden size), causal self-attention as
wide, and a feed-forward net of as many parameters as the variant. A baseline that is the same net
in all runs is drawn once: the median over the runs, from their lowest to their highest quartile.

Speed against a baseline is the median of the ratios of two times of the same turn. The growth of
time is the slope of log time against log T. Latency is that of one token with carried state
(attention: with cached keys and values), less that of an empty region. Packed and padded batches
are compared in six turns. Peak memory is the most that one pass has allocated at once, beyond
parameters and input. *Noise* is the middle half over the median, *load by others* the processor
time that other processes took meanwhile, *harness* the time measured for an empty region.
Intervals in the table are 95% intervals over repetitions.
"""

FIGURES = (
    leading(THROUGHPUT),
    Scaling("Speed-up", "ratios", (Measure("times_as_fast", reference=1.0),)),
    Ranking("At one length", "times", TIMES),
    Scaling("Latency", "latency", measures("p50_us", "p99_us")),
    Scaling("Memory", "times", (Measure("peak_mib"),)),
    Scaling("Packed batches", "packing", (Measure("packed_over_padded", reference=1.0),)),
    Scaling("Compilation", "compilation", (Measure("compile_seconds"),)),
    Scaling("By batch", "times", TIMES, setting="batch_size"),
    Scaling("By width", "times", TIMES, setting="hidden_size"),
)

results_page(THROUGHPUT, FIGURES, METHOD, below=lambda: states.cpu_only_note(THROUGHPUT))
