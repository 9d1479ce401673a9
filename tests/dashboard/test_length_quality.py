"""Quality by length: seeds pooled exactly, the trained range, samples as they are, attention."""

from __future__ import annotations

import math
from typing import Any

import pandas
import pytest
from streamlit.testing.v1 import AppTest

from core.analysis import groups
from core.analysis.comparison import compare_groups
from core.analysis.runs import finished_run
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.declaration import LengthQualitySummary, LengthRow
from core.measure.scoring import score_texts
from core.stats.estimates import MISSING, mean_estimate
from core.store.tracking import Store
from dashboard.charts import curves, heatmap, lines, theme
from dashboard.figures import base, leading
from dashboard.figures.base import Shown, read
from dashboard.figures.leading import leading as leading_leading
from dashboard.figures.lines import BySetting
from dashboard.ui.text import plain
from dashboard.views.results.score_files import SCORED
from tests.core.measure.invented import REFERENCES
from tests.core.measure.test_scoring import GOOD, POOR
from tests.dashboard import scenes
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import NASTY, record

PAGE = "views/results/length_quality.py"

MEASURE = "token_accuracy"


@pytest.fixture
def measured(store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs of an LSTM with these settings, read; those without attention have no map of it."""
    monkeypatch.setattr("dashboard.store.cache.dark", lambda: False)

    def shown(**settings: list[Any]) -> Shown:
        for config in LENGTH_QUALITY.configs(["lstm"], {"seeds": [1], **settings}):
            blind = config.flat()["attention"] == "none"
            record(store, LENGTH_QUALITY, config, "one", without=["attention"] if blind else [])
        return read(LENGTH_QUALITY, store.runs())

    return shown


def lengths(*lines: tuple[str, int, float]) -> pandas.DataFrame:
    """Rows of one length: label, seed, accuracy; each with an interval of its own."""
    made = [
        {
            "label": label,
            "length": 9,
            "seed": seed,
            MEASURE: value,
            f"{MEASURE}_low": value - 5,
            f"{MEASURE}_high": value + 7,
            "sentences": 60,
        }
        for label, seed, value in lines
    ]
    return pandas.DataFrame(made)


def pooled(rows: pandas.DataFrame, **options: Any) -> dict[str, dict[str, float]]:
    found = curves.estimate_bands(rows, ["label", "length"], MEASURE, ["sentences"], **options)
    return {line["label"]: line for line in found.to_dict("records")}  # type: ignore[misc]


def test_several_seeds_are_pooled_into_their_mean_and_t_interval() -> None:
    rows = lengths(("LSTM", 0, 50.0), ("LSTM", 1, 52.0), ("LSTM", 2, 57.0))
    exact = mean_estimate([50.0, 52.0, 57.0])
    found = pooled(rows)["LSTM"]
    assert (found["value"], found["n"], found["sentences"]) == (exact.value, 3, 180)
    assert (found["low"], found["high"]) == pytest.approx((exact.low, exact.high))


def test_a_single_seed_keeps_its_own_interval_beside_pooled_ones() -> None:
    found = pooled(lengths(("LSTM", 0, 50.0), ("LSTM", 1, 52.0), ("GRU", 0, 80.0)))
    assert (found["GRU"]["low"], found["GRU"]["high"], found["GRU"]["n"]) == (75.0, 87.0, 1)
    assert found["LSTM"]["n"] == 2


def test_an_interval_ends_at_what_is_possible() -> None:
    rows = lengths(("LSTM", 0, 10.0), ("LSTM", 1, 90.0), ("GRU", 0, 98.0))
    found = pooled(rows, bounds=(0.0, 100.0))
    assert (found["LSTM"]["low"], found["LSTM"]["high"]) == (0.0, 100.0)
    assert (found["GRU"]["low"], found["GRU"]["high"]) == (93.0, 100.0)


def test_results_are_pooled_by_label_and_a_repeated_seed_counts_once() -> None:
    """One row per label, with the estimates of the comparison that the answer is read from."""
    nothing = dict.fromkeys(LENGTH_QUALITY.summary.header())
    # Whole numbers: what is estimated over them is not one.
    lines = [("LSTM", 0, 1), ("LSTM", 0, 10), ("LSTM", 1, 14), ("GRU", 0, 20)]
    summaries = {
        f"run{index}": {
            **nothing,
            "label": label,
            "run_id": f"run{index}",
            "bleu": value,
            "bleu_low": value - 1,
            "bleu_high": value + 1,
            "bleu_n": 1500,
            "parameters": 100,
        }
        for index, (label, _, value) in enumerate(lines)
    }
    runs = {
        label: [
            finished_run(f"run{i}", LENGTH_QUALITY.name, {"seed": line[1]})
            for i, line in enumerate(lines)
            if line[0] == label
        ]
        for label in ("LSTM", "GRU")
    }
    comparison = compare_groups(
        LENGTH_QUALITY,
        [groups.Group(label, tuple(of_label)) for label, of_label in runs.items()],
        lambda run, name: pandas.DataFrame([summaries[run.run_id]]),
    )
    results = pandas.DataFrame(summaries.values())
    found = base.pooled_results(results, comparison).set_index("label")
    exact = mean_estimate([10.0, 14.0])
    lstm, gru = found.loc["LSTM"], found.loc["GRU"]
    assert (lstm["run_id"], lstm["bleu"], lstm["bleu_n"]) == ("run2", 12.0, 2)
    assert lstm["bleu_low"] == pytest.approx(exact.low)
    assert (gru["bleu_low"], gru["bleu_n"], gru["parameters"]) == (19.0, 1500, 100)


def test_the_trained_range_is_shaded_where_all_agree_on_it(measured: Any, show: Show) -> None:
    shown = measured(attention=["none", "dot"])
    rows = shown.rows("lengths")
    source, reference = rows[rows["by"] == "source"], rows[rows["by"] == "reference"]
    assert leading.trained_range(shown, source) == lines.ShadedRange(14.0, "trained up to 14 words")
    assert leading.trained_range(shown, reference) is None
    assert plain("Trained up to 14 words of source, tested up to 28") in texts(show(PAGE))
    several = measured(longest_trained=[10])
    assert leading.trained_range(several, source) is None
    assert plain("Trained up to 10 and 14 words") in texts(show(PAGE))


def test_a_shade_ends_where_it_says_and_within_the_figure() -> None:
    row = {c.name: c for c in LengthRow.columns()}
    bands = pandas.DataFrame(
        {"label": "LSTM", "length": [4, 28], "value": [90.0, 10.0], "low": math.nan}
    ).assign(high=math.nan, n=1)
    styles = theme.styles({"LSTM": "lstm"})
    for end, drawn in ((14, 14), (100, 28)):
        shaded = lines.ShadedRange(end, "trained")
        chart = lines.line_chart(
            bands, row["length"], row[MEASURE], styles, shaded=shaded
        ).to_dict()
        (made,) = (d for d in chart["datasets"].values() if d and "to" in d[0])
        assert made == [{"length": 4, "to": drawn, "text": "trained"}]


def test_one_seed_is_drawn_with_its_own_interval_and_its_sentences(measured: Any) -> None:
    shown = measured(attention=["none"])
    chart = leading_leading(LENGTH_QUALITY).preview(shown, intervals=True, height=200)
    drawn = chart.to_dict()
    area = next(la for la in drawn["layer"] if la.get("mark", {}).get("type") == "area")
    hover = next(la for la in drawn["layer"] if "tooltip" in la["encoding"])
    rows = shown.rows("lengths").query("by == 'source' and decoding == 'free'")
    ends = {(row["low"], row["high"]) for row in drawn["datasets"][area["data"]["name"]]}
    assert ends == {(max(0.0, rows[f"{MEASURE}_low"].iloc[0]), rows[f"{MEASURE}_high"].iloc[0])}
    titles = [line["title"] for line in hover["encoding"]["tooltip"]]
    assert titles[-3:] == ["95% interval", "Seeds", "Sentences"]


def test_a_label_says_what_its_attention_is(measured: Any) -> None:
    shown = measured(attention=["none", "dot"], clip=[None, 1.0])
    assert set(shown.labels.values()) == {
        f"LSTM · {looks_} attention · {clip}"
        for looks_ in ("no", "dot")
        for clip in ("no clipping", "clipping 1")
    }


def test_a_model_that_learned_nothing_is_told_and_has_no_length(
    measured: Any, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scenes._measures

    def nothing_without_attention(row: Any, at: Any, config: Any) -> dict[str, Any]:
        learned = row is not LengthQualitySummary or config.attention != "none"
        return {
            **made(row, at, config),
            **({} if learned else {"bottleneck": MISSING, "above_blind": MISSING}),
        }

    monkeypatch.setattr(scenes, "_measures", nothing_without_attention)
    measured(attention=["none", "dot"], seeds=[2])
    app = show(PAGE)
    assert not app.exception
    nothing = "In LSTM · no attention the shortest sentences are not clearly above a blind guess"
    assert plain(nothing) in texts(app)
    lengths = app.dataframe[-1].value.set_index("Variant")["Bottleneck length (words)"]
    assert lengths.isna().to_dict() == {"LSTM · no attention": True, "LSTM · dot attention": False}
    for figure in ("By variant", "By length"):
        app = show(PAGE, figure=figure)
        assert not app.exception
        assert app.get("vega_lite_chart")


def test_one_of_several_seeds_is_named_in_the_table(measured: Any, show: Show) -> None:
    measured(seeds=[2])
    table = show(PAGE).dataframe[-1].value
    assert list(table["Seed"]) == [0, 1]
    assert list(table["Variant"]) == ["LSTM", "LSTM"]


def test_samples_are_shown_as_they_are(measured: Any, show: Show) -> None:
    measured(attention=["none", "dot"])
    app = show(PAGE, figure="Samples")
    shown = [text.value for text in app.text if text.value == NASTY]
    assert len(shown) == 4, "source, reference and two outputs"


def test_attention_is_a_map_or_a_sentence(measured: Any, show: Show) -> None:
    shown = measured(attention=["none", "dot"])
    app = show(PAGE, figure="Attention")
    assert len(app.get("vega_lite_chart")) == 1
    assert "there is no map, because the decoder reads the encoder's last state" in texts(app)
    assert f"every step: {plain('LSTM · no attention')}." in texts(app)
    blind = next(run for run in shown.runs if run.settings["attention"] == "none")
    app = show(PAGE, figure="Attention", runs=[blind.run_id[:8]])
    assert not app.exception
    assert not app.get("vega_lite_chart")
    assert "there is no map" in texts(app)


def test_a_map_has_its_tokens_on_the_axes_and_one_scale() -> None:
    lines = [(1, 1, 0.75, "der", "the"), (1, 2, 0.25, "der", '"dog"'), (2, 2, 1.0, "end", '"dog"')]
    names = ["written", "read", "weight", "written_token", "read_token"]
    made = pandas.DataFrame(lines, columns=names)
    encoding = heatmap.attention_heatmap(made).to_dict()["encoding"]
    assert encoding["x"]["axis"]["labelExpr"] == r'["the", "\"dog\""][datum.value - 1]'
    assert encoding["y"]["axis"]["labelExpr"] == '["der", "end"][datum.value - 1]'
    assert encoding["color"]["scale"]["domain"] == [0, 1]
    assert heatmap.attention_in_words(made) == 'Highest attention: der on the; end on "dog".'


def test_capacity_needs_several_sizes_of_one_series(measured: Any, show: Show) -> None:
    figure = BySetting("Capacity", "hidden_size", base.measures("bottleneck"))
    assert not figure.available(measured(attention=["none", "dot"]))
    shown = measured(hidden_size=[16, 32])
    assert figure.available(shown)
    assert "Capacity" in [tab.label for tab in show(PAGE).tabs]
    app = show(PAGE, figure="Capacity")
    assert not app.exception
    assert app.get("vega_lite_chart")
    named = groups.labels(LENGTH_QUALITY, shown.runs, without=["hidden_size"])
    assert set(named.values()) == {"LSTM · no attention", "LSTM · dot attention"}


def test_while_nothing_is_judged_training_is_the_preview(measured: Any) -> None:
    from dashboard.views.active_runs import preview

    shown = measured(attention=["none"])
    chart = preview(LENGTH_QUALITY, shown.runs)
    assert "Token accuracy" in str(chart.to_dict())
    assert preview(LENGTH_QUALITY, []) is None


def test_files_are_scored_where_there_are_no_runs_yet(show: Show) -> None:
    """Uploads cannot be simulated here: the page shows what was scored, and offers files of it."""
    scored = score_texts({"good": GOOD, "poor": POOR}, REFERENCES)
    app = show(PAGE)
    assert "Score your own files" in [expander.label for expander in app.expander]
    app.session_state[SCORED] = scored
    app.run()
    assert not app.exception
    assert plain("Overall good is better than poor: BLEU (lowercased, 13a tokens)") in texts(app)
    tables = [frame.value for frame in app.dataframe]
    assert list(tables[0]["System"]) == ["good", "poor"]
    assert list(tables[1]["First is"]) == ["better", "better"]


def test_a_fault_in_an_upload_is_a_sentence() -> None:
    def upload() -> None:
        import io

        from dashboard.views.results.score_files import _score

        def file(name: str, content: bytes) -> io.BytesIO:
            made = io.BytesIO(content)
            made.name = name
            return made

        hypotheses, references = file("a.txt", b"a b\n"), file("r.txt", b"a b\nc\n")
        _score([hypotheses], references, None, 5, False, "auto")
        _score([], references, None, 5, False, "auto")

    app = AppTest.from_function(upload).run()
    assert not app.exception
    assert "but references has 2" in app.error[0].value
    assert "hypotheses is empty; upload" in app.error[1].value
