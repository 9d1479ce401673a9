"""How fast does the gradient fade with distance?"""

from core.experiment import Experiment, Headline
from core.experiments.gradient_decay.answers import by_seed, remarks, run_sentence
from core.experiments.gradient_decay.declaration import (
    ConvergenceRow,
    DecayRow,
    GradientDecayConfig,
    GradientDecaySummary,
    GradientRow,
    JacobianRow,
    LyapunovRow,
    TrainingRow,
    work,
)

GRADIENT_DECAY = Experiment(
    name="gradient-decay",
    title="Gradient flow",
    question="How fast does the gradient fade with distance?",
    config=GradientDecayConfig,
    rows=(
        GradientRow,
        DecayRow,
        JacobianRow,
        LyapunovRow,
        ConvergenceRow,
        TrainingRow,
        GradientDecaySummary,
    ),
    module="core.experiments.gradient_decay.measure",
    sentence=run_sentence,
    remarks=remarks,
    work=work,
    by_seed=by_seed,
    headlines=(
        # Half of a gradient is gone after a step or two whatever the cell; 1% tells them apart.
        Headline("percent_distance_steps", "keeps 1% of its gradient longest"),
        Headline("half_distance_steps", "keeps half of its gradient longest"),
    ),
    presets={
        "chapter": {
            "input_size": 32,
            "hidden_size": 64,
            "sequence_length": 100,
            "loss": "sum",
        }
    },
)
