"""What a recurrent network is made of: its cell, directions, size and initialisation.

Every experiment compares the same six *variants*; an `Architecture` is one of them at a given
width, depth and initialisation.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from core.formatting import listed
from core.models.own_cells import FULL_NAME, shown_digest
from core.models.registry import built_in_cells, cell_kind, cell_kinds, cells_with, is_cell
from core.settings import Settings, shown

MAX_HIDDEN_SIZE = 16_384
"""A plain RNN of this width has 268 million recurrent weights; more is a typing error."""


class Architecture(Settings):
    """One recurrent network, without its input size (which the task decides)."""

    cell: str = Field(
        "rnn",
        title="Cell",
        description="The equations of one time step.",
        json_schema_extra={"choices": list(built_in_cells())},
    )
    bidirectional: bool = Field(
        False,
        title="Bidirectional",
        description="A second set of weights reads the sequence from its end.",
    )
    hidden_size: int = Field(
        64,
        ge=1,
        le=MAX_HIDDEN_SIZE,
        title="Hidden size",
        description="Units in each direction's state.",
    )
    layers: int = Field(1, ge=1, le=8, title="Layers", description="Stacked recurrent layers.")
    nonlinearity: Literal["tanh", "relu"] = Field(
        "tanh",
        title="Nonlinearity",
        description="Of the plain RNN. LSTM and GRU always use tanh.",
        json_schema_extra={"cells": list(cells_with("nonlinearity"))},
    )
    initialisation: Literal["torch", "orthogonal", "identity"] = Field(
        "torch",
        title="Initialisation",
        description=(
            "Of the recurrent weights: PyTorch's default (uniform in ±1/√H), orthogonal, or the "
            "identity (with relu: the IRNN of Le et al. 2015)."
        ),
        json_schema_extra={"cells": list(cells_with("initialisation"))},
    )
    recurrent_gain: float = Field(
        1.0,
        ge=0.0,
        le=100.0,
        title="Recurrent gain",
        description="Factor on the recurrent weights after they are drawn.",
        json_schema_extra={"cells": list(cells_with("recurrent_gain"))},
    )
    forget_bias: float | None = Field(
        None,
        ge=-20.0,
        le=20.0,
        title="Forget bias",
        description=(
            "Sum of the LSTM's two forget-gate biases at the start; a larger value keeps more of "
            "the cell state. Default: as PyTorch draws it."
        ),
        json_schema_extra={"cells": list(cells_with("forget_bias"))},
    )
    update_bias: float | None = Field(
        None,
        ge=-20.0,
        le=20.0,
        title="Update bias",
        description=(
            "Sum of the GRU's two update-gate biases at the start; a larger value keeps more of "
            "the old state. Default: as PyTorch draws it."
        ),
        json_schema_extra={"cells": list(cells_with("update_bias"))},
    )

    @field_validator("cell")
    @classmethod
    def _cell_is_known(cls, cell: str) -> str:
        if not is_cell(cell) and FULL_NAME.fullmatch(cell):
            raise ValueError(
                f"cell is {shown(cell)}, whose file is not on this machine; add it with "
                "python -m experiments cells FILE"
            )
        if not is_cell(cell):
            raise ValueError(f"cell is {shown(cell)}; give {listed(list(cell_kinds()), 'or')}")
        return cell

    @model_validator(mode="after")
    def _settings_fit_the_cell(self) -> Self:
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value == field.default:
                continue
            cells = cells_with(name)
            if cells and self.cell not in cells:
                raise ValueError(
                    f"{name} is {value}, but cell {self.cell} has none; "
                    f"leave {name} out or choose cell {' or '.join(cells)}"
                )
        return self

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def variant(self) -> str:
        """The variant's name on the command line: `bi-lstm`."""
        return ("bi-" if self.bidirectional else "") + self.cell

    @property
    def label(self) -> str:
        """The name that people read, with every setting that is not the default: `bi-LSTM 64`."""
        return " · ".join([f"{variant_title(self.variant)} {self.hidden_size}", *self._details()])

    @property
    def kind(self) -> str:
        """The label without the width: `LSTM · forget bias 1`."""
        return " · ".join([variant_title(self.variant), *self._details()])

    def _details(self) -> list[str]:
        """Every setting but the variant and the width, where it is not the default."""
        fields = type(self).model_fields
        parts = [f"{self.layers} layers"] if self.layers > 1 else []
        choices = (self.nonlinearity, self.initialisation)
        parts += [choice for choice in choices if choice not in ("tanh", "torch")]
        if self.recurrent_gain != 1.0:
            parts.append(f"gain {self.recurrent_gain:g}")
        biases = {"forget_bias": self.forget_bias, "update_bias": self.update_bias}
        parts += [f"{fields[n].title} {v:g}".lower() for n, v in biases.items() if v is not None]
        return parts


def variant_title(variant: str) -> str:
    """`bi-lstm` → `bi-LSTM`, as headings, legends and run names write it."""
    cell = variant.removeprefix("bi-")
    if is_cell(cell):
        title = cell_kind(cell).title
    elif digest := shown_digest(cell):  # of a file that is not on this machine
        title = f"{cell.partition('@')[0]} ({digest})"
    else:
        title = cell or "unknown cell"
    return f"bi-{title}" if cell != variant else title
