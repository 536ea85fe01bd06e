"""What a round of a table becomes in the record; the rules are in `importer.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import BalanceStated, FillReported, PositionStated
from ....events.bodies.liquidation import BankruptcyDeclared, LiquidationEnded, LiquidationStarted
from ....events.bodies.listing import Tier
from ....events.bodies.margin import MarkPriced
from ....events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ....handlers.valuation import profit_atoms
from ..session import Session
from .rows import NS_A_MS, TableRow, plain
from .scales import Cash, TableScales

__all__ = ["OTHER_POSITIONS", "Book"]

OTHER_POSITIONS = "other positions"
"""The instrument that stands in for what an account holds besides: as many units as it has gained there, at a mark of 1
and a cost of nothing, with no requirement of its own."""

_ASSET = "USDC"
_TIERS = (Tier(0, 50_000, 0),)
_REASON = "the table names it as the account that was liquidated"


class Book:
    """Numbers of what a table names, and one round after the other."""

    def __init__(
        self, session: Session, rows: Sequence[TableRow], marks: Mapping[str, Decimal], scales: TableScales
    ) -> None:
        self._session, self._marks, self._scales = session, marks, scales
        self._asset = session.asset(_ASSET, scales.decimals)
        self._coins = {coin: self._listed(coin) for coin in dict.fromkeys(row.coin for row in rows)}
        self._others = session.instrument(
            OTHER_POSITIONS,
            self._asset,
            tick_size="1",
            lot_size=_step(scales.decimals),
            multiplier_atoms=1,
            tiers=(Tier(0, 0, 0),),
        )
        names = dict.fromkeys(name for row in rows for name in (row.user, row.liquidated))
        self._accounts = {name: session.account(name, self._asset) for name in names}
        self._round = 0
        self._cash = Cash(session.faults)
        session.inferred(MarkPriced(self._others, 1, 0, 1))

    def _listed(self, coin: str) -> int:
        return self._session.instrument(
            coin,
            self._asset,
            tick_size=_step(self._scales.ticks[coin]),
            lot_size=_step(self._scales.lots[coin]),
            multiplier_atoms=self._scales.multiplier_atoms(coin),
            tiers=_TIERS,
        )

    def take(self, rows: Sequence[TableRow]) -> None:
        """One round: the state before it, its beginning, its reductions, its end."""
        self._session.move_to(rows[0].time_ms * NS_A_MS)
        self._mark(rows[0])
        for row in {row.user: row for row in reversed(rows)}.values():
            self._state(row)
        started = self._begin(rows)
        taken = set[str]()
        for rank, row in enumerate(rows, 1):
            if row.user in taken:
                self._state(row)
            taken.add(row.user)
            self._reduce(row, rank, started)
        self._end(started)

    def _begin(self, rows: Sequence[TableRow]) -> DeleveragingStarted:
        """Liquidation, bankruptcy and round, none of which the table tells."""
        session, first = self._session, rows[0]
        instrument, account = self._coins[first.coin], self._accounts[first.liquidated]
        lots = -first.side * sum(self._scales.size_lots(row.coin, row.size) for row in rows)
        price = self._scales.price_ticks(first.coin, first.price)
        value = session.ledger.markets[instrument].payoff.value_atoms(lots, price)
        self._round += 1
        session.inferred(PositionStated(account, instrument, 0, lots, value))
        began = session.inferred(LiquidationStarted(self._round, account, 0, 0))
        self._broke = session.inferred(BankruptcyDeclared(self._round, account, 0, 0, _REASON), began)
        started = DeleveragingStarted(
            round=self._round,
            trigger="bankruptcy",
            liquidation_id=self._round,
            policy=session.venue,
            account=account,
            instrument=instrument,
            leg=0,
            size_lots=lots,
            value_atoms=value,
            price_ticks=price,
            candidates=0,
            ranking_digest=b"",
        )
        self._started = session.inferred(started, self._broke)
        return started

    def _reduce(self, row: TableRow, rank: int, started: DeleveragingStarted) -> None:
        """What the venue reported of a fill, and the reduction itself."""
        session, account, instrument = self._session, self._accounts[row.user], started.instrument
        size, price, place = (
            -row.side * self._scales.size_lots(row.coin, row.size),
            started.price_ticks,
            self._place(row),
        )
        said = session.imported(
            FillReported(
                account=account,
                instrument=instrument,
                leg=0,
                trade_id=row.line,
                order_id=None,
                size_lots=size,
                price_ticks=price,
                start_lots=self._scales.size_lots(row.coin, row.position),
                closed_profit_atoms=self._scales.atoms(row.profit),
                fee_atoms=None,
                fee_asset=None,
                direction="",
                raw=row.printed,
                provenance=place,
            )
        )
        reduction = PositionDeleveraged(
            round=started.round,
            liquidation_id=started.liquidation_id,
            against=started.account,
            against_leg=0,
            account=account,
            instrument=instrument,
            leg=0,
            size_lots=size,
            price_ticks=price,
            value_atoms=session.ledger.markets[instrument].payoff.value_atoms(size, price),
            rank=rank,
            score=0,
            provenance=place,
        )
        session.imported(reduction, self._started, (said,))
        self._cash.realise(row)

    def _end(self, started: DeleveragingStarted) -> None:
        session, account = self._session, started.account
        ended = DeleveragingEnded(
            started.round,
            "bankruptcy",
            started.liquidation_id,
            account,
            started.instrument,
            0,
            abs(started.size_lots),
            0,
        )
        session.inferred(ended, self._started)
        balance = session.ledger.accounts[account].balance_atoms
        session.inferred(LiquidationEnded(started.liquidation_id, account, "bankrupt", balance), self._broke)

    def _mark(self, row: TableRow) -> None:
        """The mark of a round, where it is not the one that holds."""
        instrument = self._coins[row.coin]
        ticks = self._scales.price_ticks(row.coin, self._marks.get(row.coin, row.price))
        if self._session.ledger.markets[instrument].mark_ticks != ticks:
            self._session.inferred(MarkPriced(instrument, ticks, 0, ticks))

    def _state(self, row: TableRow) -> None:
        """Bring the ledger to what the table prints of an account; its cash only where that takes no profit back."""
        session, account, place = self._session, self._accounts[row.user], self._place(row)
        instrument, size = self._coins[row.coin], self._scales.size_lots(row.coin, row.position)
        self._restate(PositionStated(account, instrument, 0, size, self._scales.atoms(row.position, row.entry), place))
        held, markets = session.ledger.accounts[account].positions, session.ledger.markets
        known = sum(profit_atoms(markets[key[0]], one) for key, one in held.items() if key[0] != self._others)
        rest = self._scales.atoms(row.unrealised) - known
        self._restate(PositionStated(account, self._others, 0, rest, 0, place))
        if self._cash.is_stated(row):
            session.inferred(BalanceStated(account, self._scales.atoms(row.cash), place))

    def _restate(self, wanted: PositionStated) -> None:
        """Let go of what the ledger holds, if that is another size or cost, and take up what is wanted."""
        held = self._session.ledger.position(wanted.account, (wanted.instrument, wanted.leg))
        if held is not None:
            size, cost = held.size_lots, held.cost_atoms
            if (size, cost) == (wanted.size_lots, wanted.cost_atoms):
                return
            let_go = PositionStated(wanted.account, wanted.instrument, 0, -size, -cost, wanted.provenance)
            self._session.inferred(let_go)
        if wanted.size_lots:
            self._session.inferred(wanted)

    def _place(self, row: TableRow) -> Provenance:
        return self._session.provenance(row.source, row.line, row.time_ms * NS_A_MS)


def _step(decimals: int) -> str:
    return plain(Decimal((0, (1,), -decimals)))
