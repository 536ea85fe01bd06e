"""Venues without auto-deleveraging: nobody's position is touched, the loss itself is shared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..events.bodies.waterfall import ShortfallDeclared
from ..events.envelope import Event
from ..events.ledger import LedgerState
from ..events.vocabulary import Body
from .closing_task import shortfall_remained
from .protocol import Handler, Product
from .takeover import at_mark

__all__ = ["SocializedLoss"]


class SocializedLoss(Handler):
    """Deleverages nobody: a bankrupt account's positions go to the fund at the mark, its debt to the winners.

    That costs the fund nothing there and then; it sells what it got as any inventory. The debt is the fund's as far as
    it pays, then the socialisation slot's, and so is what the inventory itself lacks. Sources: Deribit support article
    25944777576477; drift-labs/protocol-v2, controller/liquidation.rs.
    """

    name: ClassVar[str] = "adl"
    policy: ClassVar[str] = "socialized-loss"
    version: ClassVar[str] = "2"
    formula: ClassVar[str] = "positions to the fund at the mark, the debt to the socialization policy"
    source: ClassVar[str] = "Deribit support article 25944777576477; drift-labs/protocol-v2 controller/liquidation.rs"
    subscribes: ClassVar[tuple[type[Body], ...]] = (ShortfallDeclared,)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The takeover of all the account's positions at the mark."""
        body = event.body
        assert isinstance(body, ShortfallDeclared)
        account = ledger.accounts[body.account]
        if account.kind == "insurance":
            return shortfall_remained(body.trigger, body.account, ledger)
        if account.kind != "user" or account.liquidation_id is None:
            return ()
        return at_mark(account.liquidation_id, account, account.positions, ledger)
