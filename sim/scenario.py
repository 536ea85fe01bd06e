"""Scenarios: TOML, checked strictly, with errors that name the path in the file.

1. A scenario names a rulebook (`venue`). The rulebook's tables are the defaults, the scenario's own tables override
   them key by key, and `--set` overrides both. A table that names another policy takes nothing of the rulebook's
   figures.
2. `prices.file` in place of a generator replaces it: the file's layout is told by its header. Of the generator's keys
   only the betas stay, and only where `prices.follow` asks for them.
3. Nothing is written before everything is checked: `resolve` opens the sources and reads each once to its end.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Unpack

import msgspec

from ..events.bodies.collateral import ConversionSet
from ..events.bodies.listing import AssetListed, InstrumentListed, LimitsStated
from ..events.bodies.run import Prices, Producer
from ..events.errors import ScenarioError
from ..events.regular import kind_of
from ..events.venue_names import at_venue, plain, venue_of
from ..handlers.options.parameters import SLOT as OPTION_RULES
from ..handlers.plugins.at_hand import Plugins
from ..handlers.plugins.folders import Folders
from ..handlers.registry import OVER_VENUES, SLOTS, Amounts, producer_of, without_folders
from .actors import check_living, open_actors
from .building import Stated, stated_tree
from .chains.listings import Chains
from .chains.opening import check_options, check_redrawn, open_options, option_rules
from .chains.redrawn import RedrawnSurfaces
from .conversions import check_redemptions, conversions_of, numeraires, opening_markets, settled_in
from .faults import FaultTargets, planned_faults
from .funds import FUND_KEYS, FundPart, OpeningFund, check_one_floor, open_funds, with_options
from .limits import check_accounts, check_timers, count_inputs
from .listings import amounts_in, list_assets, list_instruments, scales_of
from .order_limits import stated_limits
from .populations.base import OpeningAccount, OpeningMarket, Population
from .reading.files import find_data_file
from .reading.rows import first_fields
from .rooms import own_in, own_producers, with_plugins_named
from .rulebooks import (
    alternatives,
    each_rulebook,
    for_assets,
    moved_to_venue,
    plain_venue,
    rulebook,
    slot_table,
    with_rulebooks_found,
)
from .settings import ScenarioSettings
from .sources.base import InstrumentScale, Source
from .sources.generator import GeneratorSettings
from .sources.own import OwnDepth
from .sources.registry import open_depth, open_prices
from .sources.tardis import TARDIS_COLUMNS
from .sources.ticks import TICKS_COLUMNS
from .toml_tree import apply_override, at_path, check_values, in_file, parse_toml, read_toml, with_durations
from .units import INT64_MAX, format_time_ns, parse_time_ns
from .venues import AtVenues, at_all_venues, check_venues, listed_at_venues, open_populations, slot_path

__all__ = ["ResolvedScenario", "Scenario", "bundled_scenarios"]

_SHOWN_MOST = 4
_YEAR_NS = 366 * 86_400 * 10**9


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
    funds: tuple[OpeningFund, ...]
    producers: tuple[Producer, ...]
    plugins: Plugins
    sources: tuple[Any, ...]
    opening_markets: tuple[OpeningMarket, ...]
    opening_population: Any
    actors: tuple[OpeningAccount, ...] = ()
    conversions: tuple[ConversionSet, ...] = ()
    inputs: int = 0
    limits: tuple[LimitsStated, ...] = ()
    chains: Chains = Chains()

    def __repr__(self) -> str:
        """One line, without what was opened."""
        told = f"{len(self.instruments)} instruments, starts {format_time_ns(self.start_ns)}, {self.inputs:,} inputs"
        return f"<ResolvedScenario {self.name}: {told}>"

    @property
    def fund_atoms(self) -> int:
        """What all insurance funds begin with, in the first asset at the opening prices."""
        rates = {market.settles_in.asset: market.settles_in.rate for market in self.opening_markets}
        return sum(rates[fund.asset].worth_of(fund.balance_atoms) for fund in self.funds)

    @property
    def is_living(self) -> bool:
        """Whether the venue's own book makes the price."""
        return any(producer.slot == "impact" for producer in self.producers)

    def population(self) -> Iterator[OpeningAccount]:
        """The traders' accounts, in their order, then the actors'."""
        population: Population = self.opening_population
        yield from population.accounts(self.opening_markets, self.assets[0].decimals, self.seed)
        yield from self.actors


