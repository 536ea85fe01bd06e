"""A liquidity provider of last resort: a vault that belongs to named depositors, who share its losses pro rata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import ClassVar

import msgspec

from ....events.bodies.auctions import VaultDeposited, VaultShared
from ....events.bodies.inputs import PriceTicked
from ....events.bodies.venue import TimerFired, TimerSet
from ....events.envelope import Event
from ....events.ledger import LedgerState
from ....events.vocabulary import Body
from ...insurance_fund import FundParameters, InsuranceFund
from ...protocol import Product
from ...valuation import BPS
from ..allocation import largest_remainder

__all__ = ["DepositorVault", "DepositorVaultParameters", "VaultParameters"]

_SHARING = "sharing of the vault's result"


class VaultParameters(FundParameters, frozen=True, forbid_unknown_fields=True):
    """As the plain fund, with depositors who put `deposit_bps` of their balance in.

    Every `share_interval_ns` the result is shared.
    """

    deposit_bps: int = 10_000
    share_interval_ns: int = 60_000_000_000

    def __post_init__(self) -> None:
        """Refuse deposits of nothing, and results that are shared without end in one instant."""
        super().__post_init__()
        if not 0 < self.deposit_bps <= BPS or self.share_interval_ns < 1:
            message = "deposit_bps must lie above 0, up to 10000, and share_interval_ns be at least 1"
            raise ValueError(message)


class DepositorVaultParameters(VaultParameters, frozen=True, forbid_unknown_fields=True):
    """The depositors are `group`-1, `group`-2, ...; the rest as every vault has it."""

    group: str = "depositor"


class DepositorVault(InsuranceFund):
    """part = result x claim / sum of claims, in whole atoms by largest remainder, ties by account.

    1. At the first price each depositor pays into the vault, which is the first fund of the asset of its account, and
       has a claim of that; what the venue put in itself is the vault's own claim.
    2. The result is the vault's cash and inventory at the mark, less all claims. It is shared pro rata to the claims,
       so that these sum to what the vault is worth, exactly.
    3. In all else it is the fund that stands in its place: it takes over, sells and pays as that does.

    Source: Hyperliquid docs, HLP (a vault of depositors who share its profit and loss by their part of it).
    """

    policy: ClassVar[str] = "depositor-vault"
    version: ClassVar[str] = "2"
    formula: ClassVar[str] = "result x claim / sum of claims, whole atoms by largest remainder"
    source: ClassVar[str] = "Hyperliquid docs, hypercore/vaults (HLP)"
    subscribes: ClassVar[tuple[type[Body], ...]] = (*InsuranceFund.subscribes, PriceTicked)
    Parameters: ClassVar[type[msgspec.Struct]] = DepositorVaultParameters
    rules: VaultParameters

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of accounts that the depositors are."""
        assert isinstance(self.rules, DepositorVaultParameters)
        return (self.rules.group,)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Deposits at the first price, parts of the result at each interval, and all that the fund does."""
        body = event.body
        if isinstance(body, PriceTicked):
            begun = any(self.is_here(ledger, fund) for fund in ledger.vaults)
            return () if begun else list(self._deposits(ledger, now_ns))
        if isinstance(body, TimerFired) and body.purpose == _SHARING and body.account is not None:
            return list(self._shared(body.account, ledger, now_ns))
        return super().handle(event, ledger, now_ns)

    def _deposits(self, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """Each depositor pays into the first fund of its own asset."""
        funds = dict[int, None]()
        for account in chain.from_iterable(self.accounts_of(group, ledger) for group in self.groups):
            fund = ledger.fund(account.asset)
            funds[fund] = None
            amount_atoms = account.balance_atoms * self.rules.deposit_bps // BPS
            if amount_atoms > 0:
                yield VaultDeposited(account.account, fund, amount_atoms)
        for fund in funds:
            yield self._next_sharing(fund, now_ns)

    def _next_sharing(self, fund: int, now_ns: int) -> Product:
        return TimerSet(_SHARING, now_ns + self.rules.share_interval_ns, fund)

    def _shared(self, fund: int, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        """Each depositor's part, in the order of the accounts; nothing where there is no result, or nobody to bear."""
        claims = dict(sorted(ledger.vaults.get(fund, {}).items()))
        worth_atoms = self.capacity_atoms(ledger, fund) + self.rules.floor_atoms
        gained_atoms = worth_atoms - sum(claims.values())
        if gained_atoms:
            for account, part_atoms in self.parts(gained_atoms, claims, fund, ledger).items():
                yield VaultShared(account, fund, gained_atoms, part_atoms, claims[account] + part_atoms)
        yield self._next_sharing(fund, now_ns)

    def parts(self, gained_atoms: int, claims: Mapping[int, int], fund: int, ledger: LedgerState) -> dict[int, int]:
        """Each claim's part of a result, which they sum to; none where there is nobody to share it."""
        total_atoms = sum(claims.values())
        if total_atoms <= 0:
            return {}
        sign = 1 if gained_atoms > 0 else -1
        parts = largest_remainder(abs(gained_atoms), list(claims.values()), total_atoms)
        return {account: sign * part for account, part in zip(claims, parts, strict=True)}
