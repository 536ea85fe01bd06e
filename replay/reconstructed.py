"""What an imported record knows of its accounts, and within which bounds the rest must lie.

1. A balance is known where it was stated. An entry is known where it was stated and not guessed: of an opening position
   that no fill tells the entry of, and of a position that does not follow from the fill before it, it is a guess.
2. An account whose balance is not known was not being liquidated, so its equity was at least what was required of it,
   and at least one atom. That bounds the balance from below. Nothing bounds it from above.
3. The rulebook is the one that is asked for, or that of the venue which the record names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..events.bodies.inputs import BalanceStated, PositionStated
from ..events.bodies.run import Producer
from ..events.envelope import Event, Origin
from ..events.errors import QueryError
from ..events.ledger import Account, LedgerState
from ..handlers.registry import producer_of
from ..handlers.valuation import margin_of
from ..sim.rulebooks import rulebook, venues_with_positions
from .run import Run

__all__ = [
    "BALANCE_MOST",
    "KnownFigures",
    "Statements",
    "balance_least_atoms",
    "check_imported",
    "is_guess",
    "known_before",
    "rulebook_of",
]

BALANCE_MOST = 2**62
"""Stands for a balance without bound: no asset has so many atoms."""

_FILLS = "import of hyperliquid"


class KnownFigures(NamedTuple):
    """The accounts whose balance was stated, and the positions, (account, instrument), whose entry is a guess."""

    balances: frozenset[int]
    guessed: frozenset[tuple[int, int]]

    def has_entry(self, account: int, instrument: int) -> bool:
        """Whether the files tell what the account's position cost."""
        return (account, instrument) not in self.guessed


class Statements:
    """What was stated so far, event by event."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._balances, self._guessed = set[int](), set[tuple[int, int]]()
        self._known: KnownFigures | None = None

    def note(self, event: Event) -> None:
        """Take in an event; all are to be given, in order."""
        told = event.body
        if isinstance(told, BalanceStated):
            self._balances.add(told.account)
            self._known = None
        elif isinstance(told, PositionStated):
            key, self._known = (told.account, told.instrument), None
            (self._guessed.add if is_guess(self._run, event, told) else self._guessed.discard)(key)

    def known(self) -> KnownFigures:
        """What is known by now."""
        if self._known is None:
            self._known = KnownFigures(frozenset(self._balances), frozenset(self._guessed))
        return self._known


def known_before(run: Run, seq: int) -> KnownFigures:
    """What was stated before an event; reads every event before it."""
    statements = Statements(run)
    for event in run.events(0, seq):
        statements.note(event)
    return statements.known()


def is_guess(run: Run, event: Event, told: PositionStated) -> bool:
    """Whether the cost of a position is only what stands for it."""
    later = event.at_ns > run.start_ns and run.started.scenario == _FILLS
    return told.provenance is None or (later and event.origin is Origin.INFERRED)


def balance_least_atoms(account: Account, ledger: LedgerState) -> int:
    """The least balance that an account which is not being liquidated can have, by its positions at their marks.

    It may be below zero: a profit that is not realised yet counts as well.
    """
    margin = margin_of(account, ledger)
    return max(1, margin.requirement_atoms) - (margin.equity_atoms - account.balance_atoms)


def check_imported(run: Run, what: str) -> None:
    """Raise QueryError for a run whose decisions were made here; `what` is the command, for the message."""
    if not run.imported:
        message = (
            f"{run.path}: it was decided here and not taken in from a venue's files, and `{what}` is for those; "
            "`deleverage verify` executes its decisions again"
        )
        raise QueryError(message)


def rulebook_of(run: Run, asked: str | None) -> tuple[str, Mapping[str, object], Producer]:
    """The name of the rulebook, its tables, and who deleverages by it. Raises QueryError where there is none."""
    known, name = venues_with_positions(), (asked or run.started.rulebook).lower()
    if name not in known:
        why = f"there is no rulebook {asked!r}" if asked else f"{run.path}: no rulebook of {name!r} is here"
        message = f"{why}; choose one with --rulebook: {', '.join(known)}"
        raise QueryError(message)
    tables = rulebook(name)
    producer = producer_of("adl", tables["adl"], "$.adl")
    assert producer is not None, "a rulebook of a venue with positions says who deleverages"
    return name, tables, producer
