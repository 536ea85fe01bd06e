"""The state of a run for a person: markets, the fund, a census of the accounts and the largest of them.

It fits 60 columns with ordinary figures and never shortens one. Amounts are exact, in the list of the largest whole.

One account at one instant, for a person: its standing, its margin, its positions. All amounts are exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from heapq import nlargest

from rich.console import Console

from ...events.bodies.listing import AccountKind
from ...events.kinds import FOR_GOOD_NS
from ...events.ledger import Account, LedgerState, Market, PositionKey
from ...events.ledger.state import STOPPED_NS
from ...handlers.conversion import counted_in, in_first
from ...handlers.options.book import holds_options
from ...handlers.options.sensitivities import unit_greeks
from ...handlers.valuation import BPS, Margin, notional_atoms, profit_atoms, slack
from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import count, exact_money, price, score_text, size
from ...sim.units import divide_half_even, format_time_ns
from .coins import coin_lines, conversion_rows
from .lending import borrower_rows, exposure_rows, has_lending, loan_rows
from .queues import TRADERS, Prospect, Queues, marked_margin, prospects_of, ratio_bps, venues_of
from .view import law_checks

__all__ = ["leg_text", "print_account", "print_state", "print_title", "ratio_text"]

_LARGEST = 10

Rows = Iterator[tuple[str, str]]


def print_state(console: Console, ledger: LedgerState, queues: Queues | None = None) -> None:
    """The whole run; with the `queues` of the same ledger also how long they are and by which rule."""
    print_title(console, ledger)
    if ledger.markets:
        print_line(console)
        print_table(console, ("market", "mark", "index", "impact", ""), map(_market_row, ledger.markets))
    if ledger.conversions:
        print_line(console)
        print_table(console, ("converted", "at", "own market", "counts"), conversion_rows(ledger))
    if queues is not None:
        print_line(console)
        instruments = range(len(ledger.markets))
        print_table(console, ("ADL queue", "long", "short", "rule"), [_queues(ledger, queues, n) for n in instruments])
    print_line(console)
    print_rows(console, _fund(ledger))
    print_rows(console, coin_lines(ledger))
    print_rows(console, _census(ledger))
    _print_largest(console, ledger)
    if has_lending(ledger):
        _print_lending(console, ledger)


def _print_lending(console: Console, ledger: LedgerState) -> None:
    """What is claimed of each asset, and who is least safe."""
    print_line(console)
    header = ("claimed", "collateral", "supplied", "owed", "multiple", "bought with loans")
    print_table(console, header, exposure_rows(ledger))
    print_line(console)
    print_table(console, ("least safe", "owes", "health", "chain"), borrower_rows(ledger))


def print_title(console: Console, ledger: LedgerState) -> None:
    """Of which run, after which event, at what time."""
    name = "" if ledger.run is None else f"{ledger.run.scenario} "
    assets = ", ".join(asset.name for asset in ledger.assets)
    print_line(console, f"{name}after event {ledger.seq - 1}", style="bold")
    print_line(console, f"{format_time_ns(ledger.at_ns)}{f', amounts in {assets}' if assets else ''}")


def _market_row(market: Market) -> tuple[str, ...]:
    listing, marked = market.listing, market.marked
    if marked is None:
        return listing.name, "no mark", "", "", ""
    prices = (price(ticks, listing) for ticks in (marked.mark_ticks, marked.index_ticks, marked.impact_ticks))
    halt = "" if market.halted_until_ns is None else "halted"
    return listing.name, *prices, "stopped" if market.halted_until_ns == STOPPED_NS else halt


def _queues(ledger: LedgerState, queues: Queues, instrument: int) -> tuple[str, ...]:
    """How many would be taken of each side of an instrument, and by which rule of its venue."""
    rule, lengths = queues.rule_of(instrument), queues.lengths(instrument)
    long, short = ("-", "-") if lengths is None else (f"{length:,}" for length in lengths)
    return ledger.markets[instrument].listing.name, long, short, rule.name or ("unknown" if rule.unknown else "none")


def _fund(ledger: LedgerState) -> Rows:
    for number in ledger.funds:
        fund = ledger.accounts[number]
        asset, several = ledger.assets[fund.asset], len(ledger.funds_of(fund.asset)) > 1
        margin = marked_margin(ledger, fund)
        of = f"{ledger.name(number)}: " if several else ""
        yield "fund", f"{of}{exact_money(fund.balance_atoms, asset)} {asset.name} in cash"
        for instrument in sorted({instrument for instrument, _ in fund.positions}):
            yield "", _inventory(ledger.markets[instrument], fund)
        if margin is not None and fund.positions:
            yield "", f"{exact_money(margin.equity_atoms, asset)} with the inventory at the mark"
        deficit_atoms = ledger.funds[number].deficit_atoms
        if deficit_atoms:
            yield "", f"{exact_money(deficit_atoms, asset)} of deficit declared"


def _inventory(market: Market, fund: Account) -> str:
    held = [position for (instrument, _), position in fund.positions.items() if instrument == market.listing.instrument]
    lots = size(sum(position.size_lots for position in held), market.listing)
    return f"{lots} {market.listing.name} from {count(len(held), 'liquidation')}"


def _census(ledger: LedgerState) -> Rows:
    """How many accounts there are, where they stand, what is pending, and whether the books are straight."""
    for venue in venues_of(ledger) or [""]:
        here = (one for one in ledger.accounts if one.kind in TRADERS and ledger.venue_of(one.account) == venue)
        statuses = Counter(account.status for account in here)
        told = ", ".join(f"{number:,} {status.replace('_', ' ')}" for status, number in statuses.most_common())
        at = f" at {venue}" if venue else ""
        yield "accounts", f"{count(statuses.total(), 'trader')}{at}{f': {told}' if told else ''}"
    open_ones = sum(not liquidation.ended for liquidation in ledger.liquidations.values())
    for number, fault in ledger.faults.items():
        until_ns = fault.body.until_ns
        until = "for good" if until_ns == FOR_GOOD_NS else f"until {format_time_ns(until_ns)}"
        yield "fault", f"{number}, {fault.body.kind}, since event {fault.seq}, {until}"
    yield "pending", f"{count(open_ones, 'liquidation')}, {count(len(ledger.timers), 'timer')}"
    broken = [text for check in law_checks(ledger) for text in check["broken"]]
    yield "laws", f"BROKEN: {'; '.join(broken)}" if broken else "all hold"


def _print_largest(console: Console, ledger: LedgerState) -> None:
    """The traders with the largest positions, by notional: of several assets by what that is worth in the first."""
    marked = [one for one in ledger.accounts if one.kind in TRADERS and one.positions and marked_margin(ledger, one)]
    largest = nlargest(_LARGEST, marked, key=lambda account: (_notional(ledger, account), -account.account))
    if largest:
        print_line(console)
        in_one = f", in {ledger.assets[0].name}" if ledger.conversions else ""
        header = (f"largest{in_one}", "equity", "notional", "ratio", "status")
        print_table(console, header, [_row(ledger, one) for one in largest])


def _notional(ledger: LedgerState, account: Account) -> int:
    atoms = sum(notional_atoms(ledger.markets[key[0]], held) for key, held in account.positions.items())
    return in_first(ledger, account.asset, atoms)


def _row(ledger: LedgerState, account: Account) -> tuple[str, ...]:
    margin = marked_margin(ledger, account)
    equity_atoms = in_first(ledger, account.asset, margin.equity_atoms if margin is not None else 0)
    one = 10 ** ledger.assets[counted_in(ledger, account.asset)].decimals
    whole = [f"{divide_half_even(atoms, one):,}" for atoms in (equity_atoms, _notional(ledger, account))]
    return ledger.name(account.account), *whole, ratio_text(ratio_bps(margin)), account.status.replace("_", " ")


def ratio_text(ratio_bps: int | None) -> str:
    """Equity over requirement, as people say it: 1.53x."""
    if ratio_bps is None:
        return "-"
    sign, hundredths = "-" if ratio_bps < 0 else "", abs(ratio_bps) // 100
    return f"{sign}{hundredths // 100:,}.{hundredths % 100:02d}x"


def leg_text(kind: AccountKind, leg: int) -> str:
    """Which leg, or which liquidation a lot of the fund's came from; nothing for the net position."""
    if kind == "insurance":
        return f", from liquidation {leg}"
    return f", leg {leg}" if leg else ""


