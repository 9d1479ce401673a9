"""How much does context help on real text?"""

from core.experiment import Experiment, Headline
from core.experiments.language_model.answers import by_seed, learned, remarks, run_sentence
from core.experiments.language_model.declaration import (
    ContextRow,
    LanguageModelConfig,
    LanguageModelSummary,
    PositionRow,
    SeedRow,
    TrainingRow,
    work,
)

LANGUAGE_MODEL = Experiment(
    name="language-model",
    title="Language model",
    question="How much does context help on real text?",
    config=LanguageModelConfig,
    rows=(TrainingRow, PositionRow, ContextRow, SeedRow, LanguageModelSummary),
    module="core.experiments.language_model.measure",
    resumable=True,
    sentence=run_sentence,
    learned=learned,
    remarks=remarks,
    work=work,
    by_seed=by_seed,
    headlines=(
        Headline("bits", "predicts the text best"),
        Headline("context", "makes use of the longest context"),
    ),
    presets={
        "long-context": {"window": 256, "longest_context": 512, "training_steps": 3000},
    },
)
