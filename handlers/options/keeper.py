"""Who keeps options: marks volatility and each option after its underlying, and settles them at expiry.

1. After each mark of an underlying, and each surface that is drawn anew, the level of its volatilities is worked out
   (`process.py`), and each option's mark; what stays as it was is not said again. Volatility comes first, then marks
   in the order of listing.
2. `window_ns` before an expiry the average of the index begins; at the expiry it is the delivery price. Each option of
   that expiry is then worth its payoff, and each position in it is closed at that, in the order of options and
   accounts: O(holders). An insurance fund that has not enough for what it holds declares a deficit first.
3. What a venue that had failed was to settle it settles as soon as it is back: at the average until the expiry, in
   which its last index has held since it failed; where none had begun, at the index as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec

from ...events.bodies.margin import MarkPriced
from ...events.bodies.options import (
    DeliveryPriced,
    DeliveryStarted,
    OptionExpired,
    OptionListed,
    OptionSettled,
    SurfaceSet,
)
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.bodies.waterfall import FundDeficitDeclared
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.ledger.options import Option
from ...events.ledger.postings import POSTINGS
from ...events.vocabulary import Body
from ..protocol import Handler, Product
from ..till import Till
from ..valuation import profit_atoms
from .holders import OptionHolders
from .parameters import SLOT, OptionsParameters
from .pricing import mark_ticks
from .process import level_of

__all__ = ["OptionsKeeper"]

_WINDOW = "delivery window"
_EXPIRY = "option expiry"
_MICRO = 10**6


class OptionsKeeper(Handler):
    """Marks by Black's formula on the surface; settlement at an average of the index."""

    name: ClassVar[str] = SLOT
    policy: ClassVar[str] = "black-76"
    formula: ClassVar[str] = "mark = Black's price at the mark of the underlying; settled at an average of its index"
    source: ClassVar[str] = "Black 1976; Deribit, Bybit and OKX settle by 30 minutes of the index"
    subscribes: ClassVar[tuple[type[Body], ...]] = (OptionListed, SurfaceSet, MarkPriced, TimerFired)
    observes: ClassVar[tuple[type[Body], ...]] = tuple(POSTINGS)
    Parameters: ClassVar[type[msgspec.Struct]] = OptionsParameters

    def __init__(self, parameters: OptionsParameters) -> None:
        self.rules = parameters
        self._holders = OptionHolders()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep who holds options."""
        if ledger.options:
            self._holders.note(event.body, ledger)

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """All of it follows from the positions."""
        self._holders.rebuild(ledger)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Each thing it hears of has one answer."""
        body = event.body
        if isinstance(body, MarkPriced):
            chain = body.instrument in ledger.volatilities
            return list(self._marked(body.instrument, ledger, now_ns)) if chain else ()
        if isinstance(body, SurfaceSet):
            is_marked = ledger.markets[body.instrument].mark_ticks > 0
            return list(self._marked(body.instrument, ledger, now_ns)) if is_marked else ()
        if isinstance(body, OptionListed):
            return self._timed(ledger.options[body.instrument], ledger, now_ns)
        assert isinstance(body, TimerFired)
        if body.instrument is None or body.purpose not in (_WINDOW, _EXPIRY):
            return ()
        if body.purpose == _WINDOW:
            return self._begun(body.instrument, ledger, now_ns)
        return list(self._settled(body.instrument, ledger, now_ns))

    def _timed(self, option: Option, ledger: LedgerState, now_ns: int) -> list[Product]:
        """The timers of an expiry, with the first option of it."""
        for one in ledger.options.values():
            if (one.underlying, one.expiry_ns) == (option.underlying, option.expiry_ns):
                if one is not option:
                    return []
                break
        began_ns = max(now_ns + 1, option.expiry_ns - self.rules.window_ns)
        return [
            TimerSet(_WINDOW, began_ns, None, option.underlying),
            TimerSet(_EXPIRY, option.expiry_ns, None, option.underlying),
        ]

    def _begun(self, underlying: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        """The average of each expiry whose window is open by now."""
        index_ticks = ledger.markets[underlying].index_ticks
        due = sorted({one.expiry_ns for one in _open(ledger, underlying) if now_ns < one.expiry_ns})
        return [
            DeliveryStarted(underlying, expiry_ns, index_ticks)
            for expiry_ns in due
            if expiry_ns - now_ns <= self.rules.window_ns and (underlying, expiry_ns) not in ledger.deliveries
        ]

    def _marked(self, underlying: int, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """The level of volatility where it is another, and the marks that are."""
        found = level_of(self.rules, underlying, ledger, now_ns)
        if found is not None:
            yield found
        level_ppm = None if found is None else found.level_ppm
        for option in _open(ledger, underlying):
            ticks = mark_ticks(ledger, option, level_ppm)
            if ticks != ledger.markets[option.instrument].mark_ticks:
                yield MarkPriced(option.instrument, ticks, 0, ticks)

    def _settled(self, underlying: int, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """The delivery price of what expires, the payoff of each option, and each position closed at it."""
        due = [option for option in _open(ledger, underlying) if option.expiry_ns <= now_ns]
        priced = {at_ns: _delivered(underlying, at_ns, ledger) for at_ns in sorted({one.expiry_ns for one in due})}
        yield from priced.values()
        payoffs = {one.instrument: one.payoff_ticks(priced[one.expiry_ns].price_microticks) for one in due}
        yield from (OptionExpired(instrument, ticks) for instrument, ticks in payoffs.items())
        holders = (ledger.accounts[number] for number in sorted(self._holders.of(underlying)))
        settled = [one for account in holders for one in _closed(account, payoffs, ledger)]
        yield from _deficits(settled, ledger)
        yield from sorted(settled, key=lambda one: (one.instrument, one.account, one.leg))


def _delivered(underlying: int, expiry_ns: int, ledger: LedgerState) -> DeliveryPriced:
    """The price that an expiry is settled by: the average of its window, as far as that was open."""
    delivery = ledger.deliveries.get((underlying, expiry_ns))
    if delivery is None:
        return DeliveryPriced(underlying, expiry_ns, 0, ledger.markets[underlying].index_ticks * _MICRO)
    ended_ns = max(expiry_ns, delivery.at_ns)
    return DeliveryPriced(underlying, expiry_ns, ended_ns - delivery.began_ns, delivery.average_microticks(ended_ns))


def _open(ledger: LedgerState, underlying: int) -> Iterator[Option]:
    """The options on an underlying that have not expired."""
    return (one for one in ledger.options.values() if one.underlying == underlying and one.expired_seq is None)


def _closed(account: Account, payoffs: Mapping[int, int], ledger: LedgerState) -> Iterator[OptionSettled]:
    """What an account holds of the options that expire, the other way round."""
    for (instrument, leg), held in account.positions.items():
        if instrument in payoffs:
            ticks, lots = payoffs[instrument], -held.size_lots
            value_atoms = ledger.markets[instrument].payoff.value_atoms(lots, ticks)
            liquidation_id = leg if account.kind == "insurance" else None
            yield OptionSettled(account.account, instrument, leg, lots, ticks, value_atoms, liquidation_id)


def _deficits(settled: Sequence[OptionSettled], ledger: LedgerState) -> Iterator[FundDeficitDeclared]:
    """What funds owe beyond what they may pay, as they settle what they hold."""
    for fund, standing in ledger.funds.items():
        till = Till(ledger, fund)
        for one in settled:
            if one.account == fund:
                till.take((one.instrument, one.leg), one.size_lots, one.value_atoms)
        if standing.bound and till.over_atoms < 0:
            held = ledger.accounts[fund]
            profit = sum(profit_atoms(ledger.markets[key[0]], one) for key, one in held.positions.items())
            yield FundDeficitDeclared(
                None, fund, fund, held.balance_atoms, profit, standing.floor_atoms, -till.over_atoms
            )
