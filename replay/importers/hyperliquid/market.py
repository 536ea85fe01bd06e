"""The second pass's view of a coin: its numbers in the record and its text to ticks, lots and atoms."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import NamedTuple

from ....events.bodies.listing import AccountKind, AccountMode, InstrumentListed, Tier
from ....events.errors import ScenarioError
from ..digits import snapped, whole
from ..faults import Faults
from ..session import UNKNOWN_TIERS, Session
from .scales import ATOM_DECIMALS, CoinScale, CoinUses
from .survey import DEFAULT_ASSET, Survey

__all__ = ["Coin", "CoinNames", "declare"]

_KNOWN_MOST = 1 << 13


class Coin:
    """An instrument with its scales. `asset` is what it settles in, `accounts` who trades it, by address.

    Who holds it isolated has an account of its own for it.
    """

    __slots__ = (
        "_prices",
        "_sizes",
        "accounts",
        "asset",
        "asset_decimals",
        "instrument",
        "lot_decimals",
        "multiplier_atoms",
        "name",
        "scale",
        "spot",
    )

    def __init__(
        self, instrument: InstrumentListed, asset_decimals: int, scale: CoinScale, accounts: Mapping[str, int]
    ) -> None:
        self.name = instrument.name
        self.instrument, self.asset, self.asset_decimals = instrument.instrument, instrument.asset, asset_decimals
        self.multiplier_atoms, self.spot = instrument.multiplier_atoms, instrument.kind == "spot"
        self.scale, self.lot_decimals = scale, scale.lot_decimals
        self.accounts = accounts
        self._prices: dict[str, int] = {}
        self._sizes: dict[str, int] = {}

    def price_ticks(self, text: str) -> int:
        """A price. Raises ScenarioError for one off the tick, or none."""
        ticks = self._prices.get(text)
        return ticks if ticks is not None else _learnt(self._prices, text, self.scale.tick_decimals, "price")

    def size_lots(self, text: str) -> int:
        """A size without sign. Raises ScenarioError for one off the lot, or none."""
        lots = self._sizes.get(text)
        return lots if lots is not None else _learnt(self._sizes, text, self.scale.lot_decimals, "size")


def _learnt(known: dict[str, int], text: str, decimals: int, what: str) -> int:
    """Read a number that is more than zero and remember it: most are repeated. Raises ScenarioError."""
    value = snapped(text, decimals).value
    if value <= 0:
        message = f"{text} is no {what}; it must be more than zero"
        raise ScenarioError(message)
    if len(known) >= _KNOWN_MOST:
        known.clear()
    known[text] = value
    return value


class CoinNames(NamedTuple):
    """What was declared: coins by name, tokens as (asset, decimals) by name, accounts by asset and address."""

    coins: dict[str, Coin]
    tokens: dict[str, tuple[int, int]]
    accounts: dict[str, dict[str, int]]

    def amount(self, text: str, token: str, faults: Faults) -> tuple[int, bool]:
        """An amount of a token in its atoms, and whether it had to be snapped. Raises ScenarioError."""
        decimals = self.tokens[token][1]
        exact = whole(text, decimals)
        if exact is not None:
            return exact, False
        faults.note("values snapped")
        return snapped(text, decimals).value, True


def declare(session: Session, survey: Survey) -> CoinNames:
    """Declare all that the first pass met: assets, instruments, then accounts."""
    tokens: dict[str, tuple[int, int]] = {}
    settling = dict.fromkeys([DEFAULT_ASSET, *survey.settling])
    for name in settling:
        tokens[name] = session.asset(name, ATOM_DECIMALS), ATOM_DECIMALS
    quotes = {uses.asset for uses in survey.coins.values()}
    for name in dict.fromkeys([*survey.tokens, *sorted(quotes)]):
        if name not in tokens:
            decimals = max(survey.tokens.get(name, 0), ATOM_DECIMALS if name in quotes else 0)
            tokens[name] = session.asset(name, decimals, settles=False), decimals
    by_asset: dict[str, dict[str, int]] = {name: {} for name in settling}
    coins = {coin: _instrument(session, coin, uses, tokens, by_asset) for coin, uses in survey.coins.items()}
    alone = survey.isolated_alone()
    for address, name in survey.accounts:
        kind: AccountKind = "vault" if address in survey.vaults else "user"
        mode: AccountMode = "isolated" if address in alone else "cross"
        by_asset[name][address] = session.account(address, tokens[name][0], kind, mode)
    for address, name in survey.isolated:
        if address not in alone and address in coins[name].accounts:
            _isolate(session, coins[name], address)
    return CoinNames(coins, tokens, by_asset)


def _isolate(session: Session, coin: Coin, address: str) -> None:
    """An account of its own for what an address holds of a coin."""
    owner = coin.accounts[address]
    number = session.account(f"{address}:{coin.name}", coin.asset, "user", "isolated", owner)
    coin.accounts = ChainMap({address: number}, coin.accounts)  # type: ignore[arg-type]


def _instrument(
    session: Session, name: str, uses: CoinUses, tokens: dict[str, tuple[int, int]], accounts: dict[str, dict[str, int]]
) -> Coin:
    scale, (asset, decimals) = uses.scale(name), tokens[uses.asset]
    instrument = session.instrument(
        name,
        asset,
        tick_size=_step(scale.tick_decimals),
        lot_size=_step(scale.lot_decimals),
        multiplier_atoms=scale.multiplier_atoms * 10 ** (decimals - ATOM_DECIMALS),
        kind="spot" if uses.spot else "linear",
        tiers=(Tier(0, uses.rate_ppm, 0),) if uses.rate_ppm else UNKNOWN_TIERS,
    )
    listing = session.ledger.markets[instrument].listing
    return Coin(listing, decimals, scale, accounts[DEFAULT_ASSET if uses.spot else uses.asset])


def _step(decimals: int) -> str:
    return "1" if not decimals else f"0.{'0' * (decimals - 1)}1"
