"""What the command `papers` prints and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.chapter import CLAIMS
from core.papers import PAPERS
from core.papers.memory import HOCHREITER
from core.store.tracking import Store, command_line
from experiments.__main__ import main
from experiments.evidence import Evidence, headline, needed_by
from experiments.reports.html import papers_report
from tests.dashboard.scenes import record
from tests.experiments.reports.test_html import HOSTILE, Reader


@pytest.fixture
def measured(store: Store) -> Store:
    """A store with the runs of one card, the first of them with a hostile name."""
    ids = [record(store, experiment, config, "one") for experiment, config in HOCHREITER.configs()]
    store.client.update_run(ids[0], name=HOSTILE)
    return store


def test_an_empty_store_prints_every_card_and_how_to_measure_them(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["papers"]) == 0
    out, err = capsys.readouterr()
    assert "None of the 11 papers is measured yet." in out
    assert all(paper.title in out for paper in PAPERS)
    assert "python -m experiments suite papers" in err


def test_a_measured_card_prints_each_part(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["papers"]) == 0
    out = capsys.readouterr().out
    assert "1 of 11 papers is measured" in out
    judged = Evidence(measured.table, PAPERS).judge(measured.runs(), {})
    for part in judged.verdicts[HOCHREITER.name].parts:
        assert part.statement.split(",")[0] in " ".join(out.split())


def test_json_has_sources_outcomes_parts_runs_and_commands(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["papers", "--json"]) == 0
    cards = {card["name"]: card for card in json.loads(capsys.readouterr().out)}
    assert list(cards) == [paper.name for paper in PAPERS]
    card = cards[HOCHREITER.name]
    assert {run.run_id for run in measured.runs()} == set(card["runs"])
    assert len(card["parts"]) == len(HOCHREITER.expectations)
    assert card["missing"] == []
    for paper in PAPERS:
        assert cards[paper.name]["link"] == paper.link
        assert cards[paper.name]["published"] == paper.published
    shared = HOCHREITER.configs()
    for paper in (p for p in PAPERS if not any(one in shared for one in p.configs())):
        assert cards[paper.name]["outcome"] == "not measured yet"
        assert cards[paper.name]["missing"] == [command_line(*one) for one in paper.configs()]


def test_the_report_is_one_file_with_every_card(measured: Store, tmp_path: Path) -> None:
    file = tmp_path / "papers.html"
    assert main(["papers", "--format", "html", "--output", str(file)]) == 0
    reader = Reader(file.read_text(encoding="utf-8"))
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "embed", "form"}
    for paper in PAPERS:
        for text in (paper.title, paper.published, paper.method, paper.differences, paper.link):
            assert text in reader.words
    assert all(reference.startswith("#") for reference in reader.references)
    assert all(run.run_id in reader.words for run in measured.runs())


def test_what_people_typed_is_text_in_the_report(measured: Store) -> None:
    judged = Evidence(measured.table, PAPERS).judge(measured.runs(), {})
    page = papers_report(judged)
    assert HOSTILE not in page
    assert "&lt;img src=" in page


def test_a_table_goes_to_no_file(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["papers", "--output", "papers.txt"]) == 2
    assert "choose another --format" in capsys.readouterr().err


def test_papers_are_judged_by_their_own_runs_alone(measured: Store) -> None:
    papers = Evidence(measured.table, PAPERS).judge(measured.runs(), {})
    chapter = Evidence(measured.table).judge(measured.runs(), {})
    assert set(papers.verdicts) == {paper.name for paper in PAPERS}
    assert set(chapter.verdicts) == {claim.number for claim in CLAIMS}
    assert not chapter.runs, "no claim of the chapter asks for the adding problem"
    assert needed_by([HOCHREITER], papers).to_start == []


def test_the_head_speaks_of_papers() -> None:
    assert headline([], "paper") == "None of the 0 papers is measured yet."
