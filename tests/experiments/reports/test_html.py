"""The report: one file, complete, that loads nothing and shows what people typed as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape

from core.chapter import CLAIMS
from core.chapter.claim import Facts, Outcome, Verdict
from core.chapter.cost import WIDTH
from core.chapter.quiz import EXERCISES, QUIZ
from core.experiments import config_of
from core.experiments.parameter_count import PARAMETER_COUNT
from core.formatting import shortened
from core.store.tracking import Store, command_line
from experiments.__main__ import main
from experiments.evidence import headline
from experiments.reports.html import chapter_report
from tests.dashboard.scenes import record

HOSTILE = (
    "<img src=http://example.org/x onerror=alert(1)> \"'&\u202e </title><script>alert(2)</script>"
)

FACTS: dict[int, Facts] = {
    2: {"matrices": [[[2.0, 1.0], [6.0, 3.0]], [[2.0, 3.0], [2.0, 0.0]]]},
}

REFERENCES = ("src", "href", "srcset", "action", "data", "poster", "background")

VOID = ("meta",)


class Reader(HTMLParser):
    """Tags, what they refer to, and the words of a page; fails on a tag that is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.words = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [str(value) for name, value in attrs if name in REFERENCES]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def measured(new_store: Callable[[Path], Store], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the runs of claim 10, the first of them with a hostile name. It is only read."""
    store = new_store(tmp_path_factory.mktemp("measured") / "store")
    ids = [record(store, PARAMETER_COUNT, config, "one") for _, config in WIDTH.configs()]
    store.client.update_run(ids[0], name=HOSTILE)
    store.set_tags(ids[0], {"chip": HOSTILE})
    return store


@pytest.fixture(scope="module")
def page(measured: Store) -> str:
    """The report of that store."""
    return chapter_report(measured, FACTS)


def test_an_empty_store_gives_every_claim_and_the_commands_that_would_measure_it(
    store: Store,
) -> None:
    words = Reader(chapter_report(store, {})).words
    assert "None of the 22 claims is measured yet." in words
    for claim in CLAIMS:
        assert f"{claim.number} · {claim.title}" in words
        assert claim.statement in words
        for experiment, config in claim.configs():
            assert command_line(experiment, config) in words


def test_a_measured_claim_has_its_verdict_figure_runs_and_commands(
    measured: Store, page: str
) -> None:
    words = Reader(page).words
    assert "2 of 22 claims are measured" in words
    assert "From 256 to 64 hidden units the count shrinks" in words
    for run in measured.runs():
        assert run.run_id in words
        assert command_line(PARAMETER_COUNT, config_of(run)) in words
    assert "Measured here:" in words, "the quiz cites it"
    assert all(question.text in words for question in QUIZ)
    assert all(exercise.task in words for exercise in EXERCISES)
    assert re.search(r"Written \d{4}-\d\d-\d\d .* with torch \d", words)
    assert "from 12 runs measured on device cpu, chip" in words


def test_it_loads_nothing_and_runs_nothing(page: str) -> None:
    reader = Reader(page)
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert reader.references
    assert all(re.fullmatch(r"#claim-\d+", reference) for reference in reader.references)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_what_people_typed_is_text(page: str) -> None:
    assert HOSTILE not in page
    assert escape(shortened(HOSTILE, 300)) in page, "as a name"
    assert escape(shortened(HOSTILE)) in page, "as a chip"
    assert shortened(HOSTILE, 300) in Reader(page).words


def test_the_command_writes_a_file_or_standard_output(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("experiments.commands.compute_all", lambda: FACTS)
    assert main(["report"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("<!doctype html>")
    assert "1 of 22 claims is measured: 1 holds." in printed
    file = tmp_path / "report.html"
    assert main(["report", "--output", str(file)]) == 0
    out, said = capsys.readouterr()
    assert out == ""
    assert str(file) in said
    assert (
        Reader(file.read_text(encoding="utf-8")).words.count(
            "A Jacobian collects all partial derivatives"
        )
        == 2
    )
    assert main(["report", "--output", str(tmp_path / "nowhere" / "report.html")]) == 2
    assert "error: output is" in capsys.readouterr().err


def test_the_head_counts_what_is_measured() -> None:
    outcomes: tuple[Outcome, ...] = (
        "holds",
        "holds",
        "partly",
        "not decided",
        "not measured yet",
    )
    assert headline(Verdict(outcome, "") for outcome in outcomes) == (
        "4 of 5 claims are measured: 2 hold, 1 holds partly and 1 is not decided."
    )
    assert (
        headline([Verdict("not measured yet", "")] * 3) == "None of the 3 claims is measured yet."
    )
    assert headline([Verdict("does not hold", "")]) == (
        "1 of 1 claims is measured: 1 does not hold."
    )
