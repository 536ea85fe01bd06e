"""Dealers in options, who keep the delta of their books at nothing on the perpetual's book: gamma makes them trade.

1. At each price from outside a dealer sums the delta of its options and of what it holds of the underlying, at the
   marks as they are then, and orders what makes up for it: at the market, on the underlying. It waits while that is
   less than `least_bps` of what its equity bears (`leverage_bps`), and never orders more than so much.
2. Who is short of options sells as the price falls and buys as it rises, which drives it further; who is long does the
   opposite. Nothing is drawn: the ground of an order is the move.
3. Vega is not hedged: nothing that trades here has any but the options.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import msgspec

from ...events.bodies.trading import BookPriced, OrderPlaced
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.vocabulary import Body
from ..faults import why_nothing_trades
from ..options.sensitivities import unit_greeks
from ..protocol import Handler, Linked, Product
from ..valuation import BPS, is_marked, lots_worth, margin_of

__all__ = ["DELTA_HEDGE", "DealerParameters", "Dealers"]

DELTA_HEDGE = "delta hedge"
"""What a dealer's orders are for."""

_PERCENT = 100


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
            orders += self._hedge(account, body, ledger, len(orders))
        return [Linked(order, (event.seq,)) for order in orders]

    def _hedge(self, account: Account, priced: BookPriced, ledger: LedgerState, ahead: int) -> Iterator[OrderPlaced]:
        free = account.status in ("healthy", "called") and is_marked(account, ledger)
        if not free or why_nothing_trades(ledger, priced.instrument) is not None:
            return
        found = next((one for one in unit_greeks(account, ledger) if one.underlying == priced.instrument), None)
        delta_atoms = 0 if found is None else found.delta_atoms * _PERCENT
        market = ledger.markets[priced.instrument]
        lots = lots_worth(market, priced.price_ticks, abs(delta_atoms))
        most_atoms = max(0, margin_of(account, ledger).equity_atoms) * self.rule.leverage_bps
        most = lots_worth(market, priced.price_ticks, most_atoms, BPS)
        wanted = min(lots, most) * (-1 if delta_atoms > 0 else 1) - _under_way(account, priced.instrument, ledger)
        if wanted and abs(wanted) * BPS >= most * self.rule.least_bps:
            number = ledger.orders + ahead + 1
            yield OrderPlaced(number, account.account, priced.instrument, 0, wanted, "market", DELTA_HEDGE)


def _under_way(account: Account, instrument: int, ledger: LedgerState) -> int:
    """What its orders that have not traded yet will trade; O(orders)."""
    orders = (one for one in ledger.own_orders.values() if one.account == account.account)
    return sum(one.size_lots for one in orders if one.instrument == instrument)