def print_account(console: Console, ledger: LedgerState, number: int, queues: Queues) -> None:
    """Everything about one account; `queues` are those of the same ledger."""
    account = ledger.accounts[number]
    margin = marked_margin(ledger, account)
    prospects = prospects_of(ledger, account, margin)
    print_title(console, ledger)
    print_line(console)
    print_rows(console, _standing(ledger, account))
    print_rows(console, _margin(ledger, account, margin))
    for key in account.positions:
        print_rows(console, _position(ledger, account, key))
        if margin is not None and key in prospects:
            print_rows(console, _prospect(ledger, account, key, margin, prospects[key]))
        if account.kind == "user":
            print_rows(console, (("", _queue(ledger, queues, account, key)),))


def _standing(ledger: LedgerState, account: Account) -> Rows:
    """Who it is and where it stands in its life."""
    yield "account", f"{ledger.name(account.account)}, number {account.account}, {account.kind}, {account.mode}"
    if account.owner is not None:
        yield "owner", ledger.name(account.owner)
    if account.parent is not None:
        yield "parent", ledger.name(account.parent)
    liquidation = "" if account.liquidation_id is None else f", liquidation {account.liquidation_id}"
    yield "status", f"{account.status.replace('_', ' ')}{liquidation}"
    if account.called_seq is not None:
        yield "called", f"{count(account.calls, 'time')}, last by event {account.called_seq}"


