"""How fast is it, and how does time grow with length?"""

from __future__ import annotations

from core.experiments.throughput import THROUGHPUT
from dashboard import states
from dashboard.dot_figures import Ranking
from dashboard.figures import tabs
from dashboard.frame import close_page, open_page
from dashboard.leading import TIMES, leading
from dashboard.scaling import Quantity, Scaling

METHOD = """
What is compared is timed in turns (A B C, A B C, …), so that a drift of the machine hits all alike.
Each is first warmed up until its times are stable, the device is synchronised before and after, and
a fast one is called so often that a sample lasts a millisecond. A point is the median over the
repetitions, its band the middle half of them (first to third quartile). Threads are pinned, no
other run of this project is on the machine meanwhile, and drawing weights and data, copying them to
the device and compiling are outside of what is timed.

*Forward* is one pass without a graph. *Training* is one pass forward and backward, with the
gradient of the input and of every parameter, without an optimiser's step. *Fused* is `torch.nn`,
*equations* this project's own code, step by step. They are compared with a fused one-directional
plain RNN as wide and deep, one linear layer (input size → hidden size), causal self-attention as
wide, and a feed-forward net of as many parameters as the variant. What is the same net in all runs
is drawn once: the median over the runs, from their lowest to their highest quartile.

Speed against a baseline is the median of the ratios of two times of the same turn. The growth of
time is the slope of log time against log T. Latency is that of one token with carried state
(attention: with cached keys and values). Peak memory is the most that one pass has allocated at
once, beyond parameters and input. *Noise* is the middle half over the median, *load by others* the
processor time that other processes took meanwhile, *harness* what timing an empty region shows.
Intervals in the table are 95% intervals over repetitions.
"""

FIGURES = (
    leading(THROUGHPUT),
    Scaling("Speed-up", "ratios", (Quantity("times_as_fast", reference=1.0),)),
    Ranking("At one length", "times", TIMES),
    Scaling("Latency", "latency", (Quantity("p50_us"), Quantity("p99_us"))),
    Scaling("Memory", "times", (Quantity("peak_mib"),)),
    Scaling("Packed batches", "packing", (Quantity("packed_over_padded", reference=1.0),)),
    Scaling("Compilation", "compilation", (Quantity("compile_seconds"),)),
    Scaling("By batch", "times", TIMES, setting="batch_size"),
    Scaling("By width", "times", TIMES, setting="hidden_size"),
)

shown = open_page(THROUGHPUT)
if shown is not None:
    tabs(shown, FIGURES)
    states.what_a_gpu_would_add(THROUGHPUT)
    close_page(shown, METHOD)
