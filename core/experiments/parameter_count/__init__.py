"""How many parameters and how much memory does each cell need?"""

from core.experiment import Experiment, Headline
from core.experiments.parameter_count.answers import remarks, run_sentence
from core.experiments.parameter_count.declaration import (
    ActivationRow,
    ParameterCountConfig,
    ParameterCountSummary,
    PartRow,
    WidthRow,
    work,
)

PARAMETER_COUNT = Experiment(
    name="parameter-count",
    title="Parameters",
    question="How many parameters and how much memory does each cell need?",
    config=ParameterCountConfig,
    rows=(WidthRow, PartRow, ActivationRow, ParameterCountSummary),
    module="core.experiments.parameter_count.measure",
    sentence=run_sentence,
    remarks=remarks,
    work=work,
    headlines=(
        Headline(
            "parameters", "has the fewest parameters", fixed_by="parameter_budget", counted=True
        ),
        Headline("equation_activation_mib", "keeps the least for the backward pass"),
        Headline(
            "state_bytes", "carries the smallest state", fixed_by="state_budget", counted=True
        ),
    ),
    presets={"chapter": {"input_size": 128, "hidden_size": 256}},
)
