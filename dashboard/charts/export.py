"""Figures as files: `python -m dashboard.charts.export svg < chart.json`.

The renderer brings a whole JavaScript engine, which would double the dashboard's memory. So it runs
in its own process, which ends after the download. This file imports neither Altair nor Streamlit.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any, Literal

from core.store.folder import PROJECT

Form = Literal["svg", "png"]

TIMEOUT_SECONDS = 60

PNG_SCALE = 2.0
"""Pixels per point: sharp in print and on a dense screen."""


def render(specification: dict[str, Any], form: Form) -> io.BytesIO:
    """Render a Vega-Lite chart as a file. Raises `CalledProcessError` if it cannot be drawn."""
    done = subprocess.run(
        [sys.executable, "-m", "dashboard.charts.export", form],
        input=json.dumps(specification).encode(),
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    return io.BytesIO(done.stdout)


def _main() -> None:
    import vl_convert  # the JavaScript engine, in this process only

    specification = json.load(sys.stdin)
    if sys.argv[1] == "svg":
        content = vl_convert.vegalite_to_svg(specification).encode()
    else:
        content = vl_convert.vegalite_to_png(specification, scale=PNG_SCALE)
    sys.stdout.buffer.write(content)


if __name__ == "__main__":
    _main()
