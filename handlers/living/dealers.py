"""Dealers in options, who keep the delta of their books at nothing on the perpetual's book: gamma makes them trade.

`delta-neutral`:

1. At each price from outside a dealer sums the delta of its options and of what it holds of the underlying, at the
   marks as they are then, and orders what makes up for it: at the market, on the underlying. It waits while that is
   less than `least_bps` of what its equity bears (`leverage_bps`), and never orders more than so much.
2. Who is short of options sells as the price falls and buys as it rises, which drives it further; who is long does the
   opposite. Nothing is drawn: the ground of an order is the move.
3. Vega is not hedged: nothing that trades here has any but the options.

`vega-limited` does the same, and hedges vega with the options themselves:

4. A dealer whose book gains or loses more than `vega_limit` by a point of volatility orders what takes that to half
   of the limit: it buys an option where it is short of vega, and sells one where it is long.
5. It takes the option with the most vega for what it costs. Crossing the spread costs a share of the mark, so that is
   the greatest vega over mark, of those with a strike within `near_bps` of the forward; of equals the first listed.
6. The order trades in the option's own depth, no further than `half_spread_bps` from the mark; what is not to be had
   there is ordered again at the next price from outside. So is the delta that comes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from ...events.bodies.trading import BookPriced, OrderPlaced
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.ledger.options import Option
from ...events.vocabulary import Body
from ..conversion import in_first
from ..faults import why_nothing_trades
from ..options.pricing import forward_ticks
from ..options.sensitivities import UnitGreeks, greeks_on, vega_atoms
from ..protocol import Handler, Linked, Product
from ..valuation import BPS, is_marked, lots_worth, margin_of

__all__ = ["DELTA_HEDGE", "VEGA_HEDGE", "DealerParameters", "Dealers", "VegaLimitedDealers", "VegaParameters"]

DELTA_HEDGE, VEGA_HEDGE = "delta hedge", "vega hedge"
"""What a dealer's orders are for."""

_PERCENT = 100
_PPB = 10**9
_MILLION_LOTS = 10**6


class DealerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts of `group` hedge a delta of at least `least_bps` of `leverage_bps` of their equity, that at most."""

    group: str = "dealer"
    least_bps: int = 10
    leverage_bps: int = 100_000

    def __post_init__(self) -> None:
        """Refuse a hedge of nothing."""
        if self.leverage_bps <= 0 or not 0 <= self.least_bps <= BPS:
            message = "leverage_bps must be above 0, and least_bps lie between 0 and 10000"
            raise ValueError(message)


class VegaParameters(DealerParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same; of vega no more than `vega_limit_atoms` a point, by options near the money and near their marks."""

    unstated: ClassVar[Mapping[str, Any]] = {"vega_limit": 1_000}
    """In the asset; a dealer of any size has a limit of its own, so it is to be stated."""

    vega_limit_atoms: int = 1
    near_bps: int = 500
    half_spread_bps: int = 300

    def __post_init__(self) -> None:
        """Refuse a limit of nothing, which would never be kept, and a spread that leaves no price."""
        super().__post_init__()
        if self.vega_limit_atoms <= 0 or self.near_bps < 0 or not 0 <= self.half_spread_bps < BPS:
            message = "vega_limit must be above 0, near_bps at least 0, and half_spread_bps lie between 0 and 9999"
            raise ValueError(message)


class Dealers(Handler):
    """Keeps the delta of each book at nothing."""

    name: ClassVar[str] = "dealers"
    policy: ClassVar[str] = "delta-neutral"
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced,)
    Parameters: ClassVar[type[msgspec.Struct]] = DealerParameters

    def __init__(self, parameters: DealerParameters) -> None:
        self.rule = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """At a price from outside of what options are on: an order of each dealer whose delta is not nothing."""
        body = event.body
        assert isinstance(body, BookPriced)
        if event.links or body.instrument not in ledger.volatilities:  # a trade made the price, or nobody hedges there
            return []
        orders = list[OrderPlaced]()
        for account in self.accounts_of(self.rule.group, ledger):
            if account.status in ("healthy", "called") and is_marked(account, ledger):
                found = greeks_on(account, body.instrument, ledger)
                orders += self._hedges(account, found, body, ledger, len(orders))
        return [Linked(order, (event.seq,)) for order in orders]

    def _hedges(
        self, account: Account, found: UnitGreeks | None, priced: BookPriced, ledger: LedgerState, ahead: int
    ) -> list[OrderPlaced]:
        """What makes up for the delta of a book."""
        if why_nothing_trades(ledger, priced.instrument) is not None:
            return []
        delta_atoms = 0 if found is None else found.delta_atoms * _PERCENT
        market = ledger.markets[priced.instrument]
        lots = lots_worth(market, priced.price_ticks, abs(delta_atoms))
        most_atoms = max(0, margin_of(account, ledger).equity_atoms) * self.rule.leverage_bps
        most = lots_worth(market, priced.price_ticks, most_atoms, BPS)
        wanted = min(lots, most) * (-1 if delta_atoms > 0 else 1) - _under_way(account, priced.instrument, ledger)
        if not wanted or abs(wanted) * BPS < most * self.rule.least_bps:
            return []
        number = ledger.orders + ahead + 1
        return [OrderPlaced(number, account.account, priced.instrument, 0, wanted, "market", DELTA_HEDGE)]