def _margin(ledger: LedgerState, account: Account, margin: Margin | None) -> Rows:
    asset = ledger.assets[account.asset]
    unit = f" {asset.name}" if len(ledger.assets) > 1 else ""
    yield "balance", f"{exact_money(account.balance_atoms, asset)}{unit}"
    yield from coin_lines(ledger, account)
    if margin is None:
        yield "equity", "unknown: an instrument or an asset that it holds has no price yet"
        return
    yield "equity", f"{exact_money(margin.equity_atoms, asset)}{unit}"
    if margin.haircut_atoms:
        yield "", f"{exact_money(margin.collateral_atoms, asset)}{unit} of it counts as collateral"
    loans = list(loan_rows(ledger, account))
    yield from loans
    if account.kind in TRADERS and not loans:
        yield "requirement", f"{exact_money(margin.requirement_atoms, asset)}{unit}"
        ratio = f"{ratio_text(ratio_bps(margin))}; liquidation is below 1.00x"
        yield "ratio", ratio if account.positions else "none: it holds no position"
    yield from _greeks(ledger, account)


def _greeks(ledger: LedgerState, account: Account) -> Rows:
    """What a book with options answers to."""
    asset = ledger.assets[account.asset]
    for one in unit_greeks(account, ledger):
        yield "greeks", f"of {ledger.markets[one.underlying].listing.name} and the options on it"
        for told, atoms in (
            ("delta, 1% of the price up", one.delta_atoms),
            ("gamma, by which that delta grows then", one.gamma_atoms),
            ("vega, a point of volatility up", one.vega_atoms),
            ("theta, a day", one.theta_atoms),
        ):
            yield "", f"{exact_money(atoms, asset)}: {told}"


def _position(ledger: LedgerState, account: Account, key: PositionKey) -> Rows:
    """One position in three lines: what it is, what it is worth, what it has made."""
    market, held, asset = ledger.markets[key[0]], account.positions[key], ledger.assets[account.asset]
    listing = market.listing
    entry = price(market.payoff.price_ticks(held.size_lots, held.cost_atoms), listing)
    side = "long" if held.size_lots > 0 else "short"
    yield listing.name, f"{side} {size(abs(held.size_lots), listing)} from {entry}{leg_text(account.kind, key[1])}"
    if market.marked is not None:
        unit = f" {asset.name}" if len(ledger.assets) > 1 else ""
        yield "", f"{exact_money(notional_atoms(market, held), asset)}{unit} at {price(market.mark_ticks, listing)}"
        yield "", f"{exact_money(profit_atoms(market, held), asset)}{unit} of profit, not realised"


def _prospect(ledger: LedgerState, account: Account, key: PositionKey, margin: Margin, prospect: Prospect) -> Rows:
    """What would end the position."""
    market = ledger.markets[key[0]]
    alone = all(instrument == key[0] for instrument, _ in account.positions)
    if slack(margin, BPS) < 0:
        yield "", "liquidation now: below its requirement"
    elif holds_options(account, ledger):
        yield "", "no single mark liquidates it: it is margined as a book"
    else:
        yield "", f"{_liquidation(market, prospect)}{'' if alone else ', if only this mark moves'}"
    if prospect.bankruptcy_ticks is not None:
        share = "" if len(account.positions) == 1 else ", on its share of the equity"
        yield "", f"bankruptcy price {price(prospect.bankruptcy_ticks, market.listing)}{share}"
    else:
        yield "", f"no bankruptcy price: {'solvent' if margin.equity_atoms > 0 else 'bankrupt'} at any mark"


def _liquidation(market: Market, prospect: Prospect) -> str:
    below, above = prospect.liquidation
    ends = [] if below is None else [f"{price(below, market.listing)} or below"]
    ends += [] if above is None else [f"{price(above, market.listing)} or above"]
    return f"liquidation at {', '.join(ends)}" if ends else "no liquidation at any mark"


def _queue(ledger: LedgerState, queues: Queues, account: Account, key: PositionKey) -> str:
    unknown = queues.rule_of(key[0]).unknown
    if unknown:
        return f"whether and where it is in the ADL queue is unknown: {unknown}"
    place = queues.place_of(account, key)
    if place is None:
        return f"not in the ADL queue: {queues.why_not(account, key)}"
    several = len(venues_of(ledger)) > 1
    of = f" of {ledger.markets[key[0]].listing.name}, by {queues.rule_of(key[0]).name}:" if several else ""
    return f"ADL queue{of} {place.rank:,} of {place.of:,}, score {score_text(place.score)}, {place.lights} of 5 lights"
