"""The first pass: what the files are about. Nothing is written; what is found is all that must be declared.

What accounts held when the files begin, as far as the fills tell.

1. The size is the start position of an account's first fill of a coin.
2. The cost follows from the first fill that reduces the position: closedPnl = closed x (price - entry), so what the
   whole position cost is `position x price - closedPnl x |position| / closed`. What was added in between is taken off.
3. Where no fill tells before the files end, or a start position does not follow from the one before, the entry stays
   unknown. The position then counts as bought at the price of its first fill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container

import msgspec

from ....events.bodies.base import Provenance
from ....events.errors import ScenarioError
from ..digits import decimals_of, snapped
from .admission import is_coin, is_spot, is_token
from .fills import DELEVERAGED, ISOLATED, Block, Fill
from .scales import TOKEN_DECIMALS_MOST, CoinUses

__all__ = ["DEFAULT_ASSET", "SIZE_DECIMALS", "Opening", "Openings", "Survey"]

DEFAULT_ASSET = "USDC"
"""What a perpetual settles in where its fills do not say."""

SIZE_DECIMALS = 8
"""Sizes and prices are held in units of 10^-8, whatever the coin's own scales."""

_ONE = 10**SIZE_DECIMALS


class Survey:
    """Coins, tokens, accounts and openings, each in the order in which it was first met."""

    def __init__(self) -> None:
        self.start_ns: int | None = None
        self.coins: dict[str, CoinUses] = {}
        self.tokens: dict[str, int] = {}
        self.accounts: dict[tuple[str, str], None] = {}
        self.settling: dict[str, None] = {}
        """What accounts settle in, those of other shards included."""
        self.vaults: set[str] = set()
        self.isolated: dict[tuple[str, str], None] = {}
        """Address and coin of the positions that are told to be isolated."""
        self._funded: set[str] = set()
        self.openings = Openings()

    def begin(self, at_ns: int) -> None:
        """Something happens at this time; the earliest is where the record begins."""
        if self.start_ns is None or at_ns < self.start_ns:
            self.start_ns = at_ns

    def account(self, address: str, asset: str = DEFAULT_ASSET) -> None:
        """An account is needed."""
        self.settling.setdefault(asset)
        self.accounts.setdefault((address, asset))

    def fund(self, address: str, asset: str = DEFAULT_ASSET) -> None:
        """An account is needed that money moves on, or is stated of: a cross account."""
        self.account(address, asset)
        self._funded.add(address)

    def liquidated(self, address: str, isolated: tuple[str, ...]) -> None:
        """An account was liquidated, or its isolated positions in these coins were."""
        self.account(address)
        for coin in isolated:
            if coin in self.coins:
                self.isolated[address, coin] = None

    def isolated_alone(self) -> set[str]:
        """The addresses of which nothing is told but of one isolated position: it needs no account beside theirs."""
        held = Counter(address for address, _ in self.isolated)
        others = {
            address for address, coin in self.openings.of if address in held and (address, coin) not in self.isolated
        }
        return {address for address, times in held.items() if times == 1} - others - self._funded

    def feed(self, block: Block, places: Container[int]) -> None:
        """Look at a block, and at whose the fills at these places are.

        What is no coin or no number is left to the second pass, which reports it.
        """
        self.begin(block.at_ns)
        coins, openings = self.coins, self.openings.of
        for place, (address, fill) in enumerate(block.fills):
            uses = coins.get(fill.coin) or self._coin(block, fill)
            if uses is None:
                continue
            if fill.px not in uses.prices:
                uses.price(fill.px)
            if fill.sz not in uses.sizes:
                uses.size(fill.sz)
            start = fill.start_position
            if start is not None and start[-2:] != ".0" and not uses.spot and uses.is_finer(start):
                uses.size(start)
            if fill.fee_token != uses.asset or fill.liquidation is not None:
                self._rarer(uses, address, fill)
            if place not in places:
                self.settling.setdefault(DEFAULT_ASSET if uses.spot else uses.asset)
                continue
            opening = openings.get((address, fill.coin))
            if opening is None or opening.open:
                self._opening(uses, address, fill, Provenance(block.source.number, block.row_of(place), block.venue_ns))

    def _opening(self, uses: CoinUses, address: str, fill: Fill, place: Provenance) -> None:
        """What an account held of a coin is still to be told."""
        key = (address, fill.coin)
        if key not in self.openings.of:
            self.account(address, DEFAULT_ASSET if uses.spot else uses.asset)
        try:
            if uses.spot:
                self.openings.none(key)
            else:
                self.openings.feed(key, fill, place)
        except ScenarioError:
            self.openings.none(key)

    def _rarer(self, uses: CoinUses, address: str, fill: Fill) -> None:
        """What only some fills have: a fee in a token, a liquidation behind them."""
        if fill.fee_token != uses.asset and is_token(fill.fee_token):
            decimals = min(decimals_of(fill.fee or "0.0"), TOKEN_DECIMALS_MOST)
            self.tokens[fill.fee_token] = max(decimals, self.tokens.get(fill.fee_token, 0))
        forced = fill.liquidation
        if fill.direction.startswith(ISOLATED):
            self.isolated[address, fill.coin] = None
        if forced is not None:
            uses.price(forced.mark_px)
            if forced.method == "backstop" and address != forced.liquidated_user and fill.direction != DELEVERAGED:
                self.vaults.add(address)

    def _coin(self, block: Block, met: Fill) -> CoinUses | None:
        """A perpetual settles in what the fees of its fills are in, a spot pair in what its sellers pay fees in."""
        if not is_coin(met.coin):
            return None
        spot, asset = is_spot(met.coin), DEFAULT_ASSET
        for _, fill in block.fills:
            pays = not spot or (fill.side == "A" and _is_paid(fill.fee))
            if fill.coin == met.coin and pays and is_token(fill.fee_token):
                asset = fill.fee_token
        uses = self.coins[met.coin] = CoinUses(asset, spot=spot)
        return uses


