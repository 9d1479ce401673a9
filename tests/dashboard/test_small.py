"""Charts on a card: no legend in the plot, and the same one in a line under it."""

from __future__ import annotations

from dashboard.charts import small
from dashboard.charts.frame import SUBTITLE_PIXELS, UNNAMED

ENCODING = {
    "color": {
        "field": "label",
        "scale": {"domain": ["RNN", "<bi-RNN>"], "range": ["#d8651f", "#d8651f"]},
        "legend": {"orient": "bottom"},
    },
    "strokeDash": {
        "field": "label",
        "scale": {"domain": ["RNN", "<bi-RNN>"], "range": [[1, 0], [5, 4]]},
        "legend": {"orient": "bottom"},
    },
}

SPEC = {
    "params": [{"name": "isolate", "select": "point", "bind": "legend"}],
    "layer": [{"mark": "line", "encoding": ENCODING}],
}


def test_a_small_chart_has_no_legend_and_nothing_is_bound_to_one() -> None:
    shown = small.without_legend(SPEC)
    assert shown["params"] == [{"name": "isolate", "select": "point"}]
    encoding = shown["layer"][0]["encoding"]
    assert {channel["legend"] for channel in encoding.values()} == {None}
    assert encoding["color"]["scale"] == ENCODING["color"]["scale"]


def test_a_small_chart_has_no_names_beside_its_curves_either() -> None:
    narrow = {"name": UNNAMED, "expr": "width < 200"}
    shown = small.compact({**SPEC, "params": [narrow]})
    assert shown["params"] == [{"name": UNNAMED, "expr": "true"}]
    assert narrow["expr"] == "width < 200"


def test_the_title_of_a_small_chart_begins_at_the_edge_of_the_card() -> None:
    title = {"text": "Input gradient", "frame": "group", "fontSize": 13}
    shown = small.compact({**SPEC, "title": title})
    assert shown["title"] == {**title, **small.CLOSE_TITLE}
    assert title["frame"] == "group"


def test_the_title_of_a_small_chart_is_one_line_and_its_plot_as_high_as_others() -> None:
    title = {"text": {"expr": "frame_row.v0"}, "subtitle": "Pass: forward", "fontSize": 13}
    shown = small.compact({**SPEC, "height": 150, "title": title})
    said = {"expr": "(frame_row.v0) + ' · ' + \"Pass: forward\""}
    assert shown["title"] == {"fontSize": 13, "text": said, **small.CLOSE_TITLE}
    assert shown["height"] == 150 - SUBTITLE_PIXELS
    assert title["subtitle"]


def test_the_line_under_it_has_every_name_colour_and_dash() -> None:
    line = small.key(SPEC)
    assert "&lt;bi-RNN&gt;" in line
    assert line.count("background:#d8651f") == 1
    assert line.count("gradient(90deg,#d8651f 0 4px,transparent 4px 6px)") == 1
