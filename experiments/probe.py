"""`python -m experiments.probe URL` tells by its exit status whether a server is well.

Containers run it every few seconds: it loads nothing that takes time.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

ANSWER_SECONDS = 3.0
"""A server that takes longer than this to say that it is well is not."""


def url_answers(url: str) -> bool:
    """Whether a server answers there with 200 or 204."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as reply:
            return reply.status in (200, 204)
    except (urllib.error.URLError, OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if url_answers(sys.argv[1]) else 1)
