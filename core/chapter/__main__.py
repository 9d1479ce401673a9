"""`python -m core.chapter`: what the claims compute on the spot, as JSON on standard output."""

import json
import sys

from core.chapter import compute_all

if __name__ == "__main__":
    json.dump(compute_all(), sys.stdout)
