"""Who was liquidated or deleveraged in a span of a record, and what that did to their equity.

1. Listed are traders of whom something was forced: a liquidation begun, a fill, a takeover, a reduction, a share of
   another's loss.
2. `gained` is what these events changed the equity of the account by, each at the marks of its moment: below zero for
   prices worse than the mark, fees, shares of losses; above zero for better prices, or where somebody else bore what
   it owed. What the market gave or took is none of it.
3. In an import nobody's equity is known, so that there `gained` is null.
4. `gravest_seq` is the event to ask about: the last reduction, else the last liquidation, else the last of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from ...events.bodies.liquidation import LiquidationStarted
from ...events.bodies.margin import CollateralAdded, PositionReduced
from ...events.bodies.waterfall import LossSocialized, PositionDeleveraged
from ...events.envelope import Event, Origin
from ...events.ledger import Ledger
from ...events.ledger.postings import POSTINGS
from ...events.vocabulary import FORCED_TYPES, Body, accounts_named
from ...handlers.valuation import margin_of
from ...sim.figures import count
from ...sim.units import format_time_ns
from ..run import Run
from ..state.queues import is_marked
from .blocks import Commands, Prose, Section, Table
from .names import Names

__all__ = ["Forced", "ForcedAccount", "Order", "forced_in", "forced_sections"]

Order = Literal["time", "loss"]

_TAKING: frozenset[type[Body]] = (frozenset(POSTINGS) | FORCED_TYPES) - {CollateralAdded, PositionReduced}
"""What can take something from an account: all postings but the answers to a margin call, which are a trader's own."""

_GRAVE: tuple[type[Body], ...] = (PositionDeleveraged, LiquidationStarted, LossSocialized)


class ForcedAccount(msgspec.Struct, frozen=True):
    """One account: how often what was forced of it, when first, what it gained by it, and the event to ask about."""

    account: int
    name: str
    liquidations: int
    reductions: int
    first_seq: int
    first_at: str
    gravest_seq: int
    gained_atoms: int | None
    gained: str | None


class Forced(msgspec.Struct, frozen=True):
    """A span of a record, its last event included, and the accounts, in the order asked for."""

    from_seq: int
    to_seq: int
    order: Order
    accounts: tuple[ForcedAccount, ...]


@dataclass(slots=True)
class _Tally:
    """What is counted of one account while the events pass; of each grave kind the last event."""

    first: Event
    liquidations: int = 0
    reductions: int = 0
    gained_atoms: int = 0
    last: dict[type[Body] | None, int] = field(default_factory=dict)

    def note(self, event: Event, account: int) -> None:
        """Count an event that names the account."""
        kind: type[Body] | None = type(event.body)
        if getattr(event.body, "account", None) != account or kind not in _GRAVE:
            kind = None
        self.last[kind] = event.seq
        self.liquidations += kind is LiquidationStarted
        self.reductions += kind is PositionDeleveraged

    @property
    def gravest_seq(self) -> int:
        """The event that tells most."""
        return next(self.last[kind] for kind in (*_GRAVE, None) if kind in self.last)


def forced_in(run: Run, first_seq: int = 0, stop_seq: int | None = None, *, order: Order = "time") -> Forced:
    """Who was forced in the events from `first_seq` up to but without `stop_seq`, in order of time or greatest loss.

    Costs the nearest kept state before it and one fold of the span, some 10 us an event.
    """
    stop_seq = run.count if stop_seq is None else stop_seq
    ledger, tallies = run.before(first_seq), dict[int, _Tally]()
    for event in run.events(first_seq, stop_seq):
        if event.origin is Origin.INPUT or type(event.body) not in _TAKING:
            ledger.fold(event)
            continue
        traders = _traders(ledger, accounts_named(event.body))
        before = {number: _equity_atoms(ledger, number) for number in traders}
        ledger.fold(event)
        for number in traders:
            if number not in tallies and type(event.body) not in FORCED_TYPES | {LossSocialized}:
                continue
            tally = tallies.setdefault(number, _Tally(event))
            tally.note(event, number)
            tally.gained_atoms += _equity_atoms(ledger, number) - before[number]
    return Forced(first_seq, stop_seq - 1, order, _in_order(run, ledger, tallies, order))


def _traders(ledger: Ledger, accounts: Iterable[int]) -> list[int]:
    return sorted({number for number in accounts if ledger.accounts[number].kind == "user"})


def _equity_atoms(ledger: Ledger, number: int) -> int:
    """The equity at the marks, the balance alone where there is none yet."""
    account = ledger.accounts[number]
    if not is_marked(ledger, account):
        return account.balance_atoms
    return margin_of(account, ledger.markets).equity_atoms


def _in_order(run: Run, ledger: Ledger, tallies: dict[int, _Tally], order: Order) -> tuple[ForcedAccount, ...]:
    names = Names(ledger)
    numbers = sorted(tallies, key=lambda number: (tallies[number].first.seq, number))
    if order == "loss" and not run.imported:
        numbers.sort(key=lambda number: tallies[number].gained_atoms)
    return tuple(_account(number, tallies[number], names, known=not run.imported) for number in numbers)


def _account(number: int, tally: _Tally, names: Names, *, known: bool) -> ForcedAccount:
    return ForcedAccount(
        number,
        names.account(number),
        tally.liquidations,
        tally.reductions,
        tally.first.seq,
        format_time_ns(tally.first.at_ns),
        tally.gravest_seq,
        tally.gained_atoms if known else None,
        names.money(number, tally.gained_atoms) if known else None,
    )


def forced_sections(found: Forced, record: str, shown: int | None) -> Iterator[Section]:
    """A listing of whom something was forced of, `shown` of them, and how to ask about one."""
    span = f"events {found.from_seq} to {found.to_seq}"
    if not found.accounts:
        yield Section("", (Prose(f"Nobody was liquidated or deleveraged in {span}."),))
        return
    listed = found.accounts[:shown]
    order = "in order of time" if found.order == "time" else "who lost most first"
    left = "" if len(listed) == len(found.accounts) else f"; {len(listed)} of them are shown, --all shows all"
    yield Section("", (Prose(f"{count(len(found.accounts), 'account')} in {span}, {order}{left}."), _forced(listed)))
    told = (
        "liq and adl count liquidations and reductions by auto-deleveraging. Gained is what the forced trades changed "
        "its equity by, each at the marks of its moment: a loss for prices worse than the mark, fees and shares of "
        "others' losses. What the market gave or took is none of it. Ask is the event to ask about."
    )
    asked = Commands((f"deleverage why {record} {listed[0].gravest_seq}",))
    yield Section("To ask about one", (Prose(told), asked))


def _forced(listed: Sequence[ForcedAccount]) -> Table:
    rows = []
    for one in listed:
        first = one.first_at.partition("T")[2].removesuffix("Z")
        counts = f"{one.liquidations:,}", f"{one.reductions:,}"
        rows.append((one.name, first, *counts, one.gained or "unknown", str(one.gravest_seq)))
    return Table(("account", "first", "liq", "adl", "gained", "ask"), tuple(rows))
