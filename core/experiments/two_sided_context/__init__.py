"""What does a second direction add?"""

from core.experiment import Experiment, Headline
from core.experiments.two_sided_context.answers import by_seed, learned, remarks, run_sentence
from core.experiments.two_sided_context.declaration import (
    ContextRow,
    RevisionRow,
    TrainingRow,
    TwoSidedContextConfig,
    TwoSidedContextSummary,
    work,
)

TWO_SIDED_CONTEXT = Experiment(
    name="two-sided-context",
    title="Two-sided context",
    question="What does a second direction add?",
    config=TwoSidedContextConfig,
    rows=(TrainingRow, ContextRow, RevisionRow, TwoSidedContextSummary),
    module="core.experiments.two_sided_context.measure",
    resumable=True,
    sentence=run_sentence,
    learned=learned,
    remarks=remarks,
    work=work,
    by_seed=by_seed,
    headlines=(Headline("ahead_accuracy", "is most accurate where a token ahead is needed"),),
)
