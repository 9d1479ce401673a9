"""What are the columns of a scorecard? Architectures whatever their width."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from core.architecture import VARIANTS, Architecture
from core.settings import BadSetting, Value, settings_of

WIDTH = "hidden_size"
_SETTINGS = tuple(s for s in settings_of(Architecture) if s.name != WIDTH)
PLAIN: Mapping[str, Architecture] = {
    architecture.kind: architecture
    for architecture in (Architecture.from_flat(kind) for kind in VARIANTS.values())
}
"""The six variants at their default initialisation, by kind."""


def kind_of(settings: Mapping[str, Any]) -> Architecture | None:
    """Of a run's flat settings, at the default width: equal for runs of one column.

    None for a run that this version of Unroll no longer understands.
    """
    return _kind(tuple(settings.get(setting.name, setting.default) for setting in _SETTINGS))


@functools.lru_cache(maxsize=4096)
def _kind(values: tuple[Value, ...]) -> Architecture | None:
    names = (setting.name for setting in _SETTINGS)
    try:
        return Architecture.from_flat(dict(zip(names, values, strict=True)))
    except BadSetting:
        return None
