"""Market makers: they quote around what they take an instrument to be worth, and leave when that becomes too dangerous.

1. *Size*: `quoted_bps` of a maker's equity over all instruments, thinner as realised volatility rises over calm, and
   thinner still on the side on which its inventory would grow.
2. *Width*: `half_spread_bps`, wider in the same measure. Its own fair value lags behind the price toward the trend; on
   the side that fair value speaks against it quotes further away by the difference.
3. *Leaving*: past its own limit of volatility or of loss, or once it is liquidated, it quotes nothing. Limits are drawn
   for each maker around those stated, so that not all leave at once. It comes back when volatility has fallen to
   `return_bps` of its limit, `away_ns` later at the soonest; after a loss past its limit never.
4. A maker's capital is its account's: it is called and liquidated like any other.
5. Where the instrument has limits (`handlers/limits.py`), it quotes no more on a side than it may still add there.

So depth is an outcome: `LiquidityWithdrawn` and `LiquidityReturned` say when and why it changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import msgspec

from ...events.bodies.liquidation import LiquidationStarted
from ...events.bodies.listing import LimitsStated
from ...events.bodies.trading import (
    BookPriced,
    LiquidityReturned,
    LiquidityWithdrawn,
    QuotesPlaced,
    WithdrawalReason,
)
from ...events.bodies.venue import HandlerStateNoted
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState, Market
from ...events.ledger.market import MakerQuote
from ...events.ledger.postings import POSTINGS
from ...events.vocabulary import Body, accounts_named
from ..draws import account_key, draw_below
from ..faults import is_down
from ..limits import SideTotals, room_lots
from ..protocol import Handler, Product
from ..valuation import BPS, lots_worth, margin_of

__all__ = ["MakerParameters", "Makers"]

_MICRO, _PPB = 10**6, 10**9
_SPREAD_MOST_BPS = 1_000
_MATERIAL_BPS = 500
"""Quotes that differ by less than so much from those that stand are left as they are."""


class MakerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How makers quote and when they leave; the accounts are `group`-1, `group`-2, ...

    On each side they quote `quoted_bps` of their equity, shared among the instruments, from `half_spread_bps` away,
    anew every `interval_ns` at most. Inventory is at its most at `inventory_bps` of equity. They leave at
    `leave_volatility_ppb` or a loss of `leave_loss_bps` of their capital, each drawn for each maker within
    `limit_spread_bps` of it. `lean_bps` is how far their fair value leans from the price to its trend. `withdraws`
    false keeps them, and their size, whatever happens.
    """

    group: str = "maker"
    quoted_bps: int = 20_000
    half_spread_bps: int = 2
    interval_ns: int = 1_000_000_000
    inventory_bps: int = 30_000
    calm_volatility_ppb: int = 200_000
    leave_volatility_ppb: int = 1_500_000
    leave_loss_bps: int = 2_000
    limit_spread_bps: int = 4_000
    return_bps: int = 5_000
    away_ns: int = 60_000_000_000
    lean_bps: int = 0
    withdraws: bool = True

    def __post_init__(self) -> None:
        """Refuse makers that could neither quote nor leave."""
        positive = (self.quoted_bps, self.interval_ns, self.inventory_bps, self.calm_volatility_ppb, self.away_ns)
        if min(positive) <= 0 or min(self.leave_volatility_ppb, self.leave_loss_bps) <= 0:
            message = "quoted_bps, interval_ns, inventory_bps, away_ns, volatilities and leave_loss_bps must be above 0"
            raise ValueError(message)
        if not 0 <= self.limit_spread_bps < BPS or not 0 < self.return_bps <= BPS or not 0 <= self.lean_bps <= BPS:
            message = (
                "limit_spread_bps must lie between 0 and 9999, return_bps above 0 up to 10000, lean_bps up to 10000"
            )
            raise ValueError(message)
        if not 0 <= self.half_spread_bps <= _SPREAD_MOST_BPS:
            message = "half_spread_bps must lie between 0 and 1000"
            raise ValueError(message)


class _Measured(msgspec.Struct, frozen=True, gc=False):
    """What a maker measures before it quotes: its equity, its capital at first, what it holds here, and volatility."""

    account: Account
    name: str
    equity_atoms: int
    capital_atoms: int
    held_atoms: int
    volatility_ppb: int


