"""What came of a run, for a person to read: what moved, who was called, what it cost, and where the record is.

It fits 60 columns, needs no colour, and never shortens a figure. Amounts are rounded to hundredths; `run --json` has
the atoms.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from ..events.bodies.listing import AssetListed, InstrumentListed
from ..events.bodies.run import SourceTally
from ..events.venue_names import plain
from ..handlers.conversion import held_coins
from .console import bars_for, print_line, print_rows, print_table
from .figures import count, duration, exact_money, percent, percent_of_ppm, price, rounded_money
from .living.told import living_parts
from .outcome import fund_of, source_tallies, unpaid
from .runner import RunResult
from .sparkline import sparkline
from .units import format_time_ns

__all__ = ["print_report"]

_INDENT = "  "
_PATH_WIDTH_MAX = 72

Rows = Iterator[tuple[str, str]]


def print_report(console: Console, result: RunResult) -> None:
    """The whole summary."""
    scenario = result.scenario
    length = duration(result.end_ns - result.start_ns)
    print_line(console, f"{scenario.name}, seed {scenario.seed}: {result.status}", style="bold")
    asset = plain(scenario.assets[0].name)
    print_line(console, f"{format_time_ns(result.start_ns)} + {length}, amounts in {asset}")
    if result.ledger.conversions:
        print_line(console, "what is in another asset is told by its worth at the time")
    print_line(console)
    _print_marks(console, result)
    for rows, points in living_parts(result):
        print_rows(console, rows)
        _print_path(console, points)
    if result.summary.by_type["BlockMined"]:
        print_rows(console, result.summary.chain.rows(scenario.assets[0]))
    if any(listing.kind != "spot" for listing in scenario.instruments):
        for part in (_unasked, _refused, _campaigns, _rules, _margin, _collateral, _liquidation, _fund):
            print_rows(console, part(result))
        _print_path(console, result.summary.fund_points)
        print_rows(console, _last_resorts(result))
    print_line(console)
    for part in (_sources, _run):
        print_rows(console, part(result))


def _print_path(console: Console, points: list[int]) -> None:
    width = min(console.width - 2 * len(_INDENT), _PATH_WIDTH_MAX)
    if points:
        print_line(console, _INDENT + sparkline(points, width, bars_for(console)), style="cyan")


def _print_marks(console: Console, result: RunResult) -> None:
    """First, low, high and last of each instrument, the moves against the first below, and the path."""
    for number, listing in enumerate(result.scenario.instruments):
        ticks = result.summary.extremes(number)
        if ticks is None:
            print_line(console, f"{listing.name}: no mark")
            continue
        print_table(console, (listing.name, "first", "low", "high", "last"), _marks(ticks, listing))
        _print_path(console, result.summary.marks[number].points)
    print_line(console)


def _marks(ticks: tuple[int, ...], listing: InstrumentListed) -> list[tuple[str, ...]]:
    moves = [percent(value - ticks[0], ticks[0]) for value in ticks[1:]]
    return [("mark", *(price(value, listing) for value in ticks)), ("move", "", *moves)]


def _unasked(result: RunResult) -> Rows:
    """What traders ordered of themselves, by purpose, and the collateral that they took out; nothing where none did."""
    summary, first = result.summary, "unasked"
    placed, traded_atoms = summary.own_orders.placed, summary.own_orders.traded_atoms
    for purpose in sorted(placed):
        orders, traded = count(placed[purpose], "order"), _money(result, traded_atoms[purpose])
        yield first, f"{purpose.replace('_', ' ')}: {orders}, {traded} traded"
        first = ""
    if summary.by_type["CollateralWithdrawn"]:
        times = count(summary.by_type["CollateralWithdrawn"], "time")
        yield first, f"collateral taken out {times}, {_sum(result, 'CollateralWithdrawn')} in all"


def _refused(result: RunResult) -> Rows:
    """How many orders each limit refused; nothing where none did."""
    first = "refused"
    for limit, orders in sorted(result.summary.own_orders.refused.items()):
        yield first, f"{count(orders, 'order')} for the limit of {limit}"
        first = ""


def _rules(result: RunResult) -> Rows:
    """How often the maintenance margin changed, and how high it stood; nothing where it did not."""
    first = "margin"
    for number, path in sorted(result.summary.rates.items()):
        name, listed = result.scenario.instruments[number].name, result.scenario.instruments[number].tiers[0].rate_ppm
        raised = f"from {percent_of_ppm(listed)} to {percent_of_ppm(max(path))} at the most"
        yield first, f"{name}: changed {count(len(path), 'time')}, {raised}, {percent_of_ppm(path[-1])} at the end"
        first = ""


def _campaigns(result: RunResult) -> Rows:
    """What strategic traders' campaigns cost and gained; nothing where there was none."""
    seen = result.summary.by_type
    if seen["CampaignStarted"]:
        yield "strategic", f"{count(seen['CampaignStarted'], 'campaign')}, {seen['CampaignEnded']:,} ended"
        yield "", f"{_sum(result, 'CampaignPush')} to push the price, {_sum(result, 'CampaignNet')} gained, net"


