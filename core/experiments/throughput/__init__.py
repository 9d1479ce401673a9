"""How fast is it, and how does time grow with length?"""

from core.experiment import Experiment, Headline
from core.experiments.throughput.answers import older_values, remarks, run_sentence
from core.experiments.throughput.declaration import (
    CompilationRow,
    GrowthRow,
    LatencyRow,
    PackingRow,
    RatioRow,
    SubjectRow,
    ThroughputConfig,
    ThroughputSummary,
    TimeRow,
    TurnRow,
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
        GrowthRow,
        LatencyRow,
        PackingRow,
        CompilationRow,
        TurnRow,
        SubjectRow,
        ThroughputSummary,
    ),
    module="core.experiments.throughput.measure",
    sentence=run_sentence,
    remarks=remarks,
    work=work,
    timed=True,
    one_run_per_seed=True,
    by_seed=older_values,
    headlines=(
        Headline("over_rnn", "trains fastest beside a plain RNN of its width"),
        Headline("latency_over_rnn", "answers fastest beside a plain RNN of its width"),
    ),
    unranked=("training_ms", "peak_mib", "latency_p50_us", "latency_p99_us"),
    presets={
        "chapter": {
            "input_size": 256,
            "hidden_size": 256,
            "batch_size": 32,
            "sequence_length": 512,
        }
    },
)
