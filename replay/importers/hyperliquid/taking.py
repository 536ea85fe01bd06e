"""The second pass: trades into the record, block by block.

1. Of each trade first what the venue says of both sides (`FillReported`), then the one event that moves, then fees.
2. All numbers of a trade are read before any of it is recorded: one that cannot be read is left out whole.
3. Where a start position is not what the ledger holds, the record has a break. The difference is stated, as inferred,
   between the reports and the trade, so that one break is met once and not in every fill from there on.
4. Spot moves nothing: its balances are tokens with decimals of their own. Both sides are reported, their start
   positions as text.
5. A fee is charged where it is paid in what the account settles in; one in another token is reported only.
6. The account of a trade is the taker's; of a forced one see `forced.py`. Who is not there is the outside account.
7. After a block the last price of each coin that it traded is an inferred mark, unless the block told the venue's own.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import FillReported, PositionStated, TradeExecuted
from ....events.bodies.margin import FeeCharged, MarkPriced
from ....events.errors import ScenarioError
from ....sim.units import INT64_MAX
from ..digits import snapped, whole
from ..session import Session
from .admission import Admitted, Side, Trade
from .fills import Block
from .forced import Done, ForcedTrades, Kind, Liquidations, kind_of, roles
from .market import Coin, CoinNames
from .share import ShardShare, is_forced

__all__ = ["Taking"]


class _Read(msgspec.Struct, gc=False):
    """A trade with its numbers read; `lots` is without sign."""

    coin: Coin
    lots: int
    ticks: int
    reports: tuple[FillReported, ...]
    mark_ticks: int | None


class Taking:
    """Writes trades to a session."""

    def __init__(self, session: Session, names: CoinNames, liquidations: Liquidations, share: ShardShare) -> None:
        self._session, self._names, self._share = session, names, share
        self._forced = ForcedTrades(session, liquidations)
        self._last: dict[int, int] = {}
        self._marked: set[int] = set()

    def take(self, admitted: Admitted) -> None:
        """Record one block."""
        block = admitted.block
        self._session.move_to(block.at_ns)
        if admitted.gap is not None:
            first, last = admitted.gap
            self._session.missing("blocks", f"{first} to {last} are missing")
            self._session.faults.note("blocks that are missing", last + 1 - first)
        forced, share = _has_forced(block), self._share
        whole = forced and share.has_forced_of(admitted.trades)
        if whole:
            self._plan(admitted)
        place = Provenance(block.source.number, block.row, block.venue_ns, block.received_ns)
        for trade in admitted.trades:
            part = share.part(trade, whole=whole)
            if part is None:
                self._pass(trade)
                continue
            read = self._read(block, part, place)
            if read is not None:
                self._trade(part, read, kind_of(part) if forced else None)
        if forced:
            self._forced.end_block()
        self._infer_marks()

    def _read(self, block: Block, trade: Trade, place: Provenance) -> _Read | None:
        """All numbers of a trade, or None after reporting one that is none. `place` is the block's."""
        first, second = trade
        row, _, fill = first
        try:
            coin = self._names.coins[fill.coin]
            lots, ticks = coin.size_lots(fill.sz), coin.price_ticks(fill.px)
            one = self._report(coin, first, lots, ticks, _place(place, row))
            reports: tuple[FillReported, ...] = (one,)
            if second is not None:
                row = second[0]
                reports = one, self._report(coin, second, lots, ticks, _place(place, row))
            _check_worth(coin, lots, ticks, reports)
            mark = fill.liquidation
            mark_ticks = None if mark is None else coin.price_ticks(mark.mark_px)
        except ScenarioError as error:
            told = f"trade {fill.tid} of {fill.coin}: {error}"
            self._session.faults.report("value", block.source, row, told)
            return None
        return _Read(coin, lots, ticks, reports, mark_ticks)

    def _report(self, coin: Coin, side: Side, lots: int, ticks: int, place: Provenance) -> FillReported:
        """What the venue says of one side. Raises ScenarioError."""
        _, address, fill = side
        raw: tuple[tuple[str, str], ...] = ()
        start = profit = fee = fee_asset = None
        told = fill.start_position
        if told is not None:
            if coin.spot:
                raw = (("start_lots", told),)
            else:
                start = whole(told, coin.lot_decimals)
                if start is None:
                    start, raw = self._snapped("start_lots", told, coin.lot_decimals, raw)
        told = fill.closed_pnl
        if told is not None:
            profit = whole(told, coin.asset_decimals)
            if profit is None:
                profit, raw = self._snapped("closed_profit_atoms", told, coin.asset_decimals, raw)
        told = fill.fee
        if told is not None:
            fee_asset, decimals = self._names.tokens[fill.fee_token]
            fee = whole(told, decimals)
            if fee is None:
                fee, raw = self._snapped("fee_atoms", told, decimals, raw)
        if fill.builder_fee is not None:
            raw = (*raw, ("builder_fee", fill.builder_fee))
        return FillReported(
            account=coin.accounts[address],
            instrument=coin.instrument,
            leg=0,
            trade_id=fill.tid,
            order_id=fill.oid,
            size_lots=lots if fill.side == "B" else -lots,
            price_ticks=ticks,
            start_lots=start,
            closed_profit_atoms=profit,
            fee_atoms=fee,
            fee_asset=fee_asset,
            direction=fill.direction,
            maker=not fill.crossed,
            raw=raw,
            provenance=place,
        )

    def _snapped(
        self, field: str, text: str, decimals: int, raw: tuple[tuple[str, str], ...]
    ) -> tuple[int, tuple[tuple[str, str], ...]]:
        """The whole number that an artefact stands for, and the texts that are kept with this one."""
        self._session.faults.note("values snapped")
        return snapped(text, decimals).value, (*raw, (field, text))

    def _trade(self, trade: Trade, read: _Read, kind: Kind | None) -> None:
        session, coin = self._session, read.coin
        if coin.spot:
            for report in read.reports:
                session.imported(report)
            session.faults.note("spot trades, which move nothing", 1)
            return
        if kind is not None:
            sides = roles(trade)
            if sides is not None and sides[0][1] != sides[1][1]:
                self._forced_trade(trade, read, kind, sides)
                return
            session.faults.note("forced trades without their liquidated side")
        self._reported(read)
        taker, other = _taker_first(read.reports)
        if other is not None and taker.account == other.account:
            session.faults.note("trades of an account with itself, which move nothing")
            return
        size_lots, ticks = taker.size_lots, read.ticks
        executed = TradeExecuted(
            account=taker.account,
            counterparty=session.outside(coin.asset) if other is None else other.account,
            instrument=coin.instrument,
            leg=0,
            counterparty_leg=0,
            size_lots=size_lots,
            price_ticks=ticks,
            value_atoms=size_lots * ticks * coin.multiplier_atoms,
            trade_id=taker.trade_id,
            order_id=taker.order_id,
            maker=taker.maker,
            provenance=taker.provenance,
        )
        self._charge(read, session.imported(executed))

    def _forced_trade(self, trade: Trade, read: _Read, kind: Kind, sides: tuple[Side, Side]) -> None:
        coin, report = read.coin, read.reports[0 if sides[0] is trade[0] else 1]
        other = read.reports[1 if sides[0] is trade[0] else 0]
        if read.mark_ticks is None:
            self._forced.start(report.account)
        else:
            self._forced.start(report.account, self._mark(coin, read.mark_ticks))
        links = self._reported(read)
        done = Done(
            coin=coin,
            account=report.account,
            other=other.account,
            size_lots=report.size_lots,
            price_ticks=read.ticks,
            value_atoms=report.size_lots * read.ticks * coin.multiplier_atoms,
            trade_id=report.trade_id,
            order_id=report.order_id or 0,
            provenance=report.provenance,
        )
        self._charge(read, self._forced.take(kind, done, links))

    def _mark(self, coin: Coin, mark_ticks: int) -> int:
        self._marked.add(coin.instrument)
        return self._forced.mark(coin, mark_ticks)

    def _pass(self, trade: Trade) -> None:
        """What everybody sees of a trade between accounts of other shards, unless it is left out there: its marks."""
        first, second = trade
        fill, coin = first[2], self._names.coins[first[2].coin]
        if coin.spot or (second is not None and second[1] == first[1]):
            return
        with suppress(ScenarioError):
            ticks, _ = coin.price_ticks(fill.px), coin.size_lots(fill.sz)
            if fill.liquidation is not None and roles(trade) is not None:
                self._mark(coin, coin.price_ticks(fill.liquidation.mark_px))
            self._last[coin.instrument] = ticks

    def _reported(self, read: _Read) -> tuple[int, ...]:
        """Record the reports, and state what the ledger does not hold yet."""
        session, reports, key = self._session, read.reports, (read.coin.instrument, 0)
        accounts = session.ledger.accounts
        links = tuple([session.imported(report) for report in reports])
        for report in reports:
            missing, held = report.start_lots, accounts[report.account].positions.get(key)
            if missing is not None and held is not None:
                missing -= held.size_lots
            if missing:
                cost = missing * read.ticks * read.coin.multiplier_atoms
                session.inferred(PositionStated(report.account, *key, missing, cost, report.provenance))
                session.faults.note("start positions that do not follow")
        return links

    def _charge(self, read: _Read, cause: int) -> None:
        session, coin = self._session, read.coin
        for report in read.reports:
            fee_atoms = report.fee_atoms
            if fee_atoms and report.fee_asset == coin.asset:
                session.imported(FeeCharged(report.account, fee_atoms, "trade"), cause)
            elif fee_atoms:
                session.faults.note("fees in another token, which are reported only")
        self._last[coin.instrument] = read.ticks

    def _plan(self, admitted: Admitted) -> None:
        """What is to be deleveraged in this block, which a round must say when it starts."""
        for trade in admitted.trades:
            sides = roles(trade) if kind_of(trade) == "deleveraged" else None
            coin = self._names.coins.get(trade[0][2].coin)
            if sides is None or coin is None or coin.spot or sides[0][1] == sides[1][1]:
                continue
            try:
                fill = sides[0][2]
                lots = coin.size_lots(fill.sz) * (1 if fill.side == "B" else -1)
                value_atoms = lots * coin.price_ticks(fill.px) * coin.multiplier_atoms
            except ScenarioError:
                continue  # it will be reported, and left out, where it is read
            self._forced.plan(coin.accounts[sides[0][1]], coin, lots, value_atoms)

    def _infer_marks(self) -> None:
        markets = self._session.ledger.markets
        for instrument, ticks in self._last.items():
            if instrument not in self._marked and markets[instrument].mark_ticks != ticks:
                self._session.inferred(MarkPriced(instrument, ticks, 0, ticks))
        self._last.clear()
        self._marked.clear()


def _check_worth(coin: Coin, lots: int, ticks: int, reports: tuple[FillReported, ...]) -> None:
    """Refuse what an event cannot hold. Raises ScenarioError."""
    most_lots = lots
    for report in reports:
        most_lots += abs(report.start_lots or 0)
    if most_lots * ticks * coin.multiplier_atoms > INT64_MAX:
        message = "position and size together are worth more than 2^63 atoms; is a figure wrong?"
        raise ScenarioError(message)


def _place(of_block: Provenance, row: int) -> Provenance:
    """Where a fill stands: where its block does, unless it has a row of its own."""
    return of_block if of_block.row == row else msgspec.structs.replace(of_block, row=row)


def _has_forced(block: Block) -> bool:
    """Whether anything was forced in a block; in most nothing was."""
    return any(is_forced(fill) for _, fill in block.fills)


def _taker_first(reports: tuple[FillReported, ...]) -> tuple[FillReported, FillReported | None]:
    if len(reports) == 1:
        return reports[0], None
    first, second = reports
    return (second, first) if first.maker and not second.maker else (first, second)
