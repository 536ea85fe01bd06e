"""What befell accounts: one, decision by decision, or all of whom something was forced in a span of a record.

Of one account (`befallen`), with the full answer for the gravest:

1. Listed is what was decided about the account itself: calls, answers, liquidations with their steps, takeovers,
   reductions, losses that it shared or left. What came from outside, timers, and what it was to others are left out.
2. With an instrument, events that name another are left out, and so are liquidations without a step in it.
3. In an import, listed are the liquidations, takeovers and reductions that the venue carried out: neither what was
   declared and stated, nor ordinary trades, nor reports of fills.
4. Gravest is the last reduction by auto-deleveraging, else the last liquidation, else the last share of another's loss,
   else the last call, else the last event of all. In an import a liquidation is its last fill or takeover, which the
   files state, rather than its start, which they do not.

Of all (`forced_in`):

5. Listed are traders of whom something was forced: a liquidation begun, a fill, a takeover, a reduction, a share of
   another's loss.
6. `gained` is what these events changed the equity of the account by, each at the marks of its moment: below zero for
   prices worse than the mark, fees, shares of losses; above zero for better prices, or where somebody else bore what
   it owed. What the market gave or took is none of it.
7. In an import nobody's equity is known, so that there `gained` is null.
8. `gravest_seq` is the event to ask about: the last reduction, else the last liquidation, else the last of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from ...events.bodies.liquidation import LiquidationFilled, LiquidationStarted, PositionTakenOver
from ...events.bodies.margin import CollateralAdded, MarginCalled, PositionReduced
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.bodies.waterfall import BalanceWrittenOff, DeleveragingStarted, LossSocialized, PositionDeleveraged
from ...events.envelope import Event, Origin
from ...events.ledger import Ledger
from ...events.ledger.postings import POSTINGS
from ...events.vocabulary import FORCED_TYPES, Body, accounts_named
from ...handlers.conversion import in_first
from ...handlers.valuation import is_marked, margin_of
from ...sim.figures import count
from ...sim.quantities import Quantity
from ...sim.units import format_time_ns
from ..run import Run
from .answer import Answer, Befallen
from .explain import explain_event
from .names import RunNames
from .page.blocks import Commands, Prose, Section, Table
from .story import step_of

__all__ = ["Forced", "ForcedAccount", "Order", "befallen", "befallen_with", "forced_in", "forced_sections"]

_GRAVE: tuple[type[Body], ...] = (PositionDeleveraged, LiquidationStarted, LossSocialized, MarginCalled)
_GRAVE_IMPORTED: tuple[type[Body], ...] = (
    PositionDeleveraged,
    DeleveragingStarted,
    PositionTakenOver,
    LiquidationFilled,
)

Order = Literal["time", "loss"]

_TAKING: frozenset[type[Body]] = (frozenset(POSTINGS) | FORCED_TYPES) - {CollateralAdded, PositionReduced}
"""What can take something from an account: all postings but the answers to a margin call, which are a trader's own."""

_FORCED: tuple[type[Body], ...] = (PositionDeleveraged, LiquidationStarted, LossSocialized)


def befallen(
    run: Run,
    account: int | str,
    instrument: int | None = None,
    *,
    against: int | str | None = None,
    span: tuple[int, int] | None = None,
    whole: bool = False,
) -> Befallen:
    """What befell `account`, and why; `against` and `whole` as in `explain`, for the gravest.

    With a `span` of events (from the first up to but without the second) what happened outside it is left out. Costs
    the events that name the account (in an import those of what was forced of it), a state, and the answer. Raises
    QueryError for a number that is none.
    """
    account = run.directory.find_account(account)
    events, linked = _gathered(run, account, *(span or (0, run.count)))
    if instrument is not None:
        events = list(_in_instrument(events, instrument))
    ledger = run.at(seq=events[-1].seq) if events else run.at()
    gravest = _gravest(events, account)
    answer = None if gravest is None else explain_event(run, gravest.seq, against=against, whole=whole)
    names = RunNames(ledger)
    told = _told(run, account, events, linked, names, answer)
    return msgspec.structs.replace(
        told,
        instrument=None if instrument is None else names.instrument(instrument),
        between=None if span is None else (span[0], span[1] - 1),
    )


def befallen_with(run: Run, account: int, answer: Answer, names: RunNames) -> Befallen:
    """What befell an account in the whole record, where the answer for the gravest of it is at hand."""
    events, linked = _gathered(run, account, 0, run.count)
    return _told(run, account, events, linked, names, answer)