def _margin(result: RunResult) -> Rows:
    """The calls and how they were answered."""
    seen = result.summary.by_type
    if not seen["MarginCalled"]:
        yield "called", "nobody"
        return
    yield "called", f"{count(seen['MarginCalled'], 'margin call')}, {seen['MarginCallMet']:,} met"
    yield "", f"{count(seen['CollateralAdded'], 'answer')} with collateral, {_sum(result, 'CollateralAdded')} in all"
    own_orders = result.summary.own_orders
    ordered = own_orders.placed["margin call"]
    reduced_atoms = result.summary.sums["PositionReduced"] + own_orders.traded_atoms["margin call"]
    yield "", f"{count(seen['PositionReduced'] + ordered, 'reduction')}, {_money(result, reduced_atoms)} in all"


def _collateral(result: RunResult) -> Rows:
    """What traders hold of assets that they do not settle in, and what of it was sold; nothing where they have none."""
    ledger, seen = result.ledger, result.summary.by_type
    first = "collateral"
    for held in held_coins(ledger):
        asset = ledger.assets[held.asset]
        worth, counted = (_money(result, atoms) for atoms in (held.worth_atoms, held.counted_atoms))
        yield first, f"{_in_own(result, asset, held.atoms)} held at the end, worth {worth}, of which {counted} counts"
        first = ""
    if seen["CollateralSold"]:
        yield first, f"sold {count(seen['CollateralSold'], 'time')}, for {_sum(result, 'CollateralSold')} in all"
        first = ""
    if seen["InterestCharged"]:
        yield first, f"{_sum(result, 'InterestCharged')} of interest on debts"


def _liquidation(result: RunResult) -> Rows:
    """The forced orders and what the fund took over."""
    seen, ended = result.summary.by_type, result.summary.outcomes
    if not seen["LiquidationStarted"]:
        yield "liquidated", "nobody"
        return
    yield "liquidated", f"{count(seen['LiquidationStarted'], 'liquidation')}"
    yield "", f"{ended['restored']:,} restored, {ended['closed']:,} closed, {ended['bankrupt']:,} bankrupt"
    yield "", f"{_sum(result, 'LiquidationFilled')} filled in the market"
    yield "taken over", f"{count(seen['PositionTakenOver'], 'position')}, {_sum(result, 'PositionTakenOver')} in all"
    yield "", f"{_sum(result, 'InventorySold')} of inventory sold"


