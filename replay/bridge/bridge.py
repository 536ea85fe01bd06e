"""The way over: a point of an imported record to a folder with a scenario that begins there.

1. The point is that before the first liquidation that others were deleveraged for, or else before the first one, or
   else after the opening; or what is asked for.
2. The scenario has what was held then: instruments with their steps and tiers, accounts, marks. From there on it has
   the marks of the record as its prices, held (`mark.policy = "index"`): nothing that is decided moves them.
3. Who decides is the rulebook. What no file tells of is empty: no fund, no depth, no trader who answers, no funding.
   Each is named in `inferred.json`, and can be set otherwise.
4. Everything is written into a new folder, or nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from ...events.bodies.liquidation import LiquidationStarted
from ...events.bodies.listing import InstrumentListed
from ...events.bodies.margin import MarkPriced
from ...events.bodies.waterfall import DeleveragingStarted
from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.ledger import Ledger
from ...events.regular import must_be_free, open_new, whole_folder
from ...sim.scenario import Scenario
from ...sim.units import format_time_ns, ticks_to_text
from ..csv_text import csv_text
from ..inferences import Inference, inferences_before
from ..reconstructed import check_imported, known_before, rulebook_of
from ..run import Run
from .accounts import HEADER, Bridged, Concluded, bridged_accounts, offset_ticks
from .scenario_text import ACCOUNTS, PRICES, SCENARIO, ScenarioParts, scenario_text

__all__ = ["INFERRED", "BridgeResult", "bridge", "few"]

INFERRED = "inferred.json"

_NAMED = 4

_ASSUMED = (
    ("fund", "insurance_fund.balance", "0", "no file tells what the fund had"),
    ("depth", "depth", "none", "no file tells what the book had: forced orders find nobody"),
    ("traders", "traders.policy", "none", "nobody answers a call; what people really did is not in the files"),
    ("funding", "funding.policy", "none", "no funding is charged beside what the record has of it"),
    ("marks", "mark.policy", "index", "the marks of the record are held: nothing that is decided moves them"),
)


class Assumed(msgspec.Struct, frozen=True):
    """What the whole scenario takes for granted: the key that says otherwise, its value, and why."""

    what: str
    key: str
    value: str
    rule: str


class BridgeResult(msgspec.Struct, frozen=True):
    """What was written, and what of it no file states: `taken_in` by the import, `concluded` and `assumed` here."""

    run: str
    head: str | None
    rulebook: str
    scenario: str
    seq: int
    at_ns: int
    at: str
    instruments: tuple[str, ...]
    accounts: int
    positions: int
    ticks: int
    taken_in: tuple[Inference, ...]
    concluded: tuple[Concluded, ...]
    assumed: tuple[Assumed, ...]


def bridge(
    run: Run, folder: Path, *, at: str | None = None, asked_rulebook: str | None = None, leverage: int = 5
) -> BridgeResult:
    """Write the scenario, checked by opening it. Raises QueryError for what cannot be bridged; reads the record twice.

    Raises RecordExistsError where `folder` is taken.
    """
    must_be_free(folder)
    check_imported(run, "deleverage bridge")
    name, _, _ = rulebook_of(run, asked_rulebook)
    seq = _point(run) if at is None else run.last_seq(at)
    ledger, at_ns = run.at(seq=seq), run.event(seq).at_ns
    later = list(_later(run, seq))
    early = tuple(_mark_early(ledger, later))
    closed_at = {key: ticks for one in later for key, ticks in _closed(one, at_ns)}
    bridged = bridged_accounts(ledger, known_before(run, seq + 1), closed_at, leverage)
    listings = _listings(run, ledger, bridged)
    prices = list(_prices(ledger, listings, at_ns, later))
    parts = ScenarioParts(folder.name, run.started.scenario, name, format_time_ns(at_ns), listings, ledger)
    result = BridgeResult(
        run=str(run.path),
        head=run.sealed_head,
        rulebook=name,
        scenario=str(folder / SCENARIO),
        seq=seq,
        at_ns=at_ns,
        at=format_time_ns(at_ns),
        instruments=tuple(listing.name for listing in listings),
        accounts=bridged.accounts,
        positions=bridged.positions,
        ticks=len(prices),
        taken_in=tuple(inferences_before(run, seq + 1)),
        concluded=tuple(bridged.concluded),
        assumed=tuple(Assumed(*one) for one in (*_ASSUMED, *_rates(listings), *_early(listings, early))),
    )
    files = {
        SCENARIO: scenario_text(parts),
        ACCOUNTS: _plain_csv(HEADER, bridged.rows),
        PRICES: csv_text(("at_ns", "instrument", "price"), prices),
        INFERRED: msgspec.json.format(msgspec.json.encode(result)).decode() + "\n",
    }
    _write(folder, files)
    return result


def _rates(listings: Iterable[InstrumentListed]) -> Iterator[tuple[str, str, str, str]]:
    """The maintenance rates that the record does not have."""
    names = [one.name for one in listings if not one.tiers[0].rate_ppm]
    if names:
        rule = f"no file tells the rate of {few(names)}, and none is below a millionth"
        yield "rates", "instruments[].tiers", "0.000001", rule


def _early(listings: Iterable[InstrumentListed], early: Iterable[int]) -> Iterator[tuple[str, str, str, str]]:
    """The marks that are later than the point."""
    names = [one.name for one in listings if one.instrument in set(early)]
    if names:
        yield "marks", "prices.file", "the first", f"the record has no mark before that point of {few(names)}"


def few(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """All files, once the scenario that they make was opened. Raises ScenarioError where it cannot be."""
    with whole_folder(folder) as beside:
        for name, text in files.items():
            with open_new(beside / name) as file:
                file.write(text.encode())
        Scenario.load(str(beside / SCENARIO)).resolve()


def _point(run: Run) -> int:
    """The event that the scenario begins after, by rule 1."""
    first: Event | None = None
    for event in run.events():
        if isinstance(event.body, LiquidationStarted):
            first = first or event
        elif isinstance(event.body, DeleveragingStarted):
            first = run.nearest_cause(event, LiquidationStarted) or first or event
            break
    return run.first_at(run.start_ns + 1) - 1 if first is None else first.seq - 1


def _later(run: Run, seq: int) -> Iterator[Event]:
    """The marks and rounds after the point."""
    for event in run.events(seq + 1):
        if isinstance(event.body, MarkPriced | DeleveragingStarted):
            yield event


def _mark_early(ledger: Ledger, later: Iterable[Event]) -> Iterator[int]:
    """Give each instrument that has no mark yet the first that the record has of it, and say which these are."""
    unmarked = {number: market for number, market in enumerate(ledger.markets) if not market.mark_ticks}
    for event in later:
        body = event.body
        if isinstance(body, MarkPriced) and body.instrument in unmarked:
            unmarked.pop(body.instrument).mark_ticks = body.mark_ticks
            yield body.instrument


def _closed(event: Event, at_ns: int) -> Iterator[tuple[tuple[int, int], int]]:
    """The price at which a round of this instant closed, by (account, instrument)."""
    body = event.body
    if isinstance(body, DeleveragingStarted) and event.at_ns == at_ns:
        yield (body.account, body.instrument), body.price_ticks


def _listings(run: Run, ledger: Ledger, bridged: Bridged) -> tuple[InstrumentListed, ...]:
    """The instruments that somebody holds. Raises QueryError for what a scenario cannot have."""
    if not bridged.positions:
        message = (
            f"{run.path}: no account holds a position there, so there is nothing to bridge; give a later --at, or take "
            "its files as the prices of a scenario"
        )
        raise QueryError(message)
    held = {instrument for account in ledger.accounts for instrument, _ in account.positions if account.kind == "user"}
    listings = tuple(market.listing for number, market in enumerate(ledger.markets) if number in held)
    for listing in listings:
        fault = _fault(ledger, listing)
        if fault:
            message = f"{run.path}: {listing.name} cannot be bridged: {fault}; give an --at at which nobody holds it"
            raise QueryError(message)
    assets = {ledger.assets[listing.asset].name for listing in listings}
    if len(assets) > 1:
        message = (
            f"{run.path}: positions settle in {', '.join(sorted(assets))}, and a bridge has one asset; import less"
        )
        raise QueryError(message)
    return listings


def _fault(ledger: Ledger, listing: InstrumentListed) -> str:
    if listing.kind not in ("linear", "inverse"):
        return f"it is of kind {listing.kind}"
    if not ledger.markets[listing.instrument].mark_ticks:
        return "the record has no mark of it"
    unit = Decimal(10) ** ledger.assets[listing.asset].decimals
    steps = Decimal(listing.tick_size) * Decimal(listing.lot_size)
    if listing.kind == "inverse":
        steps = Decimal(listing.lot_size) / Decimal(listing.tick_size)
    if steps * unit != listing.multiplier_atoms:
        return "a lot at a tick is not worth their product, which a scenario takes it for"
    return ""


def _prices(
    ledger: Ledger, listings: Iterable[InstrumentListed], at_ns: int, later: Iterable[Event]
) -> Iterator[tuple[int, str, str]]:
    """(time, instrument, price): all marks at the point, then each that changed; the last of an instant counts.

    A further mark of the point's own instant comes a nanosecond later.
    """
    by_number = {listing.instrument: listing for listing in listings}
    found = {at_ns: {number: ledger.markets[number].mark_ticks for number in by_number}}
    for event in later:
        body = event.body
        if isinstance(body, MarkPriced) and body.instrument in by_number:
            found.setdefault(max(event.at_ns, at_ns + 1), {})[body.instrument] = body.mark_ticks
    for instant_ns, ticks_by_number in sorted(found.items()):
        for number, ticks in sorted(ticks_by_number.items()):
            listing, offset = by_number[number], offset_ticks(ledger.markets[number])
            yield instant_ns, listing.name, ticks_to_text(ticks + offset, Decimal(listing.tick_size))


def _plain_csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows for `sim/reading/rows.py`, which has no quoted fields. Raises QueryError for a name that needs them."""
    lines = [",".join(header)]
    for row in rows:
        fields = list(row)
        if any(one != one.strip() or "," in one or '"' in one or not one.isprintable() for one in fields):
            message = f"account {fields[0]!r} has a name that no file of accounts can hold; rename it in the source"
            raise QueryError(message)
        lines.append(",".join(fields))
    return "".join(f"{line}\n" for line in lines)
