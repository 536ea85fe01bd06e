"""Traders who redeem a coin instead of having it sold: for more than its market gives, and later.

1. A trader redeems under a margin call, and while it owes; of all traders `share_bps`, drawn by name.
2. It redeems no more than brings what it is short of: what it owes, or under a call what is missing to `target_bps` of
   the requirement. Coins on their way bear no position; so it keeps what the requirement needs meanwhile, and whoever
   cannot redeem anything without being liquidated does not.
3. What is redeemed is paid after the asset's delay, at what redemption brings then. In the meantime it is nobody's
   margin, and nothing takes it back: it is paid to the trader even where a liquidation has come before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar, NamedTuple

import msgspec

from ...events.bodies.margin import MarginCalled, MarkPriced
from ...events.bodies.redemption import RedemptionPaid, RedemptionRequested
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.ledger.conversion import Conversion
from ...events.ledger.postings import POSTINGS
from ...events.venue_names import plain
from ...events.vocabulary import Body, accounts_named
from ..draws import account_key, draw_below
from ..faults import failure_at
from ..protocol import Handler, Product
from ..valuation import BPS, SLACK_SCALE, margin_of, slack
from .redeemed import redeemed_ticks

__all__ = ["Redemptions", "RedemptionsParameters"]

_PURPOSE = "redemption"


class RedemptionsParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`redeems` says what a unit of an asset is redeemed for, and `delays_ns` how long that takes.

    It is redeemed for (instrument, millionths of a unit of it), the instrument being "" where it is redeemed for the
    settlement asset itself. An asset that is not named is not redeemed.
    """

    redeems: dict[str, tuple[str, int]] = {}
    delays_ns: dict[str, int] = {}
    share_bps: int = 10_000
    target_bps: int = 20_000

    def __post_init__(self) -> None:
        """Refuse a redemption for nothing, or at once, a share over the whole, and a target under the requirement."""
        if any(rate_ppm < 1 for _, rate_ppm in self.redeems.values()):
            message = "each redemption must bring at least a millionth"
            raise ValueError(message)
        if self.redeems.keys() != self.delays_ns.keys() or any(delay_ns < 1 for delay_ns in self.delays_ns.values()):
            message = "delays_ns must have each asset of redeems, and take at least a nanosecond for it"
            raise ValueError(message)
        if not 0 <= self.share_bps <= BPS or self.target_bps < BPS:
            message = "share_bps must lie between 0 and 10000, and target_bps be at least 10000"
            raise ValueError(message)