def _fund(result: RunResult) -> Rows:
    """The insurance funds: cash and inventory at the mark, together, and each where there are several."""
    document = fund_of(result)
    funds = document.pop("funds")
    fund = {name: _money(result, atoms) for name, atoms in document.items()}
    start, end, low = fund["start_atoms"], fund["end_atoms"], fund["low_atoms"]
    together = f", {len(funds)} funds together" if len(funds) > 1 else ""
    yield "fund", f"{start} at the start, {end} at the end, {low} at the lowest seen{together}"
    yield "", "all three in cash and in inventory at the mark"
    yield "", f"{fund['credited_atoms']} of fees came in, {fund['debited_atoms']} paid for negative balances"
    for one in funds if len(funds) > 1 else ():
        asset = next(asset for asset in result.scenario.assets if asset.name == one["asset"])
        begun, ended = (_in_own(result, asset, one[name]) for name in ("start_atoms", "end_atoms"))
        yield "", f"{one['name']}: {begun} at the start, {ended} at the end"


def _last_resorts(result: RunResult) -> Rows:
    """Auto-deleveraging, socialised loss, halts, and what of the venue's claims did not hold."""
    seen, sums = result.summary.by_type, result.summary.sums
    if seen["DeleveragingStarted"]:
        accounts = count(len(result.summary.deleveraged), "account")
        yield "deleveraged", f"{accounts} in {count(seen['DeleveragingStarted'], 'round')}"
        yield "", f"{_sum(result, 'PositionDeleveraged')} of positions closed"
    else:
        yield "deleveraged", "nobody"
    if sums["LossSocialized"] or sums["BalanceWrittenOff"]:
        yield "socialised", f"{_sum(result, 'LossSocialized')} of loss, {_sum(result, 'BalanceWrittenOff')} written off"
    else:
        yield "socialised", "nothing"
    yield from _unpaid(result)
    yield "halted", count(seen["TradingHalted"], "time") if seen["TradingHalted"] else "never"
    if seen["FaultStarted"]:
        yield "faults", f"{count(seen['FaultStarted'], 'fault')}, {count(seen['ActDelayed'], 'act')} held up"
    yield from result.summary.invariants.rows(result.scenario.producers)


def _unpaid(result: RunResult) -> Rows:
    """Deficits, and what is owed by whoever is still in liquidation."""
    found = unpaid(result)
    if found["deficits"]:
        yield "unpaid", f"{_money(result, found['deficit_atoms'])} in {count(found['deficits'], 'declared deficit')}"
        yield "", f"trading stopped at {found['stopped_at']}"
    else:
        yield "unpaid", "nothing"
    if found["accounts_owing"]:
        owing = count(found["accounts_owing"], "account")
        yield "", f"{_money(result, found['owed_at_the_end_atoms'])} owed by {owing} at the end"


def _sources(result: RunResult) -> Rows:
    for name, layout, _, tally in source_tallies(result):
        yield "source", f"{name} ({layout}): {_tally(tally)}"
        for reason, rows, first in tally.left_out:
            yield "", f"left out {count(rows, 'row')}, the first is row {first:,}: {reason}"


def _tally(tally: SourceTally) -> str:
    merged = f", {tally.merged:,} merged" if tally.merged else ""
    return f"{count(tally.rows, 'row')}{merged}"


def _run(result: RunResult) -> Rows:
    moved = "did not move" if result.scenario.prices == "held" else "moved"
    yield "prices", f"{result.scenario.prices}: forced orders {moved} the marks"
    rate = result.events / result.seconds if result.seconds else 0
    yield "events", f"{result.events:,} in {result.seconds:,.1f} s, {rate:,.0f} a second"
    yield "record", str(result.path or "none; give -o RUN to keep it")
    yield "head", result.head


def _sum(result: RunResult, name: str) -> str:
    return _money(result, result.summary.sums[name])


def _in_own(result: RunResult, asset: AssetListed, atoms: int) -> str:
    """An amount of an asset; of one of another name than the first exact, with that, as its hundredths may be much."""
    alike = plain(asset.name) == plain(result.scenario.assets[0].name)
    return rounded_money(atoms, asset) if alike else f"{exact_money(atoms, asset)} {plain(asset.name)}"


def _money(result: RunResult, atoms: int) -> str:
    return rounded_money(atoms, result.scenario.assets[0])
