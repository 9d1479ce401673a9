"""What people typed into the store is shown as text, and stays text in every file."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shlex
from collections.abc import Callable
from html.parser import HTMLParser

import pandas
import pytest

from core.analysis.comparison import Comparison, compare
from core.experiments import all_experiments
from core.store.records import RunRecord
from core.store.tracking import Store
from dashboard.navigation import PAGES, Page
from dashboard.ui.text import plain
from experiments.export import EXPORT_FORMATS, as_json, csv, reproduction, tidy
from experiments.reports.html import comparison_report
from experiments.reports.latex import comparison_tables, escaped
from tests.dashboard.conftest import Show
from tests.dashboard.hostile import (
    BROKEN,
    FORMULA,
    LETTERS,
    MARKUP,
    QUOTES,
    RIGHT_TO_LEFT,
    SNIPPETS,
    TEXTS,
)

MARKDOWN = ("title", "header", "subheader", "markdown", "caption", "toast", "table")

BOXES = ("error", "warning", "info", "success")

LONGEST = 4000
"""Letters of one element: methods are long, names must not be."""


@pytest.fixture
def hostile(scene: Callable[[str], Store]) -> Store:
    return scene("hostile")


def compared(store: Store, by: str = "sweep") -> list[Comparison]:
    (*experiments,) = all_experiments()[:2]
    return [
        compare(
            experiment,
            store.runs(experiment.name, "FINISHED"),
            store.table,
            by,
        )
        for experiment in experiments
    ]


def called(store: Store, name: str) -> RunRecord:
    return next(run for run in store.runs(status="FINISHED") if run.name == name)


SOME = ("Overview", "Runs", "Gradient flow", "Compare", "Choose")
"""The pages that show most of what people type; all of them are slow."""


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=[] if p.title in SOME else [pytest.mark.slow]) for p in PAGES],
    ids=lambda page: page.title,
)
def test_no_page_takes_it_for_markdown(page: Page, hostile: Store, show: Show) -> None:
    app = show(page.path)
    assert not app.exception
    _assert_text_is_text(app)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_page_of_a_run_says_all_of_it(text: str, hostile: Store, show: Show) -> None:
    app = show("views/runs.py", run=called(hostile, text).run_id)
    assert not app.exception
    _assert_text_is_text(app)
    whole = [block.value for block in app.code] + [app.subheader[0].value]
    assert text in whole or plain(text) in whole


def _assert_text_is_text(app: object) -> None:
    for kind in (*MARKDOWN, *BOXES):
        for element in app.get(kind):  # type: ignore[attr-defined]
            value = element.value
            said = value if isinstance(value, str) else " ".join(map(str, value.to_numpy().flat))
            raw = [part for part in SNIPPETS if re.search(rf"(?<!\\){re.escape(part)}", said)]
            assert not raw, f"{kind}: {said[:200]}"
            assert "\u202e" not in said, f"{kind}: {said[:200]}"
            assert len(said) < LONGEST, f"{kind}: {said[:200]}"


class Tags(HTMLParser):
    """The elements of a page, and the attributes that could run or load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.active: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.active += [(n, v) for n, v in attrs if n.startswith("on") or n in ("src", "href")]


@pytest.mark.parametrize(
    "by", ["run", *(pytest.param(by, marks=pytest.mark.slow) for by in ("sweep", "device"))]
)
def test_the_report_has_no_element_of_theirs(hostile: Store, by: str) -> None:
    page = comparison_report(compared(hostile, by)[:1])
    found = Tags(page)
    assert not found.tags & {"img", "script", "b", "a"}
    assert not found.active
    assert "\u202e" not in page
    assert "&lt;img src=x" in page


def test_a_spreadsheet_computes_nothing(hostile: Store) -> None:
    frame = pandas.read_csv(io.BytesIO(csv(compared(hostile))))
    for name in ("group", "against", "value"):
        assert not frame[name].dropna().astype(str).str.match(r"[=+@]|-(?![\d.]|inf)").any()
    assert frame["group"].str.startswith("'=HYPERLINK").any()
    experiment = all_experiments()[0]
    runs = hostile.runs(experiment.name, "FINISHED")
    exported = EXPORT_FORMATS["csv"](tidy(hostile, runs, experiment.summary.table))
    rows = pandas.read_csv(io.BytesIO(exported))
    assert {f"'{FORMULA}", MARKUP, QUOTES, RIGHT_TO_LEFT, BROKEN} <= set(rows["run"])


def test_programs_get_every_letter(hostile: Store) -> None:
    runs = [run for one in json.loads(as_json(compared(hostile))) for run in one["runs"]]
    assert set(TEXTS.values()) <= {run["name"] for run in runs}
    run = called(hostile, FORMULA)
    experiment = next(e for e in all_experiments() if e.name == run.experiment)
    table = tidy(hostile, [run], experiment.summary.table)
    assert json.loads(EXPORT_FORMATS["json"](table))[0]["run"] == FORMULA


def test_latex_has_no_command_of_theirs(hostile: Store) -> None:
    tables = comparison_tables(compared(hostile)).decode()
    assert "\\textless{}img src=x" in tables
    assert not {"\u2068", "\u2069", "\u202e"} & set(tables)
    rows = [line for line in tables.splitlines() if line.endswith(r"\\")]
    assert all(line.replace(r"\&", "").count("&") == 4 for line in rows)
    assert not any(line.startswith(("[", "*")) for line in tables.splitlines())


def test_latex_takes_no_cell_for_an_argument() -> None:
    assert escaped("[a]*|`") == r"{[}a{]}{*}\textbar{}\textasciigrave{}"


@pytest.mark.parametrize(
    ("recorded", "given"),
    [
        ("python -m experiments run x --name='a b'", "python -m experiments run x '--name=a b'"),
        ("python -m experiments run x; rm -r /", "python -m experiments run 'x;' rm -r /"),
        ("python -m experiments run $(rm -r /)", "python -m experiments run '$(rm' -r '/)'"),
        ("rm -r /", ""),
        ("python -m experiments run 'open", ""),
    ],
)
def test_a_command_of_an_older_version_is_this_programs_alone(
    hostile: Store, recorded: str, given: str
) -> None:
    run = hostile.runs()[0]
    tags = {**run.tags, "mlflow.source.name": recorded}
    old = dataclasses.replace(run, settings={"cell": "no longer"}, tags=tags)
    assert reproduction(old) == given


def test_commands_are_the_same_whatever_a_run_is_called(hostile: Store) -> None:
    for run in hostile.runs():
        assert shlex.split(reproduction(run))[:4] == ["python", "-m", "experiments", "run"]
        assert LETTERS[:100] not in reproduction(run)
