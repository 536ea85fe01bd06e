"""Scenarios: TOML, checked strictly, with errors that name the path in the file.

1. A scenario names a rulebook (`venue`). The rulebook's tables are the defaults, the scenario's own tables override them key by
   key, and `--set` overrides both. `[insurance_fund] policy = ...` in a scenario replaces the rulebook's whole table.
2. Numbers are read as decimals. A key that ends in `_ns` takes nanoseconds or a text with a unit ("30s", "8h").
3. `prices.file` in place of a generator replaces it: the file's layout is told by its header.
4. Nothing is opened or written before everything is checked; `resolve` opens the sources.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..events.bodies.listing import AssetListed, InstrumentKind, InstrumentListed, Tier
from ..events.bodies.run import Prices, Producer
from ..events.errors import ScenarioError
from ..handlers.registry import SLOTS, producer_of
from .populations.base import OpeningAccount, OpeningMarket, Population
from .populations.registry import PopulationSettings, open_population
from .sources.base import InstrumentScale, Source, check
from .sources.files import find_data_file, read_lines
from .sources.registry import DepthSettings, PriceSettings, open_depth, open_prices
from .sources.tardis import TARDIS_COLUMNS
from .units import INT64_MAX, multiplier_atoms, parse_duration_ns, parse_time_ns, to_atoms

__all__ = ["ResolvedScenario", "Scenario", "bundled_scenarios", "bundled_venues"]

T = TypeVar("T")

_PPM = 10**6


class AssetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A settlement asset; one atom is 10^-decimals of it."""

    name: str
    decimals: int


class TierSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Over `floor` of notional, in the asset, the requirement grows by `rate`."""

    floor: Decimal | int
    rate: Decimal | int


class InstrumentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An instrument; steps in quote and units, tiers in the asset."""

    name: str
    asset: str
    tick_size: Decimal | int
    lot_size: Decimal | int
    tiers: tuple[TierSettings, ...]
    kind: InstrumentKind = "linear"
    start_price: Decimal | int | None = None
    refill_half_life_ns: int = 30_000_000_000
    impact_bps: int = 5_000


class ScenarioSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of a scenario's schema; the slots' tables are checked by their policies."""

    name: str
    assets: tuple[AssetSettings, ...]
    instruments: tuple[InstrumentSettings, ...]
    prices: PriceSettings
    population: PopulationSettings
    depth: DepthSettings | None = None
    description: str = ""
    venue: str = "generic"
    seed: int = 1
    start: str = "2025-10-10T00:00:00Z"
    end: str | None = None
    settle_ns: int = 0
    mark: dict[str, Any] = {}
    breaker: dict[str, Any] = {}
    margin: dict[str, Any] = {}
    traders: dict[str, Any] = {}
    insurance_fund: dict[str, Any] = {}
    liquidation: dict[str, Any] = {}
    market: dict[str, Any] = {}
    adl: dict[str, Any] = {}
    socialization: dict[str, Any] = {}
    funding: dict[str, Any] = {}


class ResolvedScenario(msgspec.Struct):
    """A scenario with everything worked out: what the runner needs, in whole numbers, and the opened sources."""

    name: str
    sha256: bytes
    venue: str
    rulebook_sha256: bytes
    seed: int
    prices: Prices
    start_ns: int
    end_ns: int | None
    settle_ns: int
    assets: tuple[AssetListed, ...]
    instruments: tuple[InstrumentListed, ...]
    fund_atoms: int
    producers: tuple[Producer, ...]
    sources: tuple[Any, ...]
    opening_markets: tuple[OpeningMarket, ...]
    opening_population: Any

    def population(self) -> Iterator[OpeningAccount]:
        """The traders' accounts, in their order."""
        population: Population = self.opening_population
        return population.accounts(self.opening_markets, self.assets[0].decimals, self.seed)