class _Redeemable(NamedTuple):
    """How a coin that an account holds is converted in its market, how in a redemption now, and how long that takes."""

    conversion: Conversion
    redeemed: Conversion
    delay_ns: int

    def for_atoms(self, money_atoms: int) -> int:
        """How much brings so much money, rounded up."""
        return -(-money_atoms * self.redeemed.asset_atoms // (self.redeemed.price_ticks * self.redeemed.quote_atoms))


class Redemptions(Handler):
    """Requests redemptions for traders who are called or owe, and pays them when they are due."""

    name: ClassVar[str] = "redemptions"
    policy: ClassVar[str] = "delayed"
    subscribes: ClassVar[tuple[type[Body], ...]] = (MarkPriced, MarginCalled, TimerFired)
    observes: ClassVar[tuple[type[Body], ...]] = tuple(POSTINGS)
    Parameters: ClassVar[type[msgspec.Struct]] = RedemptionsParameters

    def __init__(self, parameters: RedemptionsParameters) -> None:
        self.rules = parameters
        self._owing: set[int] = set()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep who owes and redeems: read off the balances of those whom an event names."""
        for number in accounts_named(event.body):
            account = ledger.accounts[number]
            if account.coins or number in self._owing:
                self._note(account, ledger)

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """All of it follows from the balances."""
        self._owing.clear()
        for account in ledger.accounts:
            if account.coins:
                self._note(account, ledger)

    def _note(self, account: Account, ledger: LedgerState) -> None:
        owes = bool(account.coins) and account.balance_atoms < 0 and self.is_here(ledger, account.account)
        change = self._owing.add if owes and self._redeems(account, ledger) else self._owing.discard
        change(account.account)

    def _redeems(self, account: Account, ledger: LedgerState) -> bool:
        """Whether this trader is one of those who redeem."""
        key = account_key(ledger.name(account.account))
        return account.kind == "user" and draw_below(ledger.seed, key, _PURPOSE, 0, BPS) < self.rules.share_bps

    def gate(self, kind: type[Body]) -> Collection[object]:
        """For marks, who owes."""
        return self._owing if kind is MarkPriced else super().gate(kind)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """At a mark for who owes, at a call for who is called; at the timer the payment."""
        body = event.body
        if isinstance(body, TimerFired):
            return list(self._paid(body, ledger, now_ns)) if body.purpose == _PURPOSE else ()
        if failure_at(ledger, self.venue) is not None:
            return ()
        if isinstance(body, MarginCalled):
            account = ledger.accounts[body.account]
            asking = [account] if self._redeems(account, ledger) else []
        else:
            asking = [ledger.accounts[number] for number in sorted(self._owing)]
        waiting = {asked.account for asked in ledger.redemptions.values()}
        free = (one for one in asking if one.liquidation_id is None and one.account not in waiting)
        return [product for account in free for product in self._requested(account, ledger, now_ns)]

    def _requested(self, account: Account, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """Coin by coin as they were listed, until what it is short of is on its way."""
        margin = margin_of(account, ledger)
        owed_atoms = max(0, -account.balance_atoms)
        short_atoms = owed_atoms or -(slack(margin, self.rules.target_bps) // SLACK_SCALE)
        spare_atoms = slack(margin, BPS) // SLACK_SCALE
        for one in self._redeemable(account, ledger):
            if short_atoms <= 0:
                return
            asset = one.conversion.asset
            held_atoms = account.coins[asset]
            atoms = min(held_atoms, one.for_atoms(short_atoms), _spared(one.conversion, spare_atoms))
            brought_atoms = one.redeemed.worth_atoms(atoms)
            if brought_atoms <= 0:
                continue
            due_ns = now_ns + one.delay_ns
            number, instrument = account.account, one.conversion.instrument
            yield RedemptionRequested(number, asset, instrument, atoms, one.redeemed.price_ticks, owed_atoms, due_ns)
            yield TimerSet(_PURPOSE, due_ns, number)
            short_atoms -= brought_atoms
            spare_atoms -= one.conversion.worth_atoms(atoms) + 1

    def _redeemable(self, account: Account, ledger: LedgerState) -> Iterator[_Redeemable]:
        for asset in sorted(account.coins):
            name = plain(ledger.assets[asset].name)
            if name not in self.rules.redeems or account.coins[asset] <= 0:
                continue
            conversion = ledger.conversions[asset]
            price_ticks = redeemed_ticks(conversion, *self.rules.redeems[name], ledger)
            if price_ticks:
                yield _Redeemable(conversion, conversion.at(price_ticks), self.rules.delays_ns[name])

    def _paid(self, timer: TimerFired, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        for seq, asked in ledger.redemptions.items():
            if asked.account != timer.account or asked.due_ns > now_ns:
                continue
            redeems = self.rules.redeems.get(plain(ledger.assets[asked.asset].name))
            conversion = ledger.conversions[asked.asset]
            now_ticks = redeemed_ticks(conversion, *redeems, ledger) if redeems else None
            price_ticks = now_ticks or asked.price_ticks
            atoms = conversion.at(price_ticks).worth_atoms(asked.amount_atoms)
            yield RedemptionPaid(asked.account, asked.instrument, atoms, price_ticks, seq)


def _spared(conversion: Conversion, spare_atoms: int) -> int:
    """How much can leave, all of it counting, without more than so much collateral being gone."""
    if not conversion.price_ticks or spare_atoms <= 1:
        return 0
    return (spare_atoms - 1) * conversion.asset_atoms // (conversion.price_ticks * conversion.quote_atoms)
