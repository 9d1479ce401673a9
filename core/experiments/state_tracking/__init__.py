"""What can it follow step by step?"""

from core.experiment import Experiment, Headline
from core.experiments.state_tracking.answers import by_seed, learned, remarks, run_sentence
from core.experiments.state_tracking.declaration import (
    PositionRow,
    SeedRow,
    StateTrackingConfig,
    StateTrackingSummary,
    TrainingRow,
    work,
)

STATE_TRACKING = Experiment(
    name="state-tracking",
    title="State tracking",
    question="What can it follow step by step?",
    config=StateTrackingConfig,
    rows=(TrainingRow, PositionRow, SeedRow, StateTrackingSummary),
    module="core.experiments.state_tracking.measure",
    resumable=True,
    sentence=run_sentence,
    learned=learned,
    remarks=remarks,
    work=work,
    by_seed=by_seed,
    headlines=(Headline("reach", "follows the state furthest"),),
    presets={
        "s3": {"task": "s3", "training_steps": 2000},
        "a5": {"task": "a5", "training_steps": 4000, "hidden_size": 128},
    },
)