class Scenario:
    """A scenario as loaded, overrides applied and keys checked."""

    def __init__(
        self, tree: Mapping[str, Any], folder: Path | None = None, *, plugins: Folders = (), file: str | None = None
    ) -> None:
        """Check a tree as read from TOML. Raises ScenarioError naming the path; `folder` is where its files are.

        Plug-ins that it names are looked for in the folders `plugins`, too. `file` is what errors name before the path.
        """
        self.folder, self.plugins, self.file = folder, Plugins(plugins), file
        with in_file(file):
            self._check(tree)

    def _check(self, tree: Mapping[str, Any]) -> None:
        check_values(tree, "$")
        plain = with_rulebooks_found(with_durations(tree, "$"), self.folder)
        rules = rulebook(plain.get("venue", "generic"))
        self.tree = _with_prices_layout(with_plugins_named(plain, self.plugins, self.folder), self.folder)
        self.settings = _convert(self.tree)
        self._rulebook = self._of_its_assets(rules)
        check_venues(self.settings)
        check_options(self.settings)
        self.producers = self._producers()
        self._own = own_in(self.producers, self.plugins)
        check_living(self.settings, self.producers)
        counted = self.settings.assets[0].name
        of_it = (one.name for one in self.settings.instruments if one.asset == counted)
        check_redemptions(self.producers, (one.name for one in self.settings.assets), of_it)

    @classmethod
    def load(
        cls,
        name: str | os.PathLike[str],
        overrides: Iterable[str] = (),
        *,
        seed: int | None = None,
        plugins: Folders = (),
    ) -> Scenario:
        """A bundled scenario by name, or a TOML file by path, with `key=value` overrides. Raises ScenarioError."""
        name = os.fspath(name)
        written, folder = _read(name)
        changes, file = tuple(overrides), None if folder is None else name
        with in_file(file):
            tree = moved_to_venue(written, changes, folder)
        for override in changes:
            apply_override(tree, override)
        if seed is not None:
            tree["seed"] = seed
        return cls(tree, folder, plugins=plugins, file=file)

    @classmethod
    def build(
        cls, *, folder: str | os.PathLike[str] | None = None, plugins: Folders = (), **stated: Unpack[Stated]
    ) -> Scenario:
        """A scenario stated in Python, key by key as in a file (`building.py`): the same checks, errors and digest.

        `folder` is where its data files are. Raises ScenarioError naming the path.
        """
        return cls(stated_tree(stated), None if folder is None else Path(folder), plugins=plugins)

    def __repr__(self) -> str:
        """One line: what it is called, and of what."""
        settings = self.settings
        names = ", ".join(one.name for one in settings.instruments[:_SHOWN_MOST])
        more = ", ..." if len(settings.instruments) > _SHOWN_MOST else ""
        return f"<Scenario {settings.name}: venue {settings.venue}, seed {settings.seed}, {names}{more}>"

    def resolve(self) -> ResolvedScenario:
        """Open the sources, read each to its end, and work everything out in whole numbers. Raises ScenarioError."""
        with in_file(self.file):
            return self._resolved()

    def _resolved(self) -> ResolvedScenario:
        settings = self.settings
        base_assets, scales = list_assets(settings), scales_of(settings)
        start_ns, opening, sources = self._sources(scales)
        end_ns = _end_ns(settings, start_ns)
        made = count_inputs(sources, start_ns, INT64_MAX if end_ns is None else end_ns, settings.limits)
        check_timers(self.producers, start_ns, made.last_ns + settings.settle_ns, settings.limits)
        most = settings.limits.accounts
        population = open_populations(settings, folder=self.folder, rows_most=most, own=self._own)
        check_accounts(population.size or 0, settings.limits)
        base = list_instruments(settings, base_assets, scales)
        assets, instruments = listed_at_venues(settings.venues, base_assets, base)
        numbers = at_all_venues(instruments, base)
        if settings.venues:
            sources = tuple(AtVenues(source, numbers) for source in sources)
        conversions = conversions_of(settings, assets, instruments)
        opened = {scale.name: (scale, ticks) for scale, (_, ticks) in zip(scales, opening, strict=True)}
        markets = opening_markets(instruments, opened, assets, conversions)
        prices_ticks = {name: ticks for name, (_, ticks) in opened.items()}
        chains, holders = open_options(settings, instruments, prices_ticks, assets, self.producers, start_ns)
        if chains.redrawn:
            check_redrawn(chains, made.last_ns)
            sources = (*sources, RedrawnSurfaces(chains.redrawn))
        return ResolvedScenario(
            name=settings.name,
            sha256=self._sha256(),
            venue=plain_venue(settings.venue),
            rulebook_sha256=hashlib.sha256(_canonical(self._rulebook)).digest(),
            seed=settings.seed,
            prices="held" if any(p.slot == "mark" and p.policy == "index" for p in self.producers) else "endogenous",
            start_ns=start_ns,
            end_ns=end_ns,
            settle_ns=settings.settle_ns,
            assets=assets,
            instruments=(*instruments, *chains.listings),
            funds=with_options(self._funds(assets, instruments, markets), chains.options),
            producers=self.producers,
            plugins=self.plugins,
            sources=sources,
            opening_markets=markets,
            opening_population=population,
            actors=(*open_actors(settings.actors, assets), *holders),
            conversions=conversions,
            inputs=made.inputs + len(chains.redrawn),
            limits=tuple(stated_limits(settings.instruments, instruments, assets[0].decimals)),
            chains=chains,
        )

    def _sources(self, scales: Sequence[InstrumentScale]) -> tuple[int, Sequence[tuple[int, int]], tuple[Source, ...]]:
        """When the run begins, at which prices, and what depth and prices come from."""
        settings, own = self.settings, self._own
        start_ns, seed, most = at_path("$.start", parse_time_ns, settings.start), settings.seed, settings.limits.inputs
        prices = open_prices(
            settings.prices,
            scales,
            start_ns=start_ns,
            seed=seed,
            folder=self.folder,
            own=own.get("prices"),
            most=most,
        )
        start_ns, opening = prices[0].start_ns, prices[0].opening
        _check_times(settings, start_ns)
        depth: tuple[Source, ...] = ()
        if "depth" in own:
            depth = (OwnDepth(own["depth"], scales, start_ns=start_ns, seed=seed, most=most),)
        elif settings.depth is not None:
            depth = (open_depth(settings.depth, scales, start_ns=start_ns, opening=opening, folder=self.folder),)
        return start_ns, opening, (*depth, *prices)

    def _producers(self) -> tuple[Producer, ...]:
        found, amounts = [], amounts_in(self.settings)
        for slot in SLOTS:
            for name, where, table in self._tables(slot):
                own = {key: value for key, value in table.items() if slot != "insurance_fund" or key not in FUND_KEYS}
                if slot == OPTION_RULES:
                    own = option_rules(self.settings, venue_of(name), own)
                producer = producer_of(name, own, where, self.plugins, self.folder, amounts)
                if producer is not None:
                    found.append(producer)
        return (*found, *own_producers(self.settings, self.plugins, self.folder, amounts))

    def _tables(self, slot: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """What fills a slot is called, where its settings stand, and these: for each venue where there are several."""
        stated = self._faults(amounts_in(self.settings)) if slot == "faults" else getattr(self.settings, slot)
        if not self.settings.venues or slot in OVER_VENUES:
            others = alternatives(self.settings.venue, slot)
            yield slot, f"$.{slot}", slot_table(self._rulebook.get(slot, {}), stated, others)
            return
        for venue in self.settings.venues:
            where = slot_path(self.settings, slot, venue.name)
            others = alternatives(venue.rulebook, slot)
            rules = self._of_its_assets(rulebook(venue.rulebook))
            defaults = slot_table(rules.get(slot, {}), stated, others)
            yield at_venue(slot, venue.name), where, slot_table(defaults, venue.slots.get(slot, {}), others)

    def _of_its_assets(self, rules: Mapping[str, Any]) -> dict[str, Any]:
        return for_assets(rules, [one.name for one in self.settings.assets])

    def _faults(self, amounts: Amounts) -> dict[str, Any]:
        """The settings of the slot `faults`, which a scenario states as a list of them."""
        settings = self.settings
        if isinstance(settings.faults, dict):
            return settings.faults
        if not settings.faults:
            return {}
        mark = slot_table(self._rulebook.get("mark", {}), settings.mark).get("policy")
        base_assets = list_assets(settings)
        assets, instruments = listed_at_venues(
            settings.venues, base_assets, list_instruments(settings, base_assets, scales_of(settings))
        )
        capital_atoms = {one.name: one.balance_atoms for one in open_actors(settings.actors, assets)}
        targets = FaultTargets([one.name for one in instruments], capital_atoms, amounts)
        return planned_faults(settings.faults, targets, mark)

    def _funds(
        self,
        assets: tuple[AssetListed, ...],
        instruments: tuple[InstrumentListed, ...],
        markets: tuple[OpeningMarket, ...],
    ) -> tuple[OpeningFund, ...]:
        """Each venue's, for each asset that positions settle in there: of several each has as much by worth."""
        found, settings = list[OpeningFund](), self.settings
        rates = {market.settles_in.asset: market.settles_in.rate for market in markets}
        for (_, where, table), counted in zip(self._tables("insurance_fund"), numeraires(assets), strict=True):
            settling = list(settled_in(assets, instruments, counted.venue))
            for place, asset in enumerate(settling):
                own = [one for one in instruments if one.asset == asset.asset and one.kind != "spot"]
                listed = [one for one in settings.instruments if any(plain(i.name) == one.name for i in own)]
                if len(settling) > 1:
                    check_one_floor(table, where)
                part = FundPart(amounts_in(settings), rates[asset.asset], place, len(settling))
                found += open_funds(table, asset, own, listed, part)
        return tuple(found)

    def _sha256(self) -> bytes:
        """By content: files count by name, not folder; their hash is in `SourceOpened`, a policy's in its version.

        Limits decide whether it is run at all, and nothing of what then happens.
        """
        tree = {key: value for key, value in self.tree.items() if key != "limits"}
        return hashlib.sha256(_canonical(_without_folders(tree))).digest()


def _check_times(settings: ScenarioSettings, start_ns: int) -> None:
    """Refuse a run whose last timers could be due after the year 2262, where 64 bits of nanoseconds end."""
    duration_ns = settings.prices.duration_ns if isinstance(settings.prices, GeneratorSettings) else 0
    if start_ns + duration_ns + settings.settle_ns > INT64_MAX - _YEAR_NS:
        message = "$.start: the run would come too near the year 2262, where nanoseconds pass 2^63; begin it earlier"
        raise ScenarioError(message)


def _end_ns(settings: ScenarioSettings, start_ns: int) -> int | None:
    """When the sources are left off, if a time is stated. Raises ScenarioError for one before the run begins."""
    end_ns = None if settings.end is None else at_path("$.end", parse_time_ns, settings.end)
    if end_ns is not None and end_ns < start_ns:
        message = f"$.end: {settings.end} lies before the start, {format_time_ns(start_ns)}; let it end later"
        raise ScenarioError(message)
    return end_ns


def bundled_scenarios() -> dict[str, str]:
    """The scenarios that come with the package: name to description."""
    trees = {name: parse_toml(entry.read_text(encoding="utf-8"), entry.name) for name, entry in _bundled().items()}
    return {name: str(tree.get("description", "")) for name, tree in trees.items()}


def _bundled() -> dict[str, Traversable]:
    """The files of those scenarios, by name."""
    entries = sorted(resources.files(f"{__package__}.scenarios").iterdir(), key=lambda entry: entry.name)
    return {entry.name.removesuffix(".toml"): entry for entry in entries if entry.name.endswith(".toml")}


def _read(name: str) -> tuple[dict[str, Any], Path | None]:
    """The tree of a bundled scenario, or of a file with the folder that it is in."""
    bundled = _bundled()
    if name in bundled:
        return parse_toml(bundled[name].read_text(encoding="utf-8"), name), None
    path = Path(name)
    if kind_of(path) is None:
        message = f"there is no scenario {name!r}: neither a file nor one of {', '.join(bundled)}"
        raise ScenarioError(message)
    return read_toml(path), path.parent


def _with_prices_layout(tree: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """A file in place of the generator: its layout is told by its first line."""
    prices = tree.get("prices")
    if not isinstance(prices, dict) or "file" not in prices or prices.get("source", "generator") != "generator":
        return tree
    path = find_data_file(str(prices["file"]), "$.prices.file", folder)
    header = tuple(first_fields(path))
    source = "tardis" if header[:3] == TARDIS_COLUMNS[:3] else "ticks" if header == TICKS_COLUMNS else "klines"
    keys = ("file", "instrument", "late_rows", "since", "follow", *(("betas",) if "follow" in prices else ()))
    kept = {key: prices[key] for key in keys if key in prices}
    return {**tree, "prices": {"source": source, **kept}}


def _convert(tree: Mapping[str, Any]) -> ScenarioSettings:
    try:
        return msgspec.convert(tree, ScenarioSettings)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        message = f"{path.rstrip('`') or '$'}: {what}; correct the scenario or the --set"
        raise ScenarioError(message) from None


def _canonical(tree: Any) -> bytes:
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), default=_text).encode()


def _text(value: object) -> str:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def _without_folders(tree: Mapping[str, Any]) -> dict[str, Any]:
    named = {key: _table_without_folders(value) if isinstance(value, dict) else value for key, value in tree.items()}
    return each_rulebook(named, lambda venue, _where: plain_venue(venue))


def _table_without_folders(table: Mapping[str, Any]) -> dict[str, Any]:
    named = dict(table)
    if "file" in named:
        named["file"] = Path(named["file"]).name
    for key in ("policy", "plugin"):
        if isinstance(named.get(key), str):
            named[key] = without_folders(named[key])
    return named
