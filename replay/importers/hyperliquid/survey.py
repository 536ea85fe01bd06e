"""The first pass: what the files are about. Nothing is written; what is found is all that must be declared."""

from __future__ import annotations

from collections import Counter

from ....events.bodies.base import Provenance
from ....events.errors import ScenarioError
from ..digits import decimals_of
from .admission import is_coin, is_spot, is_token
from .fills import DELEVERAGED, ISOLATED, Block, Fill
from .openings import Openings
from .scales import TOKEN_DECIMALS_MOST, CoinUses

__all__ = ["DEFAULT_ASSET", "Survey"]

DEFAULT_ASSET = "USDC"
"""What a perpetual settles in where its fills do not say."""


class Survey:
    """Coins, tokens, accounts and openings, each in the order in which it was first met."""

    def __init__(self) -> None:
        self.start_ns: int | None = None
        self.coins: dict[str, CoinUses] = {}
        self.tokens: dict[str, int] = {}
        self.accounts: dict[tuple[str, str], None] = {}
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

    def feed(self, block: Block) -> None:
        """Look at a block. What is no coin or no number is left to the second pass, which reports it."""
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
            opening = openings.get((address, fill.coin))
            if opening is None or opening.open:
                self._opening(uses, address, fill, Provenance(block.source.number, block.row_of(place), block.venue_ns))

    def _opening(self, uses: CoinUses, address: str, fill: Fill, place: Provenance) -> None:
        """What an account held of a coin is still to be told."""
        key = (address, fill.coin)
        if key not in self.openings.of:
            self.accounts[address, DEFAULT_ASSET if uses.spot else uses.asset] = None
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
