"""Vaults of depositors at several venues: depositors stand behind their own venue, and share its result."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from deleverage import Scenario
from deleverage.events.bodies.auctions import VaultDeposited, VaultShared
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger

from .support.faulty import lawful
from .support.past import goes_on_the_same

LIVING = str(Path(__file__).parent / "support" / "living.toml")
VAULT = {"policy": "depositor-vault", "balance": 1_000, "share_interval_ns": 20 * 10**9}
VENUES = {"both": ("alpha", "beta"), "the first": ("alpha",), "the second": ("beta",)}


@cache
def ran(venues: tuple[str, ...]) -> tuple[tuple[Event, ...], Ledger]:
    """The small market of two venues with vaults at some of them; the laws are checked at every event."""
    tree = dict(Scenario.load(LIVING).tree)
    tree["actors"] = [*tree["actors"], {"name": "depositor", "balance": 777, "accounts": 2}]
    tree["venues"] = [
        one | {"slots": one.get("slots", {}) | {"insurance_fund": VAULT}} if one["name"] in venues else one
        for one in tree["venues"]
    ]
    return lawful(Scenario(tree))


@pytest.mark.parametrize("venues", VENUES.values(), ids=VENUES)
def test_depositors_stand_behind_their_own_venue(venues: tuple[str, ...]) -> None:
    """Each pays into the fund of the asset that its account settles in, once, and shares what that fund came to."""
    events, ledger = ran(venues)
    deposits = [event.body for event in events if isinstance(event.body, VaultDeposited)]
    assert sorted(ledger.name(one.account) for one in deposits) == sorted(
        f"depositor-{number}@{venue}" for venue in venues for number in (1, 2)
    )
    for one in deposits:
        assert one.fund == ledger.fund(ledger.accounts[one.account].asset)
    assert {ledger.venue_of(fund) for fund in ledger.vaults} == set(venues)
    shared = [event.body for event in events if isinstance(event.body, VaultShared)]
    for fund, claims in ledger.vaults.items():
        assert {ledger.venue_of(account) for account in claims} == {ledger.venue_of(fund)}
        assert any(one.fund == fund and one.gained_atoms for one in shared)


def test_it_goes_on_the_same_from_the_middle() -> None:
    """A vault at each of two venues is primed like one."""
    events, _ = ran(VENUES["both"])
    goes_on_the_same(events, [len(events) // 3, len(events) // 2])