def _told(
    run: Run, account: int, events: list[Event], linked: dict[int, Event], names: RunNames, answer: Answer | None
) -> Befallen:
    return Befallen(
        account,
        names.account(account),
        None,
        None,
        tuple(step_of(run, event, names, linked) for event in events),
        tuple(e.seq for e in events if type(e.body) in _GRAVE and (answer is None or e.seq != answer.event.seq)),
        answer,
    )


def _gathered(run: Run, account: int, first_seq: int, stop_seq: int) -> tuple[list[Event], dict[int, Event]]:
    """The events about the account, and those that they link to, which are read while their blocks are at hand."""
    events, linked = list[Event](), dict[int, Event]()
    naming = run.events_forced(account) if run.imported else run.events_naming(account, first_seq, stop_seq)
    for event in naming:
        if first_seq <= event.seq < stop_seq and _is_about(event, account):
            events.append(event)
            linked.update((seq, run.event(seq)) for seq in event.links)
    return events, linked


def _is_about(event: Event, account: int) -> bool:
    """Whether an event that names the account decided something about it."""
    body = event.body
    if event.origin is Origin.INPUT or isinstance(body, TimerSet | TimerFired):
        return False
    if event.origin is not Origin.DECIDED and type(body) not in FORCED_TYPES:
        return False
    if isinstance(body, BalanceWrittenOff) and body.against == account:
        return True
    return account in (getattr(body, "account", None), getattr(body, "bankrupt", None))


def _in_instrument(events: Iterable[Event], instrument: int) -> Iterable[Event]:
    events = list(events)
    within = {_liquidation(event) for event in events if _instrument(event) == instrument}
    for event in events:
        named, liquidation_id = _instrument(event), _liquidation(event)
        if named == instrument or (named is None and (liquidation_id is None or liquidation_id in within)):
            yield event


def _instrument(event: Event) -> int | None:
    return getattr(event.body, "instrument", None)


def _liquidation(event: Event) -> int | None:
    return getattr(event.body, "liquidation_id", None)


def _gravest(events: list[Event], account: int) -> Event | None:
    """The event that is answered in full."""
    taken_in = any(event.origin is not Origin.DECIDED for event in events)
    for kind in _GRAVE_IMPORTED if taken_in else _GRAVE:
        for event in reversed(events):
            if type(event.body) is kind and getattr(event.body, "account", None) == account:
                return event
    return events[-1] if events else None


class ForcedAccount(msgspec.Struct, frozen=True):
    """One account: how often what was forced of it, when first, what it gained by it, and the event to ask about."""

    account: int
    name: str
    liquidations: int
    reductions: int
    first_seq: int
    first_at: str
    gravest_seq: int
    gained: Quantity | None


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
        if getattr(event.body, "account", None) != account or kind not in _FORCED:
            kind = None
        self.last[kind] = event.seq
        self.liquidations += kind is LiquidationStarted
        self.reductions += kind is PositionDeleveraged

    @property
    def gravest_seq(self) -> int:
        """The event that tells most."""
        return next(self.last[kind] for kind in (*_FORCED, None) if kind in self.last)


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
    if not is_marked(account, ledger):
        return account.balance_atoms
    return margin_of(account, ledger).equity_atoms


def _in_order(run: Run, ledger: Ledger, tallies: dict[int, _Tally], order: Order) -> tuple[ForcedAccount, ...]:
    names = RunNames(ledger)
    numbers = sorted(tallies, key=lambda number: (tallies[number].first.seq, number))
    if order == "loss" and not run.imported:
        numbers.sort(key=lambda one: in_first(ledger, ledger.accounts[one].asset, tallies[one].gained_atoms))
    return tuple(_account(number, tallies[number], names, known=not run.imported) for number in numbers)


def _account(number: int, tally: _Tally, names: RunNames, *, known: bool) -> ForcedAccount:
    return ForcedAccount(
        account=number,
        name=names.account(number),
        liquidations=tally.liquidations,
        reductions=tally.reductions,
        first_seq=tally.first.seq,
        first_at=format_time_ns(tally.first.at_ns),
        gravest_seq=tally.gravest_seq,
        gained=names.money_of(number, tally.gained_atoms) if known else None,
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
        rows.append((one.name, first, *counts, str(one.gained or "unknown"), str(one.gravest_seq)))
    return Table(("account", "first", "liq", "adl", "gained", "ask"), tuple(rows))
