"""Deribit: the loss is shared by those who won on the same day, in proportion to what they won."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ....events.bodies.margin import MarkPriced
from ....events.bodies.venue import HandlerStateNoted
from ....events.envelope import Event
from ....events.ledger import Account, LedgerState
from ....events.vocabulary import Body
from ...loss_socialization import LossSocialization, SocializationParameters
from ...protocol import Product
from ...valuation import coins_worth_atoms, profit_atoms

__all__ = ["DayProfits", "DayProfitsParameters"]

_DAY_NS = 86_400 * 10**9
_NOTE = "day of instrument {}"


class DayProfitsParameters(SocializationParameters, frozen=True, forbid_unknown_fields=True):
    """The day begins `day_starts_ns` after midnight UTC."""

    day_starts_ns: int = 28_800_000_000_000

    def __post_init__(self) -> None:
        """Refuse a day that begins on another."""
        super().__post_init__()
        if not 0 <= self.day_starts_ns < _DAY_NS:
            message = "day_starts_ns must lie within a day"
            raise ValueError(message)


class DayProfits(LossSocialization):
    """share_i = loss x profit_i / sum of profits, where profit_i is what account i won today.

    Won today is, summed over positions, the lesser of the gain since it was opened and the gain since the day's first
    mark (which `ledger.notes` keep per instrument), and no more than the equity. What was realised today is not in it:
    the source speaks of the winning traders of that day and does not say how their profit is measured. Whole atoms by
    largest remainder, the rest as in `loss_socialization.py`. Source: Deribit support article 25944777576477.
    """

    policy: ClassVar[str] = "day-profits"
    formula: ClassVar[str] = "loss x profit of the day / sum of profits of the day"
    source: ClassVar[str] = "Deribit support article 25944777576477"
    subscribes: ClassVar[tuple[type[Body], ...]] = (*LossSocialization.subscribes, MarkPriced)
    Parameters: ClassVar[type[msgspec.Struct]] = DayProfitsParameters
    among: ClassVar[str] = (
        "by those who won on the same day, in proportion to what they won, which is at most their equity"
    )

    def __init__(self, parameters: DayProfitsParameters) -> None:
        super().__init__(parameters)
        self.day_starts_ns = parameters.day_starts_ns

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The day's first mark is noted; everything else as ever."""
        if not isinstance(event.body, MarkPriced):
            return super().handle(event, ledger, now_ns)
        key, day = _NOTE.format(event.body.instrument), (now_ns - self.day_starts_ns) // _DAY_NS
        noted = ledger.notes.get((self.name, key))
        if noted is not None and noted[0] >= day:
            return ()
        return (HandlerStateNoted(self.name, key, (day, event.body.mark_ticks)),)

    def capacity_atoms(self, account: Account, ledger: LedgerState) -> int:
        """What it won today, at most its equity; nothing for an account in liquidation."""
        if account.liquidation_id is not None or not account.positions:
            return 0
        won, profit = 0, 0
        for (instrument, _), held in account.positions.items():
            market, noted = ledger.markets[instrument], ledger.notes.get((self.name, _NOTE.format(instrument)))
            gained = profit_atoms(market, held)
            profit += gained
            if noted is not None:
                lots, value_atoms = held.size_lots, market.payoff.value_atoms
                gained = min(gained, value_atoms(lots, market.mark_ticks) - value_atoms(lots, noted[1]))
            won += gained
        return min(won, profit + account.balance_atoms + coins_worth_atoms(account, ledger))
