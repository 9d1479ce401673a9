"""Figures as files. Run as a process of its own: `python -m dashboard.export svg < chart.json`.

The renderer brings a whole JavaScript engine, which would double the dashboard's memory; as a
process it is gone again after the click.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any, Literal

from core.store_folder import PROJECT

Form = Literal["svg", "png"]
SECONDS = 60
SCALE = 2.0
"""Pixels per point of a PNG: sharp in print and on a dense screen."""


def rendered(specification: dict[str, Any], form: Form) -> io.BytesIO:
    """A Vega-Lite chart as a file's content. Raises `CalledProcessError` if it cannot be drawn."""
    done = subprocess.run(
        [sys.executable, "-m", "dashboard.export", form],
        input=json.dumps(specification).encode(),
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        timeout=SECONDS,
        check=True,
    )
    return io.BytesIO(done.stdout)


def _main() -> None:
    import vl_convert

    specification = json.load(sys.stdin)
    if sys.argv[1] == "svg":
        content = vl_convert.vegalite_to_svg(specification).encode()
    else:
        content = vl_convert.vegalite_to_png(specification, scale=SCALE)
    sys.stdout.buffer.write(content)


if __name__ == "__main__":
    _main()
