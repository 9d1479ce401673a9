"""Runs side by side as data, in words and as files, from the command line too."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest

from core.analysis.comparison import MAX_COMPARED, Comparison, compare
from core.analysis.groups import MAX_TEXT
from core.analysis.sentences import answer, verdict
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.settings import BadSetting
from core.stats.estimates import mean_estimate
from core.store.records import RunRecord
from core.store.tracking import Store
from experiments.__main__ import main
from experiments.export import as_data, as_json
from experiments.export import csv as as_csv
from experiments.reports import latex
from experiments.reports.html import comparison_report
from tests.dashboard.scenes import record

HOSTILE = '<script>alert("1")</script> & \u202eright-to-left\u202c \\%$_{}^~# ' + "x" * 10_000
"""What somebody may name a run or a comparison."""


@pytest.fixture(scope="module")
def made(new_store: Callable[[Path], Store], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two variants from two and three seeds, a hostile comparison, and what is not seeded."""
    store = new_store(tmp_path_factory.mktemp("compared") / "store")
    for variant, seeds in (("rnn", 2), ("lstm", 3)):
        for config in LENGTH_QUALITY.configs([variant], {"seeds": [seeds]}):
            record(store, LENGTH_QUALITY, config, "seeded")
    for variant in ("rnn", "lstm"):
        (config,) = GRADIENT_DECAY.configs([variant], {})
        record(store, GRADIENT_DECAY, config, HOSTILE[:4000])
        (config,) = PARAMETER_COUNT.configs([variant], {})
        record(store, PARAMETER_COUNT, config, "counted")
        (config,) = THROUGHPUT.configs([variant], {"launches": [1]})
        record(store, THROUGHPUT, config, "timed")
        (config,) = MEMORY_SPAN.configs([variant], {})
        record(store, MEMORY_SPAN, config, "spans")
    return store


