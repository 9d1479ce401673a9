"""The achieved sizes beside every comparison: on pages, on the command line and in every file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.store.records import TAG_CONFIG
from core.store.tracking import Store
from dashboard.ui.text import plain
from experiments.__main__ import main
from experiments.reports.latex import escaped
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import record

SAID = "At 50,000 parameters (whole model): RNN 214 → 49,870 (-0.26%), LSTM 105 → 49,568 (-0.86%)."


@pytest.fixture
def at_equal_parameters(store: Store) -> Store:
    """A store with a span of two whole networks of about 50,000 parameters."""
    for config in MEMORY_SPAN.configs(["rnn", "lstm"], {"parameter_budget": [50_000]}):
        record(store, MEMORY_SPAN, config, "one")
    return store


def test_pages_say_them_under_the_answer(at_equal_parameters: Store, show: Show) -> None:
    for page in ("views/results/memory_span.py", "views/compare/page.py"):
        app = show(page)
        assert not app.exception
        assert plain(SAID) in [caption.value for caption in app.caption], page


def test_the_terminal_and_every_file_say_them(
    at_equal_parameters: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["compare", "--experiment", MEMORY_SPAN.name]
    assert main(words) == 0
    assert SAID in capsys.readouterr().out
    assert main([*words, "--format", "html"]) == 0
    assert SAID in capsys.readouterr().out
    assert main([*words, "--format", "latex"]) == 0
    assert escaped(SAID) in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    (data,) = json.loads(capsys.readouterr().out)
    assert data["sizes_in_words"] == SAID
    sizes = {name.split(" · ")[0]: size for name, (size,) in data["sizes"].items()}
    assert sizes["LSTM"] == {
        "hidden_size": 105,
        "counted": "whole model",
        "parameters": 49_568,
        "state_bytes": 840,
        "parameter_budget": 50_000,
        "off_budget": 49_568 / 50_000 - 1,
    }
    assert main([*words, "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("memory-span,size,parameters,,RNN") for line in lines)
    assert sum(",size,off_budget," in line for line in lines) == 2


def test_a_scorecard_says_them_in_every_file(
    at_equal_parameters: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["scorecard", "--parameter-budget", "50k", "--variants", "rnn,lstm"]
    for form in ("table", "html"):
        assert main([*words, "--format", form]) == 0
        assert SAID in " ".join(capsys.readouterr().out.split()), form
    assert main([*words, "--json"]) == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    assert {
        (c["variant"], c["counted"], c["parameters"], c["state_bytes"])
        for c in cells
        if c["counted"] == "whole model"
    } == {
        ("RNN", "whole model", 49_870, 856),
        ("LSTM", "whole model", 49_568, 840),
    }


def test_what_is_not_equal_is_a_warning_on_every_page(store: Store, show: Show) -> None:
    for config in PARAMETER_COUNT.configs(["rnn", "lstm"], {"parameter_budget": [400]}):
        record(store, PARAMETER_COUNT, config, "one")
    for page in ("views/results/parameters.py", "views/compare/page.py"):
        app = show(page)
        assert any("not a comparison of equals" in w.value for w in app.warning), page
    app = show("views/launch.py", experiment=PARAMETER_COUNT.name, parameter_budget="700")
    assert any("not a comparison of equals" in w.value for w in app.warning)


def test_without_a_budget_translators_say_how_many_parameters_each_attention_has(
    store: Store, show: Show
) -> None:
    kinds = {"attention": ["none", "additive"], "seeds": [1]}
    for config in LENGTH_QUALITY.configs(["lstm"], kinds):
        record(store, LENGTH_QUALITY, config, "one")
    app = show("views/results/length_quality.py")
    assert not app.exception
    said = (
        "Parameters (whole model): LSTM 64 · no attention → 101,588, "
        "LSTM 64 · additive attention → 109,908."
    )
    assert plain(said) in texts(app)


def test_an_old_run_in_full_says_how_its_budget_is_read(store: Store, show: Show) -> None:
    (config,) = LENGTH_QUALITY.configs(["lstm"], {"hidden_size": [84], "seeds": [1]})
    run_id = record(store, LENGTH_QUALITY, config, "one")
    settings = {**config.flat(), "parameter_budget": 50_000}
    del settings["state_budget"]
    store.set_tags(run_id, {TAG_CONFIG: json.dumps(settings)})
    app = show("views/runs.py", run=run_id, details="Settings")
    assert not app.exception
    assert plain(
        "It was recorded with a parameter budget of 50,000, which then counted the recurrent "
        "layers alone: it stands at the hidden size that it had, 84."
    ) in texts(app)
