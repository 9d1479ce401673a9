"""Which variant, at what price, how sure are we? Every question's headline measures side by side.

    card = scorecard(records, kinds, Terms(hidden_size=64), table)

- `Record`: a finished run, its settings and where it was measured; `table(run_id, name)` reads what
  it recorded, of the runs that were chosen only.
- *kind*: an architecture whatever its width, `LSTM · forget bias 1`: one column.
- `Terms`: at equal width, or at equal parameters.
- `Basis`: the other settings that all runs of one question share.
"""

from core.scorecard.basis import Basis, Record
from core.scorecard.card import Line, Question, Scorecard, scorecard
from core.scorecard.kinds import PLAIN, kind_of
from core.scorecard.terms import Terms

__all__ = [
    "PLAIN",
    "Basis",
    "Line",
    "Question",
    "Record",
    "Scorecard",
    "Terms",
    "kind_of",
    "scorecard",
]
