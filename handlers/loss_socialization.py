"""Loss socialisation, the last resort: what neither the market, the fund nor auto-deleveraging could cover.

1. What a round left of a bankrupt position goes to the fund at the mark, which costs the fund nothing there and then.
2. The account is then without positions and negative. The loss is spread over the user accounts with the largest
   unrealised profit (`payers_max` of them at most), in proportion to that profit, nobody paying more than the lesser
   of profit and equity; whole atoms by largest remainder, ties by account.
3. What is left after that is written off against the fund.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest
from typing import ClassVar

import msgspec

from ..events.bodies.liquidation import PositionTakenOver
from ..events.bodies.waterfall import BalanceWrittenOff, DeleveragingEnded, LossSocialized, ShortfallDeclared
from ..events.envelope import Event
from ..events.ledger import Account, LedgerState
from ..events.vocabulary import Body
from .insurance_fund import takeover
from .protocol import Handler, Product
from .valuation import profit_atoms

__all__ = ["LossSocialization", "SocializationParameters", "share_out"]


class SocializationParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `payers_max` accounts share one loss."""

    payers_max: int = 100

    def __post_init__(self) -> None:
        """Refuse a last resort without payers."""
        if self.payers_max < 1:
            message = "payers_max must be at least 1"
            raise ValueError(message)


class LossSocialization(Handler):
    """Spreads what is missing over the winners."""

    name: ClassVar[str] = "socialization"
    policy: ClassVar[str] = "profit-pro-rata"
    subscribes: ClassVar[tuple[type[Body], ...]] = (ShortfallDeclared, DeleveragingEnded, PositionTakenOver)
    Parameters: ClassVar[type[msgspec.Struct]] = SocializationParameters

    def __init__(self, parameters: SocializationParameters) -> None:
        """Keep the bound."""
        self.payers_max = parameters.payers_max

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The rest of a position to the fund; or the loss of an account without positions to the winners."""
        body = event.body
        assert isinstance(body, ShortfallDeclared | DeleveragingEnded | PositionTakenOver)
        account = ledger.accounts[body.account]
        if account.kind != "user" or account.liquidation_id is None:
            return ()
        if isinstance(body, DeleveragingEnded) and body.left_lots:
            key = (body.instrument, body.leg)
            market, held = ledger.markets[body.instrument], account.positions[key]
            at_mark = {key: market.payoff.value_atoms(held.size_lots, market.mark_ticks)}
            return takeover(account.liquidation_id, account, ledger, at_mark)
        if account.positions or account.balance_atoms >= 0:
            return ()
        return self._spread(account, account.liquidation_id, ledger)

    def _spread(self, bankrupt: Account, liquidation_id: int, ledger: LedgerState) -> Iterable[Product]:
        loss_atoms = -bankrupt.balance_atoms
        winners = self._winners(bankrupt.asset, ledger)
        shares = share_out(loss_atoms, [profit for profit, _ in winners])
        products: list[Product] = [
            LossSocialized(liquidation_id, bankrupt.account, -number, atoms)
            for (_, number), atoms in zip(winners, shares, strict=True)
            if atoms
        ]
        rest_atoms = loss_atoms - sum(shares)
        if rest_atoms:
            fund = ledger.fund(bankrupt.asset)
            products.append(BalanceWrittenOff(liquidation_id, bankrupt.account, fund, rest_atoms))
        return products

    def _winners(self, asset: int, ledger: LedgerState) -> list[tuple[int, int]]:
        """(what it can give, minus its account) of the largest winners, largest first, ties by account."""
        users = (a for a in ledger.accounts if a.kind == "user" and a.asset == asset)
        found = ((self.capacity_atoms(account, ledger), -account.account) for account in users)
        return nlargest(self.payers_max, (entry for entry in found if entry[0] > 0))

    def capacity_atoms(self, account: Account, ledger: LedgerState) -> int:
        """What it can give: the lesser of unrealised profit and equity; nothing for an account in liquidation."""
        if account.liquidation_id is not None or not account.positions:
            return 0
        profit = sum(profit_atoms(ledger.markets[key[0]], held) for key, held in account.positions.items())
        return min(profit, profit + account.balance_atoms)


def share_out(amount: int, capacities: list[int]) -> list[int]:
    """Split `amount` in proportion to capacities, none above its own: by largest remainder, ties by place.

    The sum is min(amount, sum of capacities). O(n log n).
    """
    total = sum(capacities)
    if amount >= total:
        return list(capacities)
    shares = [amount * capacity // total for capacity in capacities]
    remainders = sorted(range(len(capacities)), key=lambda i: (-(amount * capacities[i] % total), i))
    for i in remainders[: amount - sum(shares)]:
        shares[i] += 1
    return shares
