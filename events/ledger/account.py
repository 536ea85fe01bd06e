"""Margin accounts and their positions.

1. equity = balance + sum of (value at mark - cost - funding owed). A trade of q lots worth v adds q to the size and v
   to the cost; whatever closes realises `value - cost` into the balance.
2. Money is `balance - cost + funding`, with what others hold of the asset as collateral, summed over all accounts with
   the outside world: always zero per asset.
3. Funding is settled without touching anyone: a position remembers what its lots owed in cumulative funding when they
   were bought (`funding_atoms`), so what it owes now is the cumulative funding of its lots less that.
4. A part that closes takes its share of cost and funding rounded down; the remainder stays with the part that is left.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from ..bodies.declaring import AccountStatus
from ..bodies.listing import AccountKind, AccountMode
from ..errors import LedgerError

if TYPE_CHECKING:
    from ..bodies.base import BodyBase

__all__ = ["Account", "AccountStatus", "Position", "PositionKey", "funding_of", "trade"]

PositionKey = tuple[int, int]
"""(instrument, leg). Leg 0 is the net position; 1 and 2 are long and short in hedge mode; in the insurance fund the leg
is the liquidation that the lot came from."""

_NANO = 10**9
_KEYS_SHARED = 4096
_NO_COINS: dict[int, int] = {}
"""What every account without coins has of them, which is never added to."""


class Position(msgspec.Struct, array_like=True, gc=False):
    """Signed lots, what they cost, and the cumulative funding they had owed when they were bought."""

    size_lots: int
    cost_atoms: int
    funding_atoms: int


class Account(msgspec.Struct, array_like=True, gc=False):
    """One margin account: the asset that it settles in, its balance, its positions, and where it is in its life cycle.

    `coins` are its amounts of other assets, in atoms by asset: collateral, and nothing that a position settles in.

    `calls` counts margin calls and numbers the draws that depend on them; `called_seq` is the last call's event and
    `called_bps` its level.
    """

    account: int
    kind: AccountKind
    mode: AccountMode
    asset: int
    owner: int | None
    parent: int | None
    balance_atoms: int
    positions: dict[PositionKey, Position]
    status: AccountStatus = "healthy"
    calls: int = 0
    called_seq: int | None = None
    liquidation_id: int | None = None
    called_bps: int = 0
    coins: dict[int, int] = msgspec.field(default_factory=lambda: _NO_COINS)

    def __repr__(self) -> str:
        """One line: a fund's account may hold thousands of lots."""
        stands = f"{self.kind}, {self.status}, balance_atoms={self.balance_atoms}"
        return f"<Account {self.account}: {stands}, positions={len(self.positions)}>"

    def amount_of(self, asset: int) -> int:
        """What it has of an asset, in atoms."""
        return self.balance_atoms if asset == self.asset else self.coins.get(asset, 0)

    def receive(self, asset: int, atoms: int) -> None:
        """Add atoms of an asset (negative: take them away); of what is gone nothing is kept."""
        if asset == self.asset:
            self.balance_atoms += atoms
            return
        left_atoms = self.coins.get(asset, 0) + atoms
        if left_atoms:
            self.coins = {**self.coins, asset: left_atoms}
        else:
            self.coins.pop(asset, None)

    def move(self, body: BodyBase) -> None:
        """Take it to the status that follows by this event. Raises LedgerError where no such step is declared."""
        try:
            self.status = body.steps[self.status]
        except KeyError:
            message = f"account {self.account}: {type(body).__name__} cannot follow status {self.status!r}"
            raise LedgerError(message) from None


def funding_of(size_lots: int, cumulative_nanoatoms: int) -> int:
    """Cumulative funding of so many lots, in atoms, rounded toward zero: so a buyer's and a seller's are opposite."""
    nanoatoms = size_lots * cumulative_nanoatoms
    return nanoatoms // _NANO if nanoatoms >= 0 else -(-nanoatoms // _NANO)


def trade(account: Account, key: PositionKey, size_lots: int, value_atoms: int, funding_atoms: int) -> None:
    """Book a trade of `size_lots` worth `value_atoms`, at `funding_atoms` of cumulative funding for that many lots.

    Opens, adds, closes with realised profit into the balance, or turns a position round; then the closing part takes
    its share of value and funding rounded down and the opening part the rest.
    """
    positions = account.positions
    held = positions.get(key)
    if held is None:
        if size_lots:
            positions[_shared(*key)] = Position(size_lots, value_atoms, funding_atoms)
        return
    held_lots = held.size_lots
    left_lots = held_lots + size_lots
    if (held_lots > 0) == (size_lots > 0):
        held.size_lots = left_lots
        held.cost_atoms += value_atoms
        held.funding_atoms += funding_atoms
    elif left_lots and (held_lots > 0) == (left_lots > 0):
        _reduce(account, held, left_lots, value_atoms, funding_atoms)
    else:
        _close(account, key, held, left_lots, value_atoms, funding_atoms)


@lru_cache(_KEYS_SHARED)
def _shared(instrument: int, leg: int) -> PositionKey:
    """One key for all accounts that hold the same: by far the most do, and each key of its own takes 56 bytes."""
    return instrument, leg


def _reduce(account: Account, held: Position, left_lots: int, value_atoms: int, funding_atoms: int) -> None:
    """Close a part. The quotient of two sizes of one sign is that of how large they are."""
    held_lots = held.size_lots
    closed_lots = held_lots - left_lots
    cost_part = held.cost_atoms * closed_lots // held_lots
    funding_part = held.funding_atoms * closed_lots // held_lots
    account.balance_atoms += funding_atoms + funding_part - value_atoms - cost_part
    held.size_lots = left_lots
    held.cost_atoms -= cost_part
    held.funding_atoms -= funding_part


def _close(
    account: Account, key: PositionKey, held: Position, left_lots: int, value_atoms: int, funding_atoms: int
) -> None:
    """Close all of it. Where lots are left they open the other way round, as a new position behind the others."""
    closing_atoms, closing_funding = value_atoms, funding_atoms
    if left_lots:
        closing_lots, size_lots = -held.size_lots, left_lots - held.size_lots
        closing_atoms = value_atoms * closing_lots // size_lots
        closing_funding = funding_atoms * closing_lots // size_lots
    account.balance_atoms += closing_funding + held.funding_atoms - closing_atoms - held.cost_atoms
    held.size_lots = held.cost_atoms = held.funding_atoms = 0  # zeroed so that a stale reference does not look open
    del account.positions[key]
    if left_lots:
        opened_atoms, opened_funding = value_atoms - closing_atoms, funding_atoms - closing_funding
        account.positions[_shared(*key)] = Position(left_lots, opened_atoms, opened_funding)
