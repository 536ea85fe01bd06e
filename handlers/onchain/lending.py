"""What every lending protocol does here: it rates collateral, lets debts grow, and has somebody bear bad debt.

1. What of an asset counts is the policy's, and is stated as an asset's conversion is listed.
2. Suppliers are one account, the `pool`: what it has is lent out as far as borrowers owe it. At each interval debts of
   an asset grow by the rate that follows from how much of it is lent out. Nobody's debt is touched by that: an account
   owes its debt times the index over the index up to which it was settled.
3. What is owed without any collateral left is bad. The `backstops` bear it in their order, each what it has, the last
   of them all that is left, even if that is more than it has.
4. Whatever makes less of a debt undoes layers of the account's chain (`loops.py`), if it has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import msgspec

from ...events.bodies.chain import BadDebtCovered, BadDebtRealised, CollateralSeized, DebtIndexed, InterestSettled
from ...events.bodies.collateral import CollateralTier, ConversionSet
from ...events.bodies.loans import BorrowerSold, DebtRepaid
from ...events.bodies.lots import CollateralAbsorbed, CollateralAuctioned
from ...events.bodies.run import RunForked
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.vocabulary import Body
from ..collateral.rules import first_interest, rated_anew
from ..protocol import Handler, Linked, Product
from .borrowers import Weights, collateral_of, debts_of, first_of, quote_of
from .loops import unwound
from .offers import Offer
from .rates import ONE, RateCurve, grown_index, utilisation
from .worth import collateral_value

__all__ = ["Backstop", "Lending", "LendingParameters", "settled"]

_INTEREST = "interest on debts"
_PPM, _PPB = 10**6, 10**9


class Backstop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group of actors of which the first account bears bad debt, and what that is called."""

    group: str
    name: str


class LendingParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rates` by the name of what is owed; of what is not named debts do not grow."""

    pool: str = "pool"
    reserve: str = "reserve"
    backstops: tuple[Backstop, ...] = (Backstop("pool", "pool of all suppliers"),)
    rates: dict[str, RateCurve] = {}
    reserve_bps: int = 0
    interest_interval_ns: int = 3_600 * 10**9

    def __post_init__(self) -> None:
        """Refuse what nobody could bear, and what would never come round."""
        if not self.backstops or not 0 <= self.reserve_bps <= 10**4 or self.interest_interval_ns < 1:
            message = (
                "backstops must name somebody, reserve_bps lie from 0 to 10000, and interest_interval_ns be above 0"
            )
            raise ValueError(message)
        for name in self.__struct_fields__:
            if name.endswith("gas") and getattr(self, name) < 0:
                message = f"{name} must not be negative"
                raise ValueError(message)
        self.check()

    def check(self) -> None:
        """Refuse figures of the policy's own. Raises ValueError."""

    def weights(self) -> Weights:
        """How much of each asset counts."""
        raise NotImplementedError

    def offers(self, unsafe: Sequence[int], ledger: LedgerState, venue: str, now_ns: int) -> list[Offer]:
        """What there is to do for keepers, given who is unsafe."""
        raise NotImplementedError

    def own_accounts(self, ledger: LedgerState, venue: str) -> list[int]:
        """The protocol's own accounts, which nobody liquidates."""
        found = (first_of(group, ledger, venue) for group in (*self.groups, self.reserve))
        return [account.account for account in found if account is not None]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of actors that it needs."""
        return (self.pool, *(one.group for one in self.backstops))


class Lending(Handler):
    """The base of all protocols; `subscribes` of a policy adds what it hears besides."""

    name: ClassVar[str] = "lending"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        ConversionSet,
        RunForked,
        TimerFired,
        CollateralSeized,
        DebtRepaid,
        BorrowerSold,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = LendingParameters

    def __init__(self, parameters: LendingParameters) -> None:
        self.rules = parameters
        self.weights = parameters.weights()

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Each thing that it hears has one answer."""
        body = event.body
        if isinstance(body, ConversionSet):
            return self._rated(body.asset, ledger, now_ns)
        if isinstance(body, RunForked):
            return [p for asset in sorted(ledger.conversions) for p in self._rated(asset, ledger, now_ns)]
        if isinstance(body, TimerFired):
            return list(self._grown(ledger, now_ns)) if body.purpose == _INTEREST else ()
        if isinstance(body, DebtRepaid | BorrowerSold | CollateralAuctioned):
            return list(unwound(ledger.accounts[body.account], ledger))
        return list(self._acted(body, ledger, now_ns))

    def _acted(self, body: Body, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """What follows where somebody acted on the protocol."""
        assert isinstance(body, CollateralSeized | CollateralAbsorbed)
        account = ledger.accounts[body.account]
        yield from unwound(account, ledger)
        yield from self.realised(account, ledger)

    def _rated(self, asset: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        """How much of an asset counts, where that is news; and the first timer of interest."""
        if ledger.assets[asset].venue != self.venue:
            return []
        ratio_ppm = self.weights.of(asset, ledger) * _PPM // self.weights.scale
        ratings = rated_anew(ledger.conversions[asset], (CollateralTier(0, ratio_ppm),))
        due_ns = now_ns + self.rules.interest_interval_ns
        return [*ratings, *(first_interest(ledger, asset, _INTEREST, due_ns) if self.rules.rates else ())]

    def _grown(self, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """The indices after an interval, O(accounts), and the timer of the next one."""
        pool = first_of(self.rules.pool, ledger, self.venue)
        owed: dict[int, int] = {}
        for account in ledger.accounts:
            if account.kind == "user" and self.is_here(ledger, account.account):
                for asset, atoms in debts_of(account, ledger).items():
                    owed[asset] = owed.get(asset, 0) + atoms
        for asset in sorted(owed):
            curve = self.rules.rates.get(ledger.assets[asset].name.partition("@")[0])
            if curve is None or pool is None:
                continue
            used = utilisation(owed[asset], max(0, pool.amount_of(asset) - owed[asset]))
            rate_ppb = curve.borrow_rate(used) * _PPB // ONE
            index = grown_index(ledger.chain.index(asset), rate_ppb, self.rules.interest_interval_ns)
            yield DebtIndexed(asset, index, rate_ppb, used * _PPM // ONE)
        yield TimerSet(_INTEREST, now_ns + self.rules.interest_interval_ns)

    def realised(self, account: Account, ledger: LedgerState) -> Iterator[Product]:
        """The bad debt of an account that has no collateral left, and who bears it; nothing of another."""
        held = collateral_of(account).items()
        if any(
            self.weights.of(asset, ledger) and collateral_value(atoms, quote_of(account, asset, ledger))
            for asset, atoms in held
        ):
            return
        spent: dict[tuple[int, int], int] = {}
        for asset, atoms in debts_of(account, ledger).items():
            yield from settled(self.rules, account, {asset: atoms}, ledger, self.venue)
            yield BadDebtRealised(account.account, asset, atoms)
            yield from self.covered(account, asset, atoms, ledger, spent)

    def covered(
        self, account: Account, asset: int, atoms: int, ledger: LedgerState, spent: dict[tuple[int, int], int]
    ) -> Iterator[Product]:
        """Who bears so much of what an account owes; `spent` is what backstops have paid in the same breath."""
        left_atoms, backstops = atoms, self.rules.backstops
        for place, backstop in enumerate(backstops, 1):
            payer = first_of(backstop.group, ledger, self.venue)
            if payer is None or payer is account or not left_atoms:
                continue
            key = (payer.account, asset)
            has_atoms = max(0, payer.amount_of(asset) - spent.get(key, 0))
            paid_atoms = left_atoms if place == len(backstops) else min(left_atoms, has_atoms)
            if paid_atoms:
                left_atoms, spent[key] = left_atoms - paid_atoms, spent.get(key, 0) + paid_atoms
                yield BadDebtCovered(account.account, payer.account, asset, paid_atoms, backstop.name)


def by_price(body: Body, ledger: LedgerState, asset: int) -> Linked:
    """An event that rests on the oracle's price of an asset, linked to who set that."""
    priced_seq = ledger.conversions[asset].priced_seq
    return Linked(body, () if priced_seq is None else (priced_seq,))


def settled(
    rules: LendingParameters, account: Account, debts: dict[int, int], ledger: LedgerState, venue: str
) -> Iterator[Product]:
    """The interest of an account's debts up to now becomes part of them: the lenders' and, in part, the reserve's.

    It comes before whatever touches a debt.
    """
    pool, reserve = (first_of(group, ledger, venue) for group in (rules.pool, rules.reserve))
    for asset, owed_atoms in debts.items():
        index = ledger.chain.index(asset)
        if pool is None or index == ledger.chain.settled(account.account, asset):
            continue
        interest_atoms = owed_atoms + account.amount_of(asset)
        kept_atoms = interest_atoms * rules.reserve_bps // 10**4 if reserve is not None else 0
        yield InterestSettled(account.account, pool.account, asset, interest_atoms - kept_atoms, index)
        if reserve is not None and kept_atoms:
            yield InterestSettled(account.account, reserve.account, asset, kept_atoms, index)
