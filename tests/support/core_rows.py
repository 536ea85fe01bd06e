"""Made-up reductions in a row, of a venue of every kind, folded and looked at with the C core and without."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

from deleverage.core import native
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import DecidedRow, Event, Origin
from deleverage.events.errors import LedgerError
from deleverage.events.ledger import Account, Ledger, Liquidation, Position
from deleverage.events.ledger.market import Market
from deleverage.handlers.columns import RankingColumns, Unfit
from deleverage.handlers.margin_monitor import MarginMonitor

from .core_cases import _armed, _clamped, _ledger, some_number
from .made import made
from .venue import FUND, LIQUIDITY, Book, listed

__all__ = ["check_columns", "check_folds", "check_reduced", "some_venue"]

_TRADERS = 8
_LIQUIDATIONS = (1, 2)


def some_venue(random: Random, bits_most: int) -> Ledger:
    """Traders, of whom the last is bankrupt, and a fund with lots of two liquidations that are over."""
    ledger = Book(*(listed(number) for number in range(3))).ledger
    for market in ledger.markets:
        market.mark_ticks = 1 + random.getrandbits(random.randint(1, bits_most // 2))
        market.cumulative_funding_nanoatoms = some_number(random, bits_most) if random.random() < 0.5 else 0
    for number in range(4, 4 + _TRADERS):
        trader = Account(number, "user", "cross", 0, None, None, some_number(random, bits_most), {})
        trader.status = random.choice(("healthy", "called", "liquidating")) if random.random() < 0.3 else "healthy"
        for instrument in random.sample(range(3), random.randint(0, 3)):
            trader.positions[instrument, 0] = _some_position(random, bits_most)
        ledger.accounts.append(trader)
    ledger.accounts[-1].status, ledger.accounts[-1].liquidation_id = "bankrupt", 3
    ledger.accounts[-1].positions[0, 0] = _some_position(random, bits_most)
    ledger.liquidations[3] = Liquidation(3, ledger.accounts[-1].account, 0)
    for number in _LIQUIDATIONS:
        lots, sold = _some_position(random, bits_most), random.choice((0, 0, some_number(random, 6)))
        ledger.accounts[FUND].positions[0, number] = lots
        ledger.liquidations[number] = Liquidation(number, 4, 0, ended=random.random() < 0.7)
        ledger.liquidations[number].taken_lots = {0: lots.size_lots + sold}
        ledger.liquidations[number].sold_lots = {0: sold} if sold else {}
    return ledger


def _some_position(random: Random, bits_most: int) -> Position:
    funding = some_number(random, bits_most) if random.random() < 0.3 else 0
    return Position(some_number(random, bits_most // 2) or 1, some_number(random, bits_most), funding)


def _some_row(random: Random, ledger: Ledger, bits_most: int) -> DecidedRow:
    """Against one lot or position, closed in parts by whoever holds the other side; some are otherwise."""
    against, leg = random.choice(((FUND, 1), (FUND, 2), (ledger.accounts[-1].account, 0), (LIQUIDITY, 0)))
    giver, wild = ledger.accounts[against].positions.get((0, leg)), random.random() < 0.4
    side = random.choice((1, -1)) if giver is None else giver.size_lots
    held = {number: ledger.accounts[number].positions.get((0, 0)) for number in range(4, 3 + _TRADERS)}
    others = [number for number, one in held.items() if wild or (one is not None and one.size_lots * side < 0)]
    row = DecidedRow()
    for number in random.choices(others, k=random.randint(1, 9)) if others else ():
        most = min(abs(one.size_lots) for one in (held[number], giver) if one is not None) if not wild else abs(side)
        lots = random.randint(0 if wild else 1, most // random.choice((1, 4, 9)) + 1) * (1 if side > 0 else -1)
        is_odd = wild and random.random() < 0.3
        body = made(
            PositionDeleveraged,
            round=1,
            liquidation_id=leg or 3,
            against=FUND if is_odd else against,
            against_leg=random.choice(_LIQUIDATIONS) if is_odd else leg,
            account=number,
            instrument=int(is_odd and random.random() < 0.2),
            size_lots=lots,
            value_atoms=some_number(random, bits_most),
        )
        at_ns = ledger.at_ns + (wild and random.random() < 0.05)
        row.append(Event(ledger.seq + len(row), at_ns, Origin.DECIDED, 0, (), None, body))
    return row


def check_folds(random: Random, ledger: Ledger, bits_most: int) -> int:
    """A row folded at once, and one by one: the same state, or the same refusal in the same state. How long it was."""
    row, plain = _some_row(random, ledger, bits_most), deepcopy(ledger)
    refusals: list[str] = []
    for folded in (ledger, plain):
        try:
            if folded is ledger:
                folded.fold_row(row)
            for event in row if folded is plain else ():
                folded.fold(event)
        except LedgerError as error:
            refusals.append(str(error))
    assert len(refusals) in (0, 2)
    assert refusals[:1] == refusals[1:]
    assert (ledger.seq, ledger.liquidations) == (plain.seq, plain.liquidations)
    assert (ledger.accounts, ledger.markets, ledger.held_before) == (plain.accounts, plain.markets, plain.held_before)
    return len(row)


def check_columns(random: Random, ledger: Ledger) -> bool:
    """The columns of a ranking from rows that C has filled, and from accounts: the same, or none."""
    touched = random.sample(range(len(ledger.accounts)), random.randint(0, len(ledger.accounts)))
    found = []
    for core in (native, None):
        with patch("deleverage.handlers.columns.native", core):
            try:
                columns = RankingColumns(ledger)
                columns.touched.update(touched)
                columns.refresh(ledger)
            except Unfit:
                found.append(None)
                continue
        arrays = (columns._can, columns._liquidating, columns._balance, columns._held)
        found.append([array.tolist() for array in arrays])
    assert found[0] == found[1]
    return found[0] is not None


def check_reduced(random: Random, accounts: list[Account], markets: list[Market], monitors: list[MarginMonitor]) -> int:
    """What a row of reductions leaves in need of a look, and what stays armed, with C and without. How many do not."""
    ledger, row = _ledger(markets, accounts), DecidedRow()
    for account in accounts:
        if not account.positions or random.random() < 0.2:
            continue
        (instrument, leg), held = random.choice(list(account.positions.items()))
        lots = -held.size_lots if random.random() < 0.3 else -(held.size_lots * random.randint(0, 12) // 10)
        value = lots * markets[instrument].mark_ticks + some_number(random, 20)
        body = {
            "account": account.account,
            "instrument": instrument,
            "leg": leg,
            "size_lots": lots,
            "value_atoms": value,
        }
        row.append(SimpleNamespace(body=made(PositionDeleveraged, against=accounts[0].account, **body)))  # type: ignore[arg-type]
        held.size_lots += lots
        account.balance_atoms += random.choice((0, -value, abs(value)))
        if not held.size_lots:
            del account.positions[instrument, leg]
    if not row:
        return 0
    for monitor in monitors:
        monitor.observe_all(row, ledger)
    core, plain = monitors
    assert core.due == plain.due
    for account in accounts:
        assert _armed(core.index, account.account, markets) == _clamped(_armed(plain.index, account.account, markets))
    spared = len(row) - len(core.due)
    core.due.clear()
    plain.due.clear()
    return spared
