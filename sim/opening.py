"""The opening of a run: everything that exists before the first price, as events."""

from __future__ import annotations

from collections.abc import Iterator

from ..events.bodies.base import Provenance
from ..events.bodies.inputs import BalanceStated, PositionStated
from ..events.bodies.listing import AccountKind, AccountOpened
from ..events.errors import ScenarioError
from ..events.vocabulary import Body
from .populations.base import OpeningAccount
from .scenario import ResolvedScenario

__all__ = ["opening_bodies"]

_VENUE_ACCOUNTS: tuple[AccountKind, ...] = ("outside", "liquidity", "insurance", "fees")


def opening_bodies(scenario: ResolvedScenario) -> Iterator[Body]:
    """Assets, instruments, the venue's own accounts for each asset, the fund's balance, then the traders."""
    yield from scenario.assets
    yield from scenario.instruments
    number = 0
    for asset in scenario.assets:
        for kind in _VENUE_ACCOUNTS:
            yield AccountOpened(number, f"{kind}:{asset.name}", scenario.venue, kind, "cross", asset.asset)
            if kind == "insurance" and scenario.fund_atoms:
                yield BalanceStated(number, scenario.fund_atoms)
            number += 1
    yield from _traders(scenario, number)


def _traders(scenario: ResolvedScenario, number: int) -> Iterator[Body]:
    """The population's accounts, numbered on from the venue's own; what was read from a file says from which row."""
    source, at_ns = len(scenario.sources), scenario.start_ns
    numbers: dict[str, int] = {}
    for opening in scenario.population():
        owner = _owner(opening, numbers)
        if opening.mode == "cross":
            numbers[opening.name] = number
        yield AccountOpened(number, opening.name, scenario.venue, "user", opening.mode, 0, owner)
        if opening.balance_atoms:
            yield BalanceStated(number, opening.balance_atoms, _row(source, opening.row, at_ns))
        for held in opening.positions:
            row = _row(source, held.row, at_ns)
            yield PositionStated(number, held.instrument, held.leg, held.size_lots, held.cost_atoms, row)
        number += 1


def _row(source: int, row: int, at_ns: int) -> Provenance | None:
    return Provenance(source, row, at_ns) if row else None


def _owner(opening: OpeningAccount, numbers: dict[str, int]) -> int | None:
    if opening.owner is None:
        return None
    if opening.owner not in numbers:
        message = f"account {opening.name!r}: its owner {opening.owner!r} is not declared before it"
        raise ScenarioError(message)
    return numbers[opening.owner]
