"""How does seq2seq quality fall with length, and does attention save it?"""

from core.experiment import Experiment, Headline
from core.experiments.length_quality.answers import by_seed, learned, remarks, run_sentence
from core.experiments.length_quality.declaration import (
    AttentionRow,
    LengthQualityConfig,
    LengthQualitySummary,
    LengthRow,
    PositionRow,
    SampleRow,
    TrainingRow,
    work,
)

LENGTH_QUALITY = Experiment(
    name="length-quality",
    title="Length and quality",
    question="How does seq2seq quality fall with length, and does attention save it?",
    config=LengthQualityConfig,
    rows=(TrainingRow, LengthRow, PositionRow, SampleRow, AttentionRow, LengthQualitySummary),
    module="core.experiments.length_quality.measure",
    resumable=True,
    one_run_per_seed=True,
    by_seed=by_seed,
    sentence=run_sentence,
    learned=learned,
    remarks=remarks,
    work=work,
    headlines=(
        Headline("bottleneck", "handles the longest sentences"),
        Headline("beyond_accuracy", "is most accurate beyond the trained lengths"),
    ),
    unranked=("training_seconds",),
    presets={
        "reverse": {
            "task": "reverse",
            "shortest": 5,
            "longest_trained": 20,
            "longest_tested": 30,
            "training_steps": 3000,
            "training_pairs": 200_000,
            "tested_pairs": 200,
        },
        "multi30k": {
            "task": "multi30k",
            "hidden_size": 256,
            "embedding_size": 256,
            "dropout": 0.3,
            "batch_size": 128,
            "training_steps": 4000,
            "training_pairs": 29_000,
            "shortest": 1,
            "longest_trained": 100,
            "longest_tested": 100,
        },
    },
)