class Scenario:
    """A scenario as loaded, overrides applied and keys checked."""

    def __init__(self, tree: Mapping[str, Any], folder: Path | None = None) -> None:
        """Check a tree as read from TOML. Raises ScenarioError naming the path; `folder` is where its files are."""
        self.folder = folder
        plain = _with_durations(tree, "$")
        self._rulebook = _rulebook(plain.get("venue", "generic"))
        self.tree = _with_prices_layout(plain, folder)
        self.settings = _convert(self.tree)
        self.producers = self._producers()

    @classmethod
    def load(
        cls, name: str, overrides: Iterable[str] = (), *, seed: int | None = None
    ) -> Scenario:
        """A bundled scenario by name, or a TOML file by path, with `key=value` overrides. Raises ScenarioError."""
        text, folder = _read(name)
        tree = _parse(text, name)
        for override in overrides:
            _apply(tree, override)
        if seed is not None:
            tree["seed"] = seed
        return cls(tree, folder)

    def resolve(self) -> ResolvedScenario:
        """Open the sources, read each once to its end, and work everything out in whole numbers. Raises ScenarioError."""
        settings = self.settings
        assets = _assets(settings)
        scales = _scales(settings)
        start_ns = _at("$.start", parse_time_ns, settings.start)
        prices = open_prices(settings.prices, scales, start_ns=start_ns, seed=settings.seed, folder=self.folder)
        start_ns, opening = prices[0].start_ns, prices[0].opening
        depth: tuple[Source, ...] = ()
        if settings.depth is not None:
            depth = (open_depth(settings.depth, scales, start_ns=start_ns, opening=opening, folder=self.folder),)
        sources = (*depth, *prices)
        for source in sources:
            check(source)
        instruments = _instruments(settings, assets, scales)
        markets = tuple(
            OpeningMarket(scale, ticks, listed.multiplier_atoms)
            for scale, (_, ticks), listed in zip(scales, opening, instruments, strict=True)
        )
        return ResolvedScenario(
            name=settings.name,
            sha256=self._sha256(),
            venue=settings.venue,
            rulebook_sha256=hashlib.sha256(_canonical(self._rulebook)).digest(),
            seed=settings.seed,
            prices="held" if any(p.handler == "mark" and p.policy == "index" for p in self.producers) else "endogenous",
            start_ns=start_ns,
            end_ns=None if settings.end is None else _at("$.end", parse_time_ns, settings.end),
            settle_ns=settings.settle_ns,
            assets=assets,
            instruments=instruments,
            fund_atoms=_fund_atoms(settings, assets[0]),
            producers=self.producers,
            sources=sources,
            opening_markets=markets,
            opening_population=open_population(settings.population, folder=self.folder),
        )

    def _producers(self) -> tuple[Producer, ...]:
        found = []
        for slot in SLOTS:
            table = _slot_table(self._rulebook.get(slot, {}), getattr(self.settings, slot))
            table.pop("balance", None) if slot == "insurance_fund" else None
            producer = producer_of(slot, table, f"$.{slot}")
            if producer is not None:
                found.append(producer)
        return tuple(found)

    def _sha256(self) -> bytes:
        """By content: files count by name (their own hash is in `SourceOpened`), not by where they are."""
        return hashlib.sha256(_canonical(_without_folders(self.tree))).digest()


