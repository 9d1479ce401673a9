"""Weights and states that `torch.save` wrote, read back without executing anything.

What is read may come from a store that others can write to. Only tensors and plain values are
unpickled (`weights_only`), and nothing unfolds into more memory than the file takes on disk.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import torch

MAX_MODEL_BYTES = 512 * 2**20
"""Of a model that a page loads: 130 million weights. A page holds several."""


class BadWeights(ValueError):
    """A file that holds no weights, or damaged ones."""


def load_state(content: bytes, device: torch.device | str = "cpu") -> dict[str, Any]:
    """The state that was saved. Raises `BadWeights` with the reason."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
        # torch stores what it writes as it is; what is compressed, or shared, was made to unfold.
        unfolds = any(member.compress_type != zipfile.ZIP_STORED for member in members)
        if unfolds or sum(member.file_size for member in members) > len(content):
            raise BadWeights("its parts are larger than the file")
        state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except BadWeights:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise BadWeights(reason) from error
    if not isinstance(state, dict):
        raise BadWeights("it holds no named weights")
    return state
