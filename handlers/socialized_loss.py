"""Venues without auto-deleveraging: nobody's position is touched, the loss itself is shared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..events.bodies.waterfall import ShortfallDeclared
from ..events.envelope import Event
from ..events.ledger import LedgerState
from ..events.vocabulary import Body
from .insurance_fund import takeover
from .protocol import Handler, Product

__all__ = ["SocializedLoss"]


class SocializedLoss(Handler):
    """Deleverages nobody: a bankrupt account's positions go to the fund at the mark, its debt to the winners.

    That costs the fund nothing there and then; it sells what it got as any inventory, and the debt is left to the
    socialisation slot. A shortfall of the inventory itself is left as it is: there is nobody to pay for it. Sources:
    Deribit support article 25944777576477; drift-labs/ protocol-v2, controller/liquidation.rs.
    """

    name: ClassVar[str] = "adl"
    policy: ClassVar[str] = "socialized-loss"
    formula: ClassVar[str] = "positions to the fund at the mark, the debt to the socialization policy"
    source: ClassVar[str] = "Deribit support article 25944777576477; drift-labs/protocol-v2 controller/liquidation.rs"
    subscribes: ClassVar[tuple[type[Body], ...]] = (ShortfallDeclared,)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The takeover of all the account's positions at the mark."""
        body = event.body
        assert isinstance(body, ShortfallDeclared)
        account = ledger.accounts[body.account]
        if account.kind != "user" or account.liquidation_id is None:
            return ()
        at_mark = {}
        for key, held in account.positions.items():
            market = ledger.markets[key[0]]
            at_mark[key] = market.payoff.value_atoms(held.size_lots, market.mark_ticks)
        return takeover(account.liquidation_id, account, ledger, at_mark)
