"""Whether auto-deleveraging is on because of a drawdown: what the fund's rule notes, and others go by.

A drawdown is of a whole fund, or of one instrument of a fund. It is noted as (1, what of it lies beyond what the rule
allows) while it is on, and as (0, 0) when it is over.
"""

from __future__ import annotations

from ..events.bodies.venue import HandlerStateNoted
from ..events.ledger import LedgerState

__all__ = ["OVER", "SLOT", "Standing", "beyond_atoms", "drawdown_noted", "is_on", "noted_standing"]

SLOT = "insurance_fund"

Standing = tuple[int, int]
"""Whether it is on, 1 or 0, and the atoms beyond what the rule allows."""

OVER: Standing = (0, 0)


def noted_standing(subject: str, ledger: LedgerState) -> Standing:
    """What was noted last of a subject, "fund 2" or "instrument 0"."""
    noted = ledger.notes.get((SLOT, _key(subject)))
    return OVER if noted is None else (noted[0], noted[1])


def drawdown_noted(subject: str, standing: Standing) -> HandlerStateNoted:
    """The note of how it stands."""
    return HandlerStateNoted(SLOT, _key(subject), standing)


def is_on(instrument: int, ledger: LedgerState) -> bool:
    """Whether a drawdown of the instrument, or of the fund behind it, is on."""
    return any(on for on, _ in _both(instrument, ledger))


def beyond_atoms(instrument: int, ledger: LedgerState) -> int:
    """How much of a drawdown that is on lies beyond what the rule allows; the greater of the two."""
    return max(atoms for _, atoms in _both(instrument, ledger))


def _both(instrument: int, ledger: LedgerState) -> tuple[Standing, Standing]:
    subjects = f"instrument {instrument}", f"fund {ledger.fund_of(instrument)}"
    return noted_standing(subjects[0], ledger), noted_standing(subjects[1], ledger)


def _key(subject: str) -> str:
    return f"drawdown of {subject}"
