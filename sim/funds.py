"""How many insurance funds a venue has, what each stands behind, and how the opening balance is split among them.

1. `insurance_fund.per` is the rulebook's: "asset", one fund for everything that settles in the asset; "instrument", one
   for each; "underlying", one for all instruments of the same underlying; "pool", one for each of
   `insurance_fund.pools` (a name and its instruments), and one for each instrument that no pool names.
2. `insurance_fund.balance` is what all funds begin with together. `insurance_fund.balances` states it for single ones;
   the others share the rest evenly, and what does not divide goes to the first of them, an atom each.
   Of several assets that positions settle in each has the same part of the balance, at the opening prices, and
   `insurance_fund.balances` states it in the asset of the fund.
3. A fund is called by what it is for: "insurance:USDT", "insurance:BTC-PERP", "insurance:BTC", "insurance:majors"; at
   one of several venues after that, too: "insurance:BTC@alpha".
4. Behind an option stands the fund of its underlying.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from ..events.bodies.listing import AssetListed, InstrumentListed
from ..events.bodies.options import OptionListed
from ..events.errors import ScenarioError
from ..events.venue_names import at_venue, venue_of
from ..handlers.registry import Amounts
from .amounts import amounts_of
from .populations.base import OpeningRate
from .settings import InstrumentSettings
from .toml_tree import at_path

__all__ = ["FUND_KEYS", "FundPart", "OpeningFund", "check_one_floor", "open_funds", "underlying_of", "with_options"]

FUND_KEYS = ("balance", "per", "pools", "balances")
"""Keys of the slot's table that say what funds there are, and are no policy's."""

_WHERE = "$.insurance_fund"


class OpeningFund(NamedTuple):
    """A fund as a run begins: its label, the instruments it stands behind (None: all of the asset), what it has."""

    label: str
    instruments: tuple[int, ...] | None
    balance_atoms: int
    asset: int = 0

    @property
    def name(self) -> str:
        """What its account is called."""
        return f"insurance:{self.label}"


class FundPart(NamedTuple):
    """How amounts of the first asset are written, what a fund's asset is worth, and which of how many assets it is."""

    amounts: Amounts
    rate: OpeningRate = OpeningRate()
    place: int = 0
    of: int = 1


class _Settings(msgspec.Struct, frozen=True):
    """The keys of the table that are looked at here."""

    per: Literal["asset", "instrument", "underlying", "pool"] = "asset"
    pools: dict[str, tuple[str, ...]] = {}
    balance: Any = 0
    balances: dict[str, Any] = {}


def open_funds(
    table: Mapping[str, Any],
    asset: AssetListed,
    instruments: Sequence[InstrumentListed],
    settings: Sequence[InstrumentSettings],
    part: FundPart,
) -> tuple[OpeningFund, ...]:
    """The funds of a scenario, in the order of their first instruments. Raises ScenarioError naming the key."""
    stated = _stated(table)
    if stated.per == "asset":
        groups: dict[str, tuple[int, ...] | None] = {asset.name: None}
    else:
        labels = [_label(stated, one, listed.name) for one, listed in zip(settings, instruments, strict=True)]
        _check_pools(stated, [listed.name for listed in instruments])
        numbers = [listed.instrument for listed in instruments]
        labelled = list(zip(numbers, labels, strict=True))
        groups = {label: tuple(number for number, other in labelled if other == label) for label in labels}
    begun = _split(stated, list(groups), asset, part)
    return tuple(OpeningFund(label, held, begun[label], asset.asset) for label, held in groups.items())


def with_options(funds: Iterable[OpeningFund], options: Sequence[OptionListed]) -> tuple[OpeningFund, ...]:
    """The same funds: one that stands behind an instrument stands behind the options on it."""
    found = list[OpeningFund]()
    for fund in funds:
        own = fund.instruments or ()
        on_them = tuple(one.instrument for one in options if one.underlying in own)
        found.append(fund._replace(instruments=own + on_them) if on_them else fund)
    return tuple(found)


def check_one_floor(table: Mapping[str, Any], where: str) -> None:
    """Refuse a floor of funds of several assets: it would have to be converted before there is any price.

    One that is counted in atoms holds of each asset as it stands.
    """
    floor = table.get("floor", 0)
    if floor and not isinstance(floor, str):
        message = f"{where}.floor: a floor of {floor} cannot be kept by funds of several assets; leave it out"
        raise ScenarioError(message)


def underlying_of(settings: InstrumentSettings) -> str:
    """What an instrument is of: as stated, or its name without the last part behind a hyphen."""
    return settings.underlying or settings.name.rpartition("-")[0] or settings.name


def _stated(table: Mapping[str, Any]) -> _Settings:
    given = {key: table[key] for key in FUND_KEYS if key in table}
    try:
        return msgspec.convert(given, _Settings)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        message = f"{_WHERE}{path.rstrip('`')}: {what}; correct the scenario or the --set"
        raise ScenarioError(message) from None


def _label(stated: _Settings, settings: InstrumentSettings, name: str) -> str:
    if stated.per == "underlying":
        return at_venue(underlying_of(settings), venue_of(name))
    if stated.per == "pool":
        pools = (at_venue(pool, venue_of(name)) for pool, names in stated.pools.items() if name in names)
        return next(pools, name)
    return name


def _check_pools(stated: _Settings, names: Sequence[str]) -> None:
    """Refuse a pool of what is not listed, of nothing, or called like another fund; and an instrument in two."""
    if stated.per != "pool":
        return
    seen: dict[str, str] = {}
    for pool, members in stated.pools.items():
        if not members or pool in names:
            message = f"{_WHERE}.pools.{pool}: a pool has instruments, and its name is no instrument's"
            raise ScenarioError(message)
        for name in members:
            if name not in names:
                message = f"{_WHERE}.pools.{pool}: there is no instrument {name!r}; choose from {', '.join(names)}"
                raise ScenarioError(message)
            if name in seen:
                message = f"{_WHERE}.pools.{pool}: {name!r} is in pool {seen[name]!r} already; an instrument has one"
                raise ScenarioError(message)
            seen[name] = pool


def _split(stated: _Settings, labels: Sequence[str], asset: AssetListed, part: FundPart) -> dict[str, int]:
    """What each fund begins with, by rule 2: in all exactly the balance, where there is one."""
    found: dict[str, int] = {}
    amounts = part.amounts if part.of == 1 else amounts_of(asset.name, asset.decimals)
    for label, amount in stated.balances.items():
        if label not in labels:
            if part.of > 1:
                continue
            message = f"{_WHERE}.balances.{label}: there is no such fund; choose from {', '.join(labels)}"
            raise ScenarioError(message)
        found[label] = at_path(f"{_WHERE}.balances.{label}", amounts.to_atoms, amount)
    all_atoms = at_path(f"{_WHERE}.balance", part.amounts.to_atoms, stated.balance)
    whole_atoms = part.rate.of_worth(all_atoms // part.of + (part.place < all_atoms % part.of))
    others = [label for label in labels if label not in found]
    left_atoms = whole_atoms - sum(found.values())
    if stated.balance == 0:
        left_atoms = max(0, left_atoms)
    if left_atoms < 0 or (left_atoms and not others):
        message = (
            f"{_WHERE}.balances: they sum to {amounts.of_atoms(sum(found.values())).normalize():f}, and balance is "
            f"{stated.balance}; leave one out or make them agree"
        )
        raise ScenarioError(message)
    for place, label in enumerate(others):
        found[label] = left_atoms // len(others) + (place < left_atoms % len(others))
    return found
