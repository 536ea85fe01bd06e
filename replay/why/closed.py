"""What a round closed, in figures: a bankrupt account's position, or a lot of the fund's inventory."""

from __future__ import annotations

from collections.abc import Iterator

from ...events.bodies.margin import MarkPriced
from ...events.envelope import Event
from ...events.ledger import LedgerState, PositionKey
from ...handlers.valuation import bankruptcy_values, margin_of, profit_atoms
from ..run import Run
from .names import Names
from .parts import Bankruptcy, Lot

__all__ = ["backwards", "bankruptcy_of", "lot_of", "mark_before"]

_NEAR = 1 << 12
_READ = 1 << 8


def bankruptcy_of(ledger: LedgerState, account: int, key: PositionKey, names: Names) -> Bankruptcy:
    """The figures of a bankrupt account's position where `ledger` stands."""
    owner, market = ledger.accounts[account], ledger.markets[key[0]]
    held, value_atoms = owner.positions[key], bankruptcy_values(owner, ledger)[key]
    equity_atoms = margin_of(owner, ledger.markets).equity_atoms
    missing_atoms, price_ticks = max(0, -equity_atoms), market.payoff.price_ticks(held.size_lots, value_atoms)
    return Bankruptcy(
        key[0],
        names.instrument(key[0]),
        key[1],
        held.size_lots,
        names.units(key[0], held.size_lots),
        value_atoms,
        names.value(key[0], value_atoms),
        price_ticks,
        names.average(key[0], held.size_lots, value_atoms),
        market.mark_ticks,
        names.price(key[0], market.mark_ticks),
        equity_atoms,
        names.money(account, equity_atoms),
        missing_atoms,
        names.money(account, missing_atoms),
    )


def lot_of(ledger: LedgerState, fund: int, key: PositionKey, taken_seq: int | None, names: Names) -> Lot:
    """A lot of the fund's inventory where `ledger` stands."""
    market, held, instrument = ledger.markets[key[0]], ledger.accounts[fund].positions[key], key[0]
    price_ticks = market.payoff.price_ticks(held.size_lots, held.cost_atoms)
    worth_atoms = market.payoff.value_atoms(held.size_lots, market.mark_ticks)
    loss_atoms = -profit_atoms(market, held)
    return Lot(
        instrument,
        names.instrument(instrument),
        taken_seq,
        held.size_lots,
        names.units(instrument, held.size_lots),
        held.cost_atoms,
        names.value(instrument, held.cost_atoms),
        price_ticks,
        names.average(instrument, held.size_lots, held.cost_atoms),
        market.mark_ticks,
        names.price(instrument, market.mark_ticks),
        worth_atoms,
        names.value(instrument, worth_atoms),
        loss_atoms,
        names.money(fund, loss_atoms),
    )


def mark_before(run: Run, instrument: int, seq: int) -> Event | None:
    """The event that made the mark which held before event `seq`; None where there was none.

    Looked for among the last events; where a mark has held for longer, the state tells since when. So it costs a state
    at most, however long ago that was.
    """
    near_seq = max(seq - _NEAR, 0)
    found = _last_mark(run, instrument, near_seq, seq)
    if found is not None or not near_seq:
        return found
    markets = run.before(near_seq).markets
    if instrument >= len(markets) or markets[instrument].marked is None:
        return None
    at_ns = markets[instrument].marked_at_ns
    return _last_mark(run, instrument, run.first_at(at_ns), min(run.first_at(at_ns + 1), near_seq))


def _last_mark(run: Run, instrument: int, first_seq: int, stop_seq: int) -> Event | None:
    for event in backwards(run, first_seq, stop_seq):
        if isinstance(event.body, MarkPriced) and event.body.instrument == instrument:
            return event
    return None


def backwards(run: Run, first_seq: int, stop_seq: int) -> Iterator[Event]:
    """The events of a span, the last one first, read a few hundred at a time."""
    while first_seq < stop_seq:
        begin_seq = max(first_seq, stop_seq - _READ)
        yield from reversed(list(run.events(begin_seq, stop_seq)))
        stop_seq = begin_seq