def bundled_scenarios() -> dict[str, str]:
    """The scenarios that come with the package: name to description."""
    found = {}
    for entry in sorted(resources.files(f"{__package__}.scenarios").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            tree = _parse(entry.read_text(encoding="utf-8"), entry.name)
            found[entry.name.removesuffix(".toml")] = str(tree.get("description", ""))
    return found


def bundled_venues() -> list[str]:
    """The rulebooks that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _venues().iterdir() if entry.name.endswith(".toml"))


def _venues() -> Any:
    return resources.files(f"{(__package__ or '').rpartition('.')[0]}.handlers.venues")


def _rulebook(venue: object) -> dict[str, Any]:
    known = bundled_venues()
    if venue not in known:
        message = f"$.venue: there is no rulebook {venue!r}; choose from {', '.join(known)}"
        raise ScenarioError(message)
    text = _venues().joinpath(f"{venue}.toml").read_text(encoding="utf-8")
    rulebook: dict[str, Any] = _with_durations(_parse(text, f"{venue}.toml"), "$")
    return rulebook


def _slot_table(rulebook: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario's keys over the rulebook's; another policy takes nothing of the rulebook's figures."""
    if "policy" in own and own["policy"] != rulebook.get("policy"):
        return dict(own)
    return {**rulebook, **own}


def _read(name: str) -> tuple[str, Path | None]:
    bundled = resources.files(f"{__package__}.scenarios").joinpath(f"{name}.toml")
    if bundled.is_file():
        return bundled.read_text(encoding="utf-8"), None
    path = Path(name)
    if not path.is_file():
        known = ", ".join(bundled_scenarios())
        message = f"there is no scenario {name!r}: neither a file nor one of {known}"
        raise ScenarioError(message)
    try:
        return path.read_text(encoding="utf-8"), path.parent
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read as UTF-8 text ({error}); check the file"
        raise ScenarioError(message) from None


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        message = f"{where}: not valid TOML: {error}"
        raise ScenarioError(message) from None


_SEGMENT = re.compile(r"([A-Za-z0-9_-]+)((?:\[\d+\])*)")


def _apply(tree: dict[str, Any], override: str) -> None:
    """Set one `a.b[0].c=value`; the value is TOML, or else text."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        message = f"--set {override!r}: write it as key=value, such as population.accounts=500"
        raise ScenarioError(message)
    steps = list(_steps(key))
    node: Any = tree
    for step in steps[:-1]:
        node = node.setdefault(step, {}) if isinstance(node, dict) and isinstance(step, str) else _item(node, step, key)
    if isinstance(node, dict) and isinstance(steps[-1], str):
        node[steps[-1]] = _value(text)
    else:
        _item(node, steps[-1], key)
        node[steps[-1]] = _value(text)


def _steps(key: str) -> Iterator[str | int]:
    for part in key.split("."):
        match = _SEGMENT.fullmatch(part)
        if match is None:
            message = f"--set {key!r}: {part!r} is not a key; write it like instruments[0].tick_size"
            raise ScenarioError(message)
        yield match[1]
        yield from (int(index) for index in re.findall(r"\d+", match[2]))


def _item(node: Any, step: str | int, key: str) -> Any:
    try:
        return node[step]
    except (KeyError, IndexError, TypeError):
        message = f"--set {key}: there is no {step!r} in the scenario"
        raise ScenarioError(message) from None


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}", parse_float=Decimal)["value"]
    except tomllib.TOMLDecodeError:
        return text


def _with_durations(node: Any, where: str) -> Any:
    """The tree with every text under a key in `_ns` read as a duration."""
    if isinstance(node, Mapping):
        return {key: _duration(key, value, f"{where}.{key}") for key, value in node.items()}
    if isinstance(node, list):
        return [_with_durations(value, f"{where}[{place}]") for place, value in enumerate(node)]
    return node


def _duration(key: str, value: Any, where: str) -> Any:
    if key.endswith("_ns") and isinstance(value, str):
        return _at(where, parse_duration_ns, value)
    return _with_durations(value, where)


def _with_prices_layout(tree: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """A file in place of the generator: its layout is told by its first line."""
    prices = tree.get("prices")
    if not isinstance(prices, dict) or "file" not in prices or prices.get("source", "generator") != "generator":
        return tree
    path = find_data_file(str(prices["file"]), "$.prices.file", folder)
    header = next(iter(read_lines(path)), "")
    source = "tardis" if header.startswith(",".join(TARDIS_COLUMNS[:3])) else "klines"
    kept = {key: prices[key] for key in ("file", "instrument", "late_rows") if key in prices}
    return {**tree, "prices": {"source": source, **kept}}


def _convert(tree: Mapping[str, Any]) -> ScenarioSettings:
    try:
        return msgspec.convert(tree, ScenarioSettings)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        raise ScenarioError(f"{path.rstrip('`') or '$'}: {what}; correct the scenario or the --set") from None


def _at(where: str, convert: Callable[..., T], *values: Any) -> T:
    """`convert(*values)`, its error with the path in front."""
    try:
        return convert(*values)
    except ScenarioError as error:
        raise ScenarioError(f"{where}: {error}") from None


def _assets(settings: ScenarioSettings) -> tuple[AssetListed, ...]:
    if len(settings.assets) != 1:
        message = "$.assets: a run settles in exactly one asset until collateral with haircuts is built; list one"
        raise ScenarioError(message)
    for place, asset in enumerate(settings.assets):
        if not 0 <= asset.decimals <= 18:
            message = f"$.assets[{place}].decimals: {asset.decimals} is not between 0 and 18"
            raise ScenarioError(message)
    return tuple(AssetListed(place, asset.name, asset.decimals) for place, asset in enumerate(settings.assets))


def _scales(settings: ScenarioSettings) -> list[InstrumentScale]:
    if not settings.instruments:
        message = "$.instruments: there is none; list at least one"
        raise ScenarioError(message)
    names = [instrument.name for instrument in settings.instruments]
    if len(set(names)) != len(names):
        message = "$.instruments: two have the same name; names must differ"
        raise ScenarioError(message)
    return [_at(f"$.instruments[{i}]", _scale, i, one) for i, one in enumerate(settings.instruments)]


def _scale(number: int, settings: InstrumentSettings) -> InstrumentScale:
    start = None if settings.start_price is None else Decimal(settings.start_price)
    return InstrumentScale(number, settings.name, Decimal(settings.tick_size), Decimal(settings.lot_size), start)


def _instruments(
    settings: ScenarioSettings, assets: tuple[AssetListed, ...], scales: list[InstrumentScale]
) -> tuple[InstrumentListed, ...]:
    return tuple(
        _at(f"$.instruments[{scale.instrument}]", _instrument, one, assets, scale, settings.venue)
        for scale, one in zip(scales, settings.instruments, strict=True)
    )


def _instrument(
    settings: InstrumentSettings, assets: tuple[AssetListed, ...], scale: InstrumentScale, venue: str
) -> InstrumentListed:
    asset = next((asset for asset in assets if asset.name == settings.asset), None)
    if asset is None:
        message = f"asset {settings.asset!r} is not listed under [[assets]]"
        raise ScenarioError(message)
    if settings.kind != "linear":
        message = f"kind {settings.kind!r} has no payoff yet; use linear"
        raise ScenarioError(message)
    if settings.refill_half_life_ns < 0 or not 0 <= settings.impact_bps <= 10_000:
        message = "refill_half_life_ns must not be negative, and impact_bps lie between 0 and 10000"
        raise ScenarioError(message)
    return InstrumentListed(
        scale.instrument,
        settings.name,
        venue,
        settings.kind,
        asset.asset,
        str(settings.tick_size),
        str(settings.lot_size),
        multiplier_atoms(scale.tick_size, scale.lot_size, asset.decimals),
        _tiers(settings.tiers, asset.decimals),
        settings.refill_half_life_ns,
        settings.impact_bps,
    )


def _tiers(settings: tuple[TierSettings, ...], decimals: int) -> tuple[Tier, ...]:
    """Tiers with their amounts; `Tier` has the formula."""
    tiers: list[Tier] = []
    for place, one in enumerate(settings):
        floor = to_atoms(Decimal(one.floor), decimals)
        rate = Decimal(one.rate) * _PPM
        before = tiers[-1] if tiers else Tier(0, 0, 0)
        if rate != int(rate) or not 0 < rate < _PPM or (tiers and rate <= before.rate_ppm):
            message = f"tiers[{place}].rate: {one.rate} must grow from tier to tier, in whole millionths, below 1"
            raise ScenarioError(message)
        if (place == 0 and floor) or (tiers and floor <= before.floor_atoms):
            message = f"tiers[{place}].floor: {one.floor} must be 0 in the first tier and grow from tier to tier"
            raise ScenarioError(message)
        amount = floor * (int(rate) - before.rate_ppm) + before.amount_microatoms if tiers else 0
        if amount > INT64_MAX:
            message = f"tiers[{place}]: its maintenance amount passes 2^63; use fewer decimals or lower floors"
            raise ScenarioError(message)
        tiers.append(Tier(floor, int(rate), amount))
    if not tiers:
        message = "tiers: there is none; give at least one with floor = 0"
        raise ScenarioError(message)
    return tuple(tiers)


def _fund_atoms(settings: ScenarioSettings, asset: AssetListed) -> int:
    balance = settings.insurance_fund.get("balance", 0)
    if isinstance(balance, bool) or not isinstance(balance, int | Decimal) or balance < 0:
        message = f"$.insurance_fund.balance: {balance!r} is not an amount of {asset.name} from 0 on"
        raise ScenarioError(message)
    atoms: int = _at("$.insurance_fund.balance", to_atoms, Decimal(balance), asset.decimals)
    return atoms


def _canonical(tree: Any) -> bytes:
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), default=_text).encode()


def _text(value: object) -> str:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def _without_folders(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: {**value, "file": Path(value["file"]).name} if isinstance(value, dict) and "file" in value else value
        for key, value in tree.items()
    }
