"""The successors of RNN, LSTM and GRU: a file each, and a line here."""

from __future__ import annotations

from core.models.layer import StepCell
from core.models.successors.delta import GatedDeltaNet
from core.models.successors.lru import LRU
from core.models.successors.m_lstm import MLSTM
from core.models.successors.min_gru import MinGRU
from core.models.successors.min_lstm import MinLSTM
from core.models.successors.s_lstm import SLSTM
from core.models.successors.selective import SelectiveSSM
from core.models.successors.sru import SRU
from core.models.successors.tcn import TCN
from core.models.successors.transformer import Transformer

STEP_CELLS: tuple[StepCell, ...] = (
    MinGRU(),
    MinLSTM(),
    LRU(),
    SelectiveSSM(),
    SLSTM(),
    MLSTM(),
    GatedDeltaNet(),
    SRU(),
    TCN(),
    Transformer(),
)
"""In the order in which tables and forms list them."""