class Makers(Handler):
    """Banded quotes of a group of accounts, with regimes."""

    name: ClassVar[str] = "makers"
    policy: ClassVar[str] = "banded"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced, LiquidationStarted)
    observes: ClassVar[tuple[type[Body], ...]] = (LimitsStated, *POSTINGS)
    Parameters: ClassVar[type[msgspec.Struct]] = MakerParameters

    def __init__(self, parameters: MakerParameters) -> None:
        self.rule = parameters
        self._drawn_bps: dict[tuple[int, str, str], int] = {}
        self._open_interest = SideTotals()

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """What traders hold, where it is capped."""
        self._open_interest.rebuild(ledger)

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """The same, kept."""
        if type(event.body) is LimitsStated:
            self._open_interest.rebuild(ledger)
        elif self._open_interest.capped:
            self._open_interest.note(accounts_named(event.body))

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Whoever is due quotes anew, leaves or returns; one that is liquidated leaves every market at once."""
        body = event.body
        if type(body) is LiquidationStarted:
            return list(self._liquidated(body.account, ledger))
        assert isinstance(body, BookPriced)
        if is_down(ledger, body.instrument):
            return ()
        market = ledger.markets[body.instrument]
        products: list[Product] = []
        for account in self.accounts_of(self.rule.group, ledger):
            quote = market.quotes.get(account.account)
            if quote is None or now_ns - quote.at_ns >= self.rule.interval_ns:
                products += self._due(account, market, body, ledger, now_ns)
        return products

    def _liquidated(self, number: int, ledger: LedgerState) -> Iterator[Product]:
        for market in ledger.markets:
            quote, instrument = market.quotes.get(number), market.listing.instrument
            if quote is not None and number not in market.withdrawn:
                assert market.book is not None
                yield LiquidityWithdrawn(number, instrument, "liquidation", 0, 0)
                yield _nothing(number, market.book)

    def _due(
        self, account: Account, market: Market, book: BookPriced, ledger: LedgerState, now_ns: int
    ) -> Iterator[Product]:
        """Its quotes if they differ from those that stand, or its leaving or coming back."""
        standing = self._standing(account, market, book, ledger)
        if (self.name, standing.name) not in ledger.notes:
            yield HandlerStateNoted(self.name, standing.name, (standing.equity_atoms,))
        away_since_ns = market.withdrawn.get(account.account)
        leaves = self._leaves(standing, ledger)
        if away_since_ns is not None:
            if leaves is not None or not self._returns(standing, ledger, now_ns - away_since_ns):
                return
            yield LiquidityReturned(account.account, book.instrument)
        elif leaves is not None:
            yield LiquidityWithdrawn(account.account, book.instrument, *leaves)
            yield _nothing(account.account, book)
            return
        instruments = sum(1 for one in ledger.markets if one.listing.asset == market.listing.asset)
        quoted = self._within_limits(self._quoted(standing, market, book, instruments), account, market, ledger)
        if _differs(quoted, market.quotes.get(account.account)):
            yield quoted

    def _within_limits(
        self, quoted: QuotesPlaced, account: Account, market: Market, ledger: LedgerState
    ) -> QuotesPlaced:
        """The same quotes, as far as the instrument's limits leave room for them."""
        if market.limits is None or not market.mark_ticks:
            return quoted
        bid_lots, ask_lots = (
            room_lots(account, market, sign, ledger, self._open_interest, lots)
            for sign, lots in ((1, quoted.bid_lots), (-1, quoted.ask_lots))
        )
        return msgspec.structs.replace(quoted, bid_lots=bid_lots, ask_lots=ask_lots)

    def _standing(self, account: Account, market: Market, book: BookPriced, ledger: LedgerState) -> _Measured:
        name, equity_atoms = ledger.name(account.account), margin_of(account, ledger).equity_atoms
        held = account.positions.get((book.instrument, 0))
        held_atoms = 0 if held is None else _signed_atoms(market, held.size_lots, book.price_ticks)
        capital_atoms = ledger.notes.get((self.name, name), (equity_atoms,))[0]
        return _Measured(account, name, equity_atoms, capital_atoms, held_atoms, book.volatility_ppb)

    def _leaves(self, standing: _Measured, ledger: LedgerState) -> tuple[WithdrawalReason, int, int] | None:
        """Why it leaves, with what it measured and its own limit, both in parts per billion."""
        if not self.rule.withdraws:
            return None
        if standing.account.liquidation_id is not None:
            return "liquidation", 0, 0
        limit_ppb = self._own(self.rule.leave_volatility_ppb, standing.name, "volatility limit", ledger)
        if standing.volatility_ppb > limit_ppb:
            return "volatility", standing.volatility_ppb, limit_ppb
        lost_ppb = (standing.capital_atoms - standing.equity_atoms) * _PPB // max(1, standing.capital_atoms)
        limit_ppb = self._own(self.rule.leave_loss_bps, standing.name, "loss limit", ledger) * _PPB // BPS
        return ("loss", lost_ppb, limit_ppb) if lost_ppb > limit_ppb else None

    def _returns(self, standing: _Measured, ledger: LedgerState, away_ns: int) -> bool:
        return away_ns >= self.rule.away_ns and standing.volatility_ppb <= self.calm_ppb(standing.name, ledger)

    def calm_ppb(self, name: str, ledger: LedgerState) -> int:
        """The volatility down to which it must have fallen for a maker to come back."""
        limit_ppb = self._own(self.rule.leave_volatility_ppb, name, "volatility limit", ledger)
        return limit_ppb * self.rule.return_bps // BPS

    def _own(self, stated: int, name: str, purpose: str, ledger: LedgerState) -> int:
        """A maker's own limit: drawn evenly within the spread of the one that is stated."""
        key = ledger.seed, name, purpose
        drawn_bps = self._drawn_bps.get(key)
        if drawn_bps is None:
            spread = self.rule.limit_spread_bps
            drawn_bps = draw_below(ledger.seed, account_key(name), purpose, 0, 2 * spread + 1) - spread
            self._drawn_bps[key] = drawn_bps
        return stated * (BPS + drawn_bps) // BPS

    def _quoted(self, standing: _Measured, market: Market, book: BookPriced, instruments: int) -> QuotesPlaced:
        """Size and distance on each side."""
        rule, calm_ppb = self.rule, self.rule.calm_volatility_ppb
        stress_bps = BPS if not rule.withdraws else max(BPS, standing.volatility_ppb * BPS // calm_ppb)
        size_atoms = standing.equity_atoms * rule.quoted_bps // (stress_bps * instruments)
        lots = max(0, lots_worth(market, book.price_ticks, size_atoms))
        most_atoms = max(1, standing.equity_atoms * rule.inventory_bps // BPS)
        bid_room = max(0, most_atoms - max(0, standing.held_atoms))
        ask_room = max(0, most_atoms + min(0, standing.held_atoms))
        fair_ticks = book.price_ticks + (book.trend_microticks // _MICRO - book.price_ticks) * rule.lean_bps // BPS
        lean_bps = (fair_ticks - book.centre_ticks) * BPS // book.centre_ticks
        width_bps = rule.half_spread_bps * stress_bps // BPS
        return QuotesPlaced(
            account=standing.account.account,
            instrument=book.instrument,
            fair_ticks=fair_ticks,
            bid_bps=width_bps + max(0, -lean_bps),
            bid_lots=lots * bid_room // most_atoms,
            ask_bps=width_bps + max(0, lean_bps),
            ask_lots=lots * ask_room // most_atoms,
        )


def _signed_atoms(market: Market, lots: int, ticks: int) -> int:
    """What so many lots are worth, signed like the lots: an inverse contract's value has the other sign."""
    value_atoms = abs(market.payoff.value_atoms(lots, ticks))
    return value_atoms if lots >= 0 else -value_atoms


def _nothing(account: int, book: BookPriced) -> QuotesPlaced:
    return QuotesPlaced(account, book.instrument, book.price_ticks, 0, 0, 0, 0)


def _differs(quoted: QuotesPlaced, standing: MakerQuote | None) -> bool:
    """Whether a size changed by more than a twentieth, or a distance at all."""
    if standing is None or (quoted.bid_bps, quoted.ask_bps) != (standing.bid_bps, standing.ask_bps):
        return True
    pairs = ((quoted.bid_lots, standing.bid_lots), (quoted.ask_lots, standing.ask_lots))
    return any(abs(new - old) * BPS > _MATERIAL_BPS * max(new, old) for new, old in pairs)
