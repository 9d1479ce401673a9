"""How fast is it, and how does time grow with length?"""

from core.experiment import Experiment, Headline
from core.experiments.throughput.answers import remarks, run_sentence
from core.experiments.throughput.declaration import (
    CompilationRow,
    LatencyRow,
    PackingRow,
    RatioRow,
    SubjectRow,
    ThroughputConfig,
    ThroughputSummary,
    TimeRow,
    work,
)

THROUGHPUT = Experiment(
    name="throughput",
    title="Throughput",
    question="How fast is it, and how does time grow with length?",
    config=ThroughputConfig,
    rows=(
        TimeRow,
        RatioRow,
        LatencyRow,
        PackingRow,
        CompilationRow,
        SubjectRow,
        ThroughputSummary,
    ),
    module="core.experiments.throughput.measure",
    sentence=run_sentence,
    remarks=remarks,
    work=work,
    timed=True,
    headlines=(
        Headline("tokens_per_second", "trains fastest"),
        Headline("latency_p50_us", "answers fastest"),
    ),
    presets={
        "chapter": {
            "input_size": 256,
            "hidden_size": 256,
            "batch_size": 32,
            "sequence_length": 512,
        }
    },
)
