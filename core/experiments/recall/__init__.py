"""How many things can it keep apart?"""

from core.experiment import Experiment, Headline
from core.experiments.recall.answers import by_seed, learned, remarks, run_sentence
from core.experiments.recall.declaration import (
    PlaceRow,
    RecallConfig,
    RecallSummary,
    SeedRow,
    TrainingRow,
    work,
)

RECALL = Experiment(
    name="recall",
    title="Recall",
    question="How many things can it keep apart?",
    config=RecallConfig,
    rows=(TrainingRow, PlaceRow, SeedRow, RecallSummary),
    module="core.experiments.recall.measure",
    resumable=True,
    sentence=run_sentence,
    learned=learned,
    remarks=remarks,
    work=work,
    by_seed=by_seed,
    headlines=(Headline("pairs", "keeps most pairs apart"),),
    presets={"pairs-32": {"most_pairs": 32, "vocabulary": 128, "training_steps": 4000}},
)