class VegaLimitedDealers(Dealers):
    """Keeps the delta of each book at nothing, and its vega within a limit."""

    policy: ClassVar[str] = "vega-limited"
    Parameters: ClassVar[type[msgspec.Struct]] = VegaParameters

    def __init__(self, parameters: VegaParameters) -> None:
        super().__init__(parameters)
        self.limit = parameters

    def _hedges(
        self, account: Account, found: UnitGreeks | None, priced: BookPriced, ledger: LedgerState, ahead: int
    ) -> list[OrderPlaced]:
        """What makes up for the delta, and what takes the vega back."""
        orders = super()._hedges(account, found, priced, ledger, ahead)
        if found is not None:
            orders += self._vega_hedge(account, found, ledger, ahead + len(orders))
        return orders

    def _vega_hedge(
        self, account: Account, found: UnitGreeks, ledger: LedgerState, ahead: int
    ) -> Iterator[OrderPlaced]:
        asset = ledger.markets[found.underlying].listing.asset
        counted_atoms, limit_atoms = in_first(ledger, asset, abs(found.vega_atoms)), self.limit.vega_limit_atoms
        option = self._cheapest(found.underlying, ledger) if counted_atoms > limit_atoms else None
        if option is None or _under_way(account, option.instrument, ledger):
            return
        over_atoms = abs(found.vega_atoms) * (2 * counted_atoms - limit_atoms) // (2 * counted_atoms)
        lots = over_atoms * _MILLION_LOTS // vega_atoms(option, _MILLION_LOTS, ledger)
        if lots:
            selling = found.vega_atoms > 0
            limit_ticks = self._limit_ticks(ledger.markets[option.instrument].mark_ticks, selling=selling)
            yield OrderPlaced(
                ledger.orders + ahead + 1,
                account.account,
                option.instrument,
                0,
                -lots if selling else lots,
                "market",
                VEGA_HEDGE,
                limit_ticks=limit_ticks,
            )

    def _cheapest(self, underlying: int, ledger: LedgerState) -> Option | None:
        """The option with the most vega over mark, of those near the money that trade; O(options)."""
        best, most = None, 0
        for option in ledger.options.values():
            if option.underlying != underlying or option.expired_seq is not None:
                continue
            market, forward = ledger.markets[option.instrument], forward_ticks(ledger, option, ledger.markets)
            far = abs(option.strike_ticks - forward) * BPS > self.limit.near_bps * forward
            if far or not market.mark_ticks or why_nothing_trades(ledger, option.instrument) is not None:
                continue
            cost_atoms = abs(market.payoff.value_atoms(_MILLION_LOTS, market.mark_ticks))
            each_ppb = vega_atoms(option, _MILLION_LOTS, ledger) * _PPB // max(1, cost_atoms)
            if each_ppb > most:
                best, most = option, each_ppb
        return best

    def _limit_ticks(self, mark_ticks: int, *, selling: bool) -> int:
        """The worst price, rounded to the tick that a book's own prices are rounded to."""
        if selling:
            return max(1, mark_ticks * (BPS - self.limit.half_spread_bps) // BPS)
        return -(-mark_ticks * (BPS + self.limit.half_spread_bps) // BPS)


def _under_way(account: Account, instrument: int, ledger: LedgerState) -> int:
    """What its orders that have not traded yet will trade; O(orders)."""
    orders = (one for one in ledger.own_orders.values() if one.account == account.account)
    return sum(one.size_lots for one in orders if one.instrument == instrument)
