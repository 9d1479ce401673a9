"""Networks as dots: the size of their steps against what becomes of the whole product."""

from __future__ import annotations

from collections.abc import Mapping

import altair
import pandas

from dashboard.charts.frame import FIT, caption, figure_height, label_tooltip
from dashboard.charts.render import Chart, cached
from dashboard.charts.scales import decades, power_of_ten
from dashboard.charts.theme import NEUTRAL, Style

LEGEND_PIXELS = 18
"""Height of an entry of the legend; on a phone each is a line."""

STEP, PRODUCT = "singular_value", "log10_product"


@cached
def network_chart(networks: pandas.DataFrame, styles: Mapping[str, Style], height: int) -> Chart:
    """Draw a dot per network; `networks` has label, singular_value and log10_product.

    Above the level line the product explodes, below it vanishes.
    """
    low, high = float(networks[PRODUCT].min()), float(networks[PRODUCT].max())
    low, high = min(low, -1.0), max(high, 1.0)
    margin = 0.06 * (high - low)
    across = (min(0.9, float(networks[STEP].min())), max(1.1, float(networks[STEP].max())))
    x = altair.X(
        STEP,
        type="quantitative",
        title="Largest singular value of a step (geometric mean)",
        scale=altair.Scale(domain=list(across), nice=True),
        axis=altair.Axis(grid=False, tickCount={"expr": "max(3, width / 90)"}),
    )
    y = altair.Y(
        PRODUCT,
        type="quantitative",
        scale=altair.Scale(domain=[low - margin, high + margin], nice=False),
        axis=altair.Axis(
            title=None,
            values=decades(low, high, height // 48),
            labelExpr=power_of_ten("datum.value"),
        ),
    )
    labels = list(dict.fromkeys(networks["label"]))
    colours = altair.Scale(domain=labels, range=[styles[label].colour for label in labels])
    columns = {"expr": "max(1, floor(width / 200))"}
    legend = altair.Legend(title=None, orient="bottom", columns=columns, labelLimit=300)
    rule = altair.MarkDef(type="rule", strokeDash=[2, 3], color=NEUTRAL, strokeWidth=1.5)
    level = altair.Chart(pandas.DataFrame({PRODUCT: [0.0]}), mark=rule).encode(y=y)
    one = altair.Chart(pandas.DataFrame({STEP: [1.0]}), mark=rule).encode(x=x)
    dots = (
        altair.Chart(networks)
        .mark_circle(size=70, opacity=0.75)
        .encode(
            x=x,
            y=y,
            color=altair.Color("label", type="nominal", scale=colours, legend=legend),
            tooltip=[
                label_tooltip(),
                altair.Tooltip(STEP, title="Singular value", format=".3~g"),
                altair.Tooltip(PRODUCT, title="log₁₀ of the product", format=".3~g"),
            ],
        )
    )
    title = caption("Norm of the product of Jacobians (log scale)", "")
    height = figure_height(height, title) + LEGEND_PIXELS * len(labels)
    return altair.layer(level, one, dots).properties(height=height, autosize=FIT, title=title)
