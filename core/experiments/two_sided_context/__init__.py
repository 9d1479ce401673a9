"""What does reading in both directions buy?"""

from core.experiment import Experiment, Headline
from core.experiments.two_sided_context.answers import by_seed, remarks, run_sentence
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
    question="What does reading in both directions buy?",
    config=TwoSidedContextConfig,
    rows=(TrainingRow, ContextRow, RevisionRow, TwoSidedContextSummary),
    module="core.experiments.two_sided_context.measure",
    resumable=True,
    sentence=run_sentence,
    remarks=remarks,
    work=work,
    by_seed=by_seed,
    headlines=(Headline("ahead_accuracy", "is most accurate where a token ahead is needed"),),
)