@pytest.fixture
def here(made: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """That store as the configured one. Tests only read it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.uri)
    return made


def of(store: Store, name: str, group_by: str = "", measure: str = "") -> Comparison:
    experiments = (LENGTH_QUALITY, GRADIENT_DECAY, PARAMETER_COUNT, THROUGHPUT, MEMORY_SPAN)
    experiment = next(one for one in experiments if one.name == name)
    runs = store.runs(name, "FINISHED")
    return compare(experiment, runs, store.table, group_by, measure)


def summaries(store: Store, runs: tuple[RunRecord, ...], name: str) -> list[float]:
    tables = [store.table(run, "summary") for run in runs]
    return [float(table[name].iloc[0]) for table in tables if table is not None]


def test_runs_that_differ_in_their_seed_alone_are_one_group(made: Store) -> None:
    found = of(made, "length-quality")
    assert [(g.name, len(g.runs)) for g in found.groups] == [("RNN", 2), ("LSTM", 3)]
    bleu = found.result("bleu")
    assert bleu is not None
    for group in found.groups:
        assert bleu.estimates[group.name] == mean_estimate(summaries(made, group.runs, "bleu"))
        assert bleu.repeats[group.name] == len(group.runs)


def test_only_settings_that_differ_are_listed(made: Store) -> None:
    titles = [line.title for line in of(made, "gradient-decay").settings]
    assert titles == ["Cell"]
    assert of(made, "length-quality").settings[-1].values == {"RNN": "0, 1", "LSTM": "0, 1, 2"}


def test_of_a_single_sample_the_recorded_interval_is_kept(made: Store) -> None:
    found = of(made, "throughput")
    result = found.result("training_ms")
    assert result is not None
    for group in found.groups:
        table = made.table(group.runs[0], "summary")
        assert table is not None
        parts = [table[f"training_ms{end}"].iloc[0] for end in ("", "_low", "_high", "_n")]
        assert dataclasses.astuple(result.estimates[group.name]) == tuple(parts)


def test_several_seeds_of_a_run_are_estimated_anew(made: Store) -> None:
    """Runs of earlier versions recorded t intervals of percentages, which do not cover."""
    found = of(made, "gradient-decay")
    result = found.result("zero_percent")
    assert result is not None
    for group in found.groups:
        gradient = made.table(group.runs[0], "gradient")
        assert gradient is not None
        rows = gradient[gradient["layer"] == 1]
        zeros = rows.groupby("seed")["input_zeros"].mean() * 100 / 16
        assert len(zeros) > 1
        assert result.estimates[group.name].value == pytest.approx(min(100.0, zeros.median()))


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("variant", ["RNN", "LSTM"]),
        ("sweep", ["seeded"]),
        ("device", ["cpu, Made-up chip"]),
        ("seed", ["first seed 0", "first seed 1", "first seed 2"]),
        ("hidden_size", ["hidden size 64"]),
        ("attention", ["no attention"]),
    ],
)
def test_runs_are_grouped_by_what_is_asked_for(made: Store, by: str, names: list[str]) -> None:
    assert [group.name for group in of(made, "length-quality", by).groups] == names


def test_each_run_can_stand_alone(made: Store) -> None:
    groups = of(made, "length-quality", "run").groups
    assert len(groups) == 5
    assert all(len(group.runs) == 1 for group in groups)


def test_one_seed_gives_no_verdict_and_the_answer_says_so(made: Store) -> None:
    found = of(made, "length-quality", "run", "bleu")
    assert found.headline is not None
    assert {d.finding for d in found.headline.differences} == {"not enough seeds"}
    assert not any(found.headline.marks.values())
    assert "With 1 seed each, no difference" in answer(found)
    assert "2 seeds each are needed" in answer(found)


def test_counts_are_compared_exactly_and_launches_are_no_seeds(made: Store) -> None:
    counts = of(made, "parameter-count")
    assert {d.finding for r in counts.results for d in r.differences if r.judged} == {"better"}
    assert "exact" in answer(counts)
    times = of(made, "throughput")
    assert times.headline is not None
    (pair,) = times.headline.differences
    words = verdict(pair, times.repeat, times.headline.column)
    assert words == "not enough launches (n = 1 and 1; 2 each are needed)"
    assert "With 1 launch each, no difference" in answer(times)
    assert "turns of one launch" in answer(times)


def test_the_same_run_against_itself_does_not_differ(made: Store) -> None:
    runs = made.runs("gradient-decay", "FINISHED")[:1]
    twin = dataclasses.replace(runs[0], run_id="0" * 32, sweep="twin")
    found = compare(
        GRADIENT_DECAY, [*runs, twin], lambda run, name: made.table(runs[0], name), "sweep"
    )
    zeros = found.result("zero_percent")
    assert zeros is not None
    assert [d.finding for d in zeros.differences] == ["equal within the margin"]


def test_many_groups_are_shown_but_not_judged_pair_by_pair(made: Store) -> None:
    run = made.runs("parameter-count", "FINISHED")[0]
    runs = [
        dataclasses.replace(run, run_id=f"{i:032}", settings={**run.settings, "hidden_size": i})
        for i in range(1, MAX_COMPARED + 3)
    ]
    found = compare(PARAMETER_COUNT, runs, lambda r, t: made.table(run, t))
    assert len(found.groups) == MAX_COMPARED + 2
    assert found.headline is not None
    assert found.headline.differences == ()
    assert "not tested pair by pair" in answer(found)


def test_a_run_without_a_summary_is_named_and_left_out(made: Store) -> None:
    runs = made.runs("gradient-decay", "FINISHED")
    lost = dataclasses.replace(runs[0], run_id="f" * 32)
    tables: Callable[[RunRecord, str], pandas.DataFrame | None] = lambda run, name: (  # noqa: E731
        None if run is lost else made.table(run, name)
    )
    found = compare(GRADIENT_DECAY, [*runs, lost], tables)
    assert found.without == (lost,)
    assert len(found.runs) == 2


def test_csv_and_json_have_the_numbers_of_the_store_to_the_last_bit(made: Store) -> None:
    found = of(made, "throughput")
    (data,) = json.loads(as_json([found]))
    lines = list(csv.DictReader(io.StringIO(as_csv([found]).decode())))
    measured = {m["name"]: m["results"] for m in data["measures"]}
    for group in found.groups:
        (value,) = summaries(made, group.runs, "training_ms")
        assert measured["training_ms"][group.name]["value"] == value
        (line,) = [
            line
            for line in lines
            if (line["kind"], line["name"], line["group"]) == ("result", "training_ms", group.name)
        ]
        assert float(line["value"]) == value
    verdicts = [line for line in lines if line["kind"] == "verdict"]
    assert len(verdicts) == sum(len(result.differences) for result in found.results)
    assert {run["run_id"] for run in data["runs"]} == {run.run_id for run in found.runs}
    assert data["runs"][0]["command"].startswith("python -m experiments run throughput")


def test_json_writes_infinities_as_words(made: Store) -> None:
    found = of(made, "gradient-decay")
    result = found.results[0]
    endless = dataclasses.replace(
        result,
        estimates={
            n: dataclasses.replace(e, value=float("inf")) for n, e in result.estimates.items()
        },
    )
    data = as_data(dataclasses.replace(found, results=(endless,)))
    assert data["measures"][0]["results"]["RNN"]["value"] == "inf"


def test_latex_leaves_no_letter_that_means_something_to_it() -> None:
    assert latex.escaped("50% of a_b & {c} #1 $x$ ^ ~ \\ <t>\n\nrow") == (
        r"50\% of a\_b \& \{c\} \#1 \$x\$ \textasciicircum{} \textasciitilde{} "
        r"\textbackslash{} \textless{}t\textgreater{} row"
    )


def test_latex_tables_have_a_line_per_group_and_the_best_in_bold(made: Store) -> None:
    text = latex.comparison_tables([of(made, "parameter-count")]).decode()
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 3
    assert all(line.count("&") == latex.MAX_COLUMNS for line in lines)
    assert r"\textbf{" in lines[1]
    assert r"\textbf{" not in lines[2]
    assert r"\toprule" in text


def test_a_hostile_name_is_text_in_every_format(made: Store) -> None:
    found = of(made, "gradient-decay", "sweep")
    (group,) = found.groups
    assert len(group.name) <= MAX_TEXT
    page = comparison_report([found])
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    text = latex.comparison_tables([found]).decode()
    assert r"\textless{}script\textgreater{}" in text
    (data,) = json.loads(as_json([found]))
    assert data["runs"][0]["sweep"] == HOSTILE[:4000]


def test_the_report_refers_to_nothing_outside_and_has_all_of_the_evidence(made: Store) -> None:
    found = [of(made, name) for name in ("gradient-decay", "throughput")]
    page = comparison_report(found, {"throughput": ["<svg id='curves'></svg>"]})
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:|//)", page)
    assert "@import" not in page
    assert "<svg id='curves'>" in page
    for comparison in found:
        assert page.count(comparison.experiment.question) == 1
        for run in comparison.runs:
            assert run.run_id in page


def test_compare_prints_the_answer_first(here: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--experiment", "length-quality", "--measure", "bleu"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(answer(of(here, "length-quality", measure="bleu")).split(" (")[0])
    assert "LSTM" in out


def test_compare_without_runs_is_what_the_overview_shows(
    here: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--json"]) == 0
    shown = {data["experiment"] for data in json.loads(capsys.readouterr().out)}
    assert shown == {run.experiment for run in here.runs() if run.status == "FINISHED"}


def test_compare_writes_every_format(
    here: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [run.run_id[:8] for run in here.runs("length-quality")]
    assert main(["compare", *ids, "--json"]) == 0
    (data,) = json.loads(capsys.readouterr().out)
    assert sum(len(runs) for runs in data["groups"].values()) == len(ids)
    for form in ("csv", "json", "latex", "html"):
        file = tmp_path / form
        assert main(["compare", *ids, "--format", form, "--output", str(file)]) == 0
        assert file.stat().st_size > 100
    assert capsys.readouterr().out == ""
    assert main(["compare", "--sweep", "timed", "--format", "csv"]) == 0
    assert {
        line["experiment"] for line in csv.DictReader(io.StringIO(capsys.readouterr().out))
    } == {"throughput"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--experiment", "colour"], "'colour'"),
        (["--experiment", "two-sided-context"], "no run has finished yet"),
        (["--sweep", "nothing"], "sweep is 'nothing'; the newest are "),
        (["zzzz"], "run is 'zzzz', which fits 0 runs"),
        (["--experiment", "throughput", "--format", "pdf"], "format is 'pdf'; choose from table, "),
        (["--experiment", "throughput", "--output", "x"], "output is 'x', but the format is table"),
        (["--experiment", "throughput", "--measure", "x"], "measure is 'x'; these runs have ove"),
        (["--experiment", "throughput", "--group-by", "x"], "group_by is 'x'; choose from kind, "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_compare_cannot_use_is_one_sentence(
    here: Store, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert len(err.splitlines()) == 1


def test_a_setting_rejects_grouping_by_what_is_none(made: Store) -> None:
    with pytest.raises(BadSetting, match="group_by is 'colour'"):
        of(made, "throughput", "colour")
