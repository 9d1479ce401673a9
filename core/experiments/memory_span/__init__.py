"""How far back can it learn to look?"""

from core.experiment import Experiment, Headline
from core.experiments.memory_span.answers import by_seed, learned, remarks, run_sentence
from core.experiments.memory_span.declaration import (
    AttemptRow,
    LagRow,
    MemorySpanConfig,
    MemorySpanSummary,
    SeedRow,
    TrainingRow,
    work,
)

MEMORY_SPAN = Experiment(
    name="memory-span",
    title="Memory span",
    question="How far back can it learn to look?",
    config=MemorySpanConfig,
    rows=(TrainingRow, AttemptRow, LagRow, SeedRow, MemorySpanSummary),
    module="core.experiments.memory_span.measure",
    resumable=True,
    sentence=run_sentence,
    learned=learned,
    remarks=remarks,
    work=work,
    by_seed=by_seed,
    headlines=(Headline("span", "learns to look back furthest"),),
    presets={
        "adding": {"task": "adding", "training_steps": 3000, "batch_size": 64, "longest_lag": 100},
        # Ten bits: of eight symbols a network of this size learns none within such a budget.
        "copy": {"task": "copy", "symbols": 2, "training_steps": 2000},
    },
)
