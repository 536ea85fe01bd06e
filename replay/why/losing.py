"""Whose loss a round closed, or whose equity fell short: an account, or a lot of the fund's, mark by mark.

It goes from the last solvent moment down to the decision.

1. A row is a mark of an instrument that it holds: the mark, the index under it, how far forced orders held it away from
   that, whose orders moved it since the row before, and the equity of the account (of a lot its profit) at that mark.
   Where a book makes the price, what moved it since the mark before is told in parts, exactly (`mark_moves.py`), and
   for the whole way from the first row to the last one in sums.
2. The first row is the last mark at which it was solvent. Of an account: the last before its call, or its liquidation,
   at which its equity covered the requirement times the level of that; of a lot: at which it stood at no loss against
   what the fund had paid.
3. Shown are the first row and the last, and of the others those that moved the equity most; `left_out` says how many
   are not.
4. The rows are gathered by a watch (`watching.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from ...events.bodies.margin import MarkPriced
from ...events.envelope import Event
from ...events.ledger import LedgerState, PositionKey
from ...handlers.valuation import bankruptcy_values, margin_of, profit_atoms
from ...sim.quantities import Quantity
from ...sim.units import format_time_ns
from .coins import ConvertedMove, SoldCoins, coins_sold, converted_moves
from .mark_moves import MarkStep, MovedMark, mark_step, moved_mark
from .names import RunNames
from .parts import Bankruptcy, Lot
from .watching import Watch, WatchedMark

__all__ = [
    "Losing",
    "LosingMark",
    "Mover",
    "bankruptcy_of",
    "losing_of",
    "lot_of",
]

_SHOWN = 10


class Mover(msgspec.Struct, frozen=True):
    """An account whose forced orders traded since the mark before, and how many."""

    account: int
    name: str
    orders: int


class LosingMark(msgspec.Struct, frozen=True):
    """One mark, and what the account or the lot was worth at it.

    `forced` is how far forced orders had moved it from the index, `smoothed` how far smoothing held it from there.
    `step` is what moved it since the mark before, where a book makes the price; None elsewhere, and where that mark
    lies before what was walked through.
    """

    seq: int
    at_ns: int
    at: str
    instrument: int
    name: str
    mark: Quantity
    index: Quantity
    forced: Quantity
    smoothed: Quantity
    moved_by: tuple[Mover, ...]
    step: MarkStep | None
    equity: Quantity


class Losing(msgspec.Struct, frozen=True):
    """The marks from the last solvent moment to the decision; `of_lot` where what is told is a lot of the fund's.

    `decided` is the equity, or the lot's profit, when it was decided: with what was forced after the last mark.
    `moved` is what moved each instrument's mark on the way, all marks between included, where a book makes the price.
    `converted` is what the prices of its collateral did between the first row and the decision, `sold` what sales of it
    did, `otherwise` what all else did; where it had no collateral in other assets there is none of these.
    """

    account: int
    name: str
    of_lot: bool
    marks: tuple[LosingMark, ...]
    left_out: int
    from_solvent: bool
    decided: Quantity
    moved: tuple[MovedMark, ...]
    converted: tuple[ConvertedMove, ...] = ()
    sold: tuple[SoldCoins, ...] = ()
    otherwise: Quantity | None = None


def losing_of(watch: Watch, decided: Quantity, names: RunNames, *, whole: bool = False) -> Losing | None:
    """The marks of what was watched, from the last solvent moment on, all where `whole`; None where there were none."""
    if not watch.marks:
        return None
    marks = watch.marks[watch.last_solvent or 0 :]
    shown = tuple(_mark(one, watch.account, names) for one in (marks if whole else _most_telling(marks)))
    solvent, of_lot = watch.last_solvent is not None, watch.key is not None
    ends = marks[0].event.seq, watch.stop_seq
    converted = tuple(converted_moves(watch.changes, *ends, watch.account, names))
    sold = tuple(coins_sold(watch.sales, *ends, watch.account, names))
    told_atoms = sum(one.gained.number for one in converted) + sum(one.gained.number for one in sold)
    changed_atoms = decided.number - marks[0].equity_atoms
    otherwise = names.money_of(watch.account, changed_atoms - told_atoms) if converted or sold else None
    return Losing(
        account=watch.account,
        name=names.account(watch.account),
        of_lot=of_lot,
        marks=shown,
        left_out=len(marks) - len(shown),
        from_solvent=solvent,
        decided=decided,
        moved=tuple(_moved(marks, names)),
        converted=converted,
        sold=sold,
        otherwise=otherwise,
    )


def _moved(marks: Sequence[WatchedMark], names: RunNames) -> Iterator[MovedMark]:
    """What moved the mark of each instrument from its first row to its last, as far back as the steps are known."""
    for instrument in sorted({_instrument(one.event) for one in marks}):
        rows = [one for one in marks if _instrument(one.event) == instrument]
        last = rows[-1].step
        steps = [] if last is None else last.known.steps(rows[0].event.seq, rows[-1].event.seq)
        if steps:
            yield moved_mark(steps, names)


def _instrument(mark: Event) -> int:
    assert isinstance(mark.body, MarkPriced)
    return mark.body.instrument


def _mark(marked: WatchedMark, account: int, names: RunNames) -> LosingMark:
    event, equity_atoms, movers, step = marked
    body = event.body
    assert isinstance(body, MarkPriced)
    return LosingMark(
        seq=event.seq,
        at_ns=event.at_ns,
        at=format_time_ns(event.at_ns),
        instrument=body.instrument,
        name=names.instrument(body.instrument),
        mark=names.price_of(body.instrument, body.mark_ticks),
        index=names.price_of(body.instrument, body.index_ticks),
        forced=names.price_of(body.instrument, body.impact_ticks),
        smoothed=names.price_of(body.instrument, body.mark_ticks - body.index_ticks - body.impact_ticks),
        moved_by=tuple(Mover(number, names.account(number), times) for number, times in movers.most_common()),
        step=None if step is None else mark_step(step, names),
        equity=names.money_of(account, equity_atoms),
    )


def _most_telling(marks: list[WatchedMark]) -> list[WatchedMark]:
    """The first, the last, and those between that moved the equity most, in their order."""
    if len(marks) <= _SHOWN:
        return marks
    moves = {later.event.seq: abs(later.equity_atoms - earlier.equity_atoms) for earlier, later in pairwise(marks)}
    greatest = sorted(moves, key=lambda seq: (-moves[seq], seq))[: _SHOWN - 2]
    kept = {marks[0].event.seq, marks[-1].event.seq, *greatest}
    return [mark for mark in marks if mark.event.seq in kept]


def bankruptcy_of(ledger: LedgerState, account: int, key: PositionKey, names: RunNames) -> Bankruptcy:
    """The figures of a bankrupt account's position where `ledger` stands."""
    owner, market = ledger.accounts[account], ledger.markets[key[0]]
    held, value_atoms = owner.positions[key], bankruptcy_values(owner, ledger)[key]
    equity_atoms = margin_of(owner, ledger).equity_atoms
    return Bankruptcy(
        instrument=key[0],
        name=names.instrument(key[0]),
        leg=key[1],
        size=names.size_of(key[0], held.size_lots),
        value=names.value_of(key[0], value_atoms),
        price=names.average_of(key[0], held.size_lots, value_atoms),
        mark=names.price_of(key[0], market.mark_ticks),
        equity=names.money_of(account, equity_atoms),
        missing=names.money_of(account, max(0, -equity_atoms)),
    )


def lot_of(ledger: LedgerState, fund: int, key: PositionKey, taken_seq: int | None, names: RunNames) -> Lot:
    """A lot of the fund's inventory where `ledger` stands."""
    market, held, instrument = ledger.markets[key[0]], ledger.accounts[fund].positions[key], key[0]
    worth_atoms = market.payoff.value_atoms(held.size_lots, market.mark_ticks)
    return Lot(
        instrument=instrument,
        name=names.instrument(instrument),
        taken_seq=taken_seq,
        size=names.size_of(instrument, held.size_lots),
        paid=names.value_of(instrument, held.cost_atoms),
        price=names.average_of(instrument, held.size_lots, held.cost_atoms),
        mark=names.price_of(instrument, market.mark_ticks),
        worth=names.value_of(instrument, worth_atoms),
        loss=names.money_of(fund, -profit_atoms(market, held)),
    )