def _is_paid(fee: str | None) -> bool:
    """Whether this is a fee, and no rebate."""
    return fee is not None and fee[:1] != "-" and bool(fee.strip("0."))


class Opening(msgspec.Struct, gc=False):
    """A position before the first fill, in 10^-8 of a unit; `cost` in 10^-16 of the asset.

    `told_by` is where the fill stands that told the entry, None where none did.
    """

    position: int
    first_px: int
    held: int
    added: int = 0
    cost: int = 0
    told_by: Provenance | None = None
    open: bool = True


_NOTHING = Opening(0, 0, 0, open=False)


class Openings:
    """By address and coin, in the order in which each was first met."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], Opening] = {}

    def none(self, key: tuple[str, str]) -> None:
        """There is nothing to be told of this account and coin."""
        self.of[key] = _NOTHING

    def feed(self, key: tuple[str, str], fill: Fill, place: Provenance) -> None:
        """One side of a trade in a perpetual. Raises ScenarioError for what is no number."""
        opening = self.of.get(key)
        if opening is None:
            start = snapped(fill.start_position or "0.0", SIZE_DECIMALS).value
            if not start:
                self.of[key] = _NOTHING
                return
            opening = self.of[key] = Opening(start, snapped(fill.px, SIZE_DECIMALS).value, start)
        if opening.open:
            _feed(opening, fill, place)


def _feed(opening: Opening, fill: Fill, place: Provenance) -> None:
    size, px = snapped(fill.sz, SIZE_DECIMALS).value, snapped(fill.px, SIZE_DECIMALS).value
    held = opening.held
    if fill.start_position is None or snapped(fill.start_position, SIZE_DECIMALS).value != held or not size:
        opening.open = False
        return
    signed = size if fill.side == "B" else -size
    if (signed > 0) == (held > 0):
        opening.held += signed
        opening.added += signed * px
        return
    opening.open = False
    if fill.closed_pnl is None:
        return
    closed, profit = min(size, abs(held)), snapped(fill.closed_pnl, SIZE_DECIMALS).value * _ONE
    opening.cost = held * px - profit * abs(held) // closed - opening.added
    opening.told_by = place
