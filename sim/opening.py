"""The opening of a run: everything that exists before the first price, as events.

Where there are several insurance funds, each is opened in the place of the one, with its balance and what it is for.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..events.bodies.base import Provenance
from ..events.bodies.collateral import CoinStated
from ..events.bodies.inputs import BalanceStated, PositionStated
from ..events.bodies.listing import AccountKind, AccountOpened, FundAssigned
from ..events.bodies.loans import CollateralLooped
from ..events.errors import ScenarioError
from ..events.venue_names import at_venue, plain
from ..events.vocabulary import Body
from ..handlers.collateral.rules import SLOT as COLLATERAL
from ..handlers.order import arrival
from .funds import OpeningFund
from .populations.base import OpeningAccount
from .scenario import ResolvedScenario
from .units import INT64_MAX

__all__ = ["opening_bodies"]

_PRICE_RISE = 100
"""What the 64 bits of an event must have room for: everything the population holds, at so many times its price."""

_VENUE_ACCOUNTS: tuple[AccountKind, ...] = ("outside", "liquidity", "insurance", "fees")


def opening_bodies(scenario: ResolvedScenario) -> Iterator[Body]:
    """What is listed and how it is converted and limited, the venue's own accounts of each asset, then the traders."""
    yield from scenario.assets
    yield from scenario.instruments
    yield from scenario.conversions
    yield from scenario.limits
    yield from scenario.chains.options
    yield from scenario.chains.surfaces
    yield from scenario.chains.depth
    numbers = dict[str, int]()
    for asset in scenario.assets:
        for kind in _VENUE_ACCOUNTS:
            if kind == "insurance":
                for fund in (one for one in scenario.funds if one.asset == asset.asset):
                    yield from _fund(scenario, fund, numbers.setdefault(fund.name, len(numbers)), asset.asset)
                continue
            venue = asset.venue or scenario.venue
            name = f"{kind}:{asset.name}"
            yield AccountOpened(numbers.setdefault(name, len(numbers)), name, venue, kind, "cross", asset.asset)
    yield from _traders(scenario, numbers)


def _fund(scenario: ResolvedScenario, fund: OpeningFund, number: int, asset: int) -> Iterator[Body]:
    venue = scenario.assets[asset].venue or scenario.venue
    yield AccountOpened(number, fund.name, venue, "insurance", "cross", asset)
    if fund.balance_atoms:
        yield BalanceStated(number, fund.balance_atoms)
    for instrument in fund.instruments or ():
        yield FundAssigned(instrument, number)


def _traders(scenario: ResolvedScenario, numbers: dict[str, int]) -> Iterator[Body]:
    """The population's accounts, numbered on from the venue's own; what was read from a file says from which row.

    They are numbered by arrival, so a number tells nothing of where a population listed an account.
    """
    source, at_ns = len(scenario.sources), scenario.start_ns
    room_atoms = INT64_MAX // _PRICE_RISE
    for opening in _by_arrival(scenario):
        room_atoms -= abs(opening.balance_atoms) + sum(abs(held.cost_atoms) for held in opening.positions)
        if room_atoms < 0:
            message = (
                f"$.population: account {opening.name!r}: with it the population's values could pass 2^63 atoms "
                f"if prices rose (inverse: fell) {_PRICE_RISE} times; use fewer decimals or a smaller population"
            )
            raise ScenarioError(message)
        if opening.name in numbers:
            message = f"$.population: the account {opening.name!r} is there twice, actors included; names must differ"
            raise ScenarioError(message)
        owner = _owner(opening, numbers)
        number = numbers[opening.name] = len(numbers)
        venue = scenario.assets[opening.asset].venue or scenario.venue
        yield AccountOpened(number, opening.name, venue, "user", opening.mode, opening.asset, owner)
        if opening.coins:
            _check_coins(scenario, opening)
        if opening.balance_atoms:
            yield BalanceStated(number, opening.balance_atoms, _row(source, opening.row, at_ns))
        for asset, atoms in opening.coins:
            yield CoinStated(number, asset, atoms, _row(source, opening.row, at_ns))
        for place, layer in enumerate(opening.layers, 1):
            yield CollateralLooped(number, place, *layer)
        for held in opening.positions:
            row = _row(source, held.row, at_ns)
            yield PositionStated(number, held.instrument, held.leg, held.size_lots, held.cost_atoms, row)


def _check_coins(scenario: ResolvedScenario, opening: OpeningAccount) -> None:
    """Refuse collateral in other assets where nobody keeps rules of it: neither a venue nor a protocol on chain."""
    settles_in = scenario.assets[opening.asset]
    slot, *others = (at_venue(one, settles_in.venue) for one in (COLLATERAL, "lending"))
    if not any(producer.handler in (slot, *others) for producer in scenario.producers):
        asset, settles = (plain(scenario.assets[one].name) for one in (opening.coins[0][0], opening.asset))
        message = (
            f"$.population: account {opening.name!r} holds {asset}, and the venue takes no collateral but {settles} "
            f'({slot}.policy is "none"); let it hold {settles}, or name a policy of collateral'
        )
        raise ScenarioError(message)


def _by_arrival(scenario: ResolvedScenario) -> Iterator[OpeningAccount]:
    """By a hash of seed and name, an isolated account behind its owner; each is let go of as it is taken."""
    seed = scenario.seed

    def place(opening: OpeningAccount) -> tuple[int, str, bool, int, str]:
        name, above = opening.name, opening.owner or opening.name
        first = arrival(seed, above)
        return first, above, opening.owner is not None, first if above == name else arrival(seed, name), name

    waiting = sorted(scenario.population(), key=place, reverse=True)
    while waiting:
        yield waiting.pop()


def _row(source: int, row: int, at_ns: int) -> Provenance | None:
    return Provenance(source, row, at_ns) if row else None


def _owner(opening: OpeningAccount, numbers: dict[str, int]) -> int | None:
    if opening.owner is None:
        return None
    if opening.owner not in numbers:
        message = f"$.population: account {opening.name!r}: its owner {opening.owner!r} is not declared before it"
        raise ScenarioError(message)
    return numbers[opening.owner]
