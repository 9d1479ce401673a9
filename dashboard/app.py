"""Unroll's dashboard as a web server. Run: streamlit run dashboard/app.py

The pages are drawn by `script.py`; here is what stands before them: which host names and which
sign-in are accepted, the headers of every answer, and what other programs ask (`/healthz`,
`/metrics`, and the proxy before MLflow `/access/mlflow`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # Streamlit puts only this file's folder there
    sys.path.insert(0, str(HERE.parent))

# The system's allocator returns memory that Arrow's own would keep.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from dashboard import access, server  # noqa: E402

access.configure()
app = st.App(
    HERE / "script.py",
    secrets=access.secrets(),
    routes=server.ROUTES,
    middleware=[Middleware(server.Protection)],
    lifespan=server.lifespan,
    on_script_error=server.show_error_number,
)
