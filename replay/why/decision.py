"""One decision and where to look for what it rests on: whom and what it is about, and the state that it was made in."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ...events.bodies.liquidation import LiquidationOrdered
from ...events.envelope import Event
from ...events.ledger import PositionKey
from .lookback import Lookback
from .names import Names

__all__ = ["Decision"]


class Decision:
    """One decided event, and where to look for what it rests on."""

    def __init__(self, look: Lookback, event: Event, names: Names) -> None:
        """`look` knows the state at the event or later."""
        self.look, self.event, self.names = look, event, names
        self.body: Any = event.body

    @cached_property
    def began(self) -> int:
        """The state before this event is the one that was decided in."""
        return self.look.began(self.event)

    @property
    def account(self) -> int | None:
        """The account that it is about, if it is about one."""
        account = getattr(self.body, "account", None)
        return account if account is None or account < len(self.look.ledger.accounts) else None

    @property
    def trader(self) -> int | None:
        """The same, if it is a user or a vault and none of the venue's own."""
        account = self.account
        return account if account is not None and self.look.is_trader(account) else None

    @cached_property
    def held(self) -> dict[PositionKey, int]:
        """What the trader held when this was decided."""
        return {} if self.trader is None else self.look.held(self.trader, self.began)

    @cached_property
    def order(self) -> Event | None:
        """The forced order that it belongs to."""
        number = getattr(self.body, "order_id", None)
        cause = self.look.causing(self.event, (LiquidationOrdered,)) if number is not None else None
        return cause if cause is not None and cause.body.order_id == number else None  # type: ignore[union-attr]

    @cached_property
    def instruments(self) -> list[int]:
        """The instruments that it is about: its own, or its order's, or all that the trader held."""
        own = getattr(self.body, "instrument", None)
        if own is not None:
            return [own]
        order = self.order
        if order is not None:
            assert isinstance(order.body, LiquidationOrdered)
            return [order.body.instrument]
        return sorted({instrument for instrument, _ in self.held})

    @cached_property
    def fund(self) -> int | None:
        """The insurance fund that it asks of."""
        ledger, body = self.look.ledger, self.body
        for field in ("fund", "against", "account", "bankrupt"):
            account = getattr(body, field, None)
            if account is not None and self.look.is_fund(account):
                return int(account)
        instrument = getattr(body, "instrument", None)
        if instrument is None and self.held:
            instrument = min(self.held)[0]
        return self._fund_of_last() if instrument is None else ledger.fund_of(instrument)

    def _fund_of_last(self) -> int | None:
        """The fund behind what the account closed last; the first of its asset where that is not known."""
        account = getattr(self.body, "bankrupt", self.account)
        if account is None:
            return None
        for event in self.look.naming(account, self.began):
            instrument: int | None = getattr(event.body, "instrument", None)
            if instrument is not None:
                return self.look.ledger.fund_of(instrument)
        asset = self.look.ledger.accounts[account].asset
        return next(iter(self.look.ledger.funds_of(asset)), None)
