"""Fairness for people: a section an instant, with who is how often deleveraged, and what the venue comes to.

The same sections are drawn on a terminal and as Markdown (`replay/why/page`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from ...sim.figures import count, exact_money, rounded_money, size
from ...sim.terminal import shell_word
from ...sim.units import format_time_ns
from ..bounds import CONFIDENCE, share_text
from ..run import Run
from ..why.page.blocks import Block, Commands, Prose, Section, Table
from .reckoning import AccountSpread, Fairness, InstantFairness, Pair, TotalSpread

__all__ = ["fairness_sections", "fairness_title"]

_ACCOUNTS_SHOWN = 12
"""`--json` names all."""

_SIZES_SHOWN = 6


def fairness_title(run: Run) -> str:
    """What stands over it."""
    return f"Fairness under order of {run.started.scenario}"


def fairness_sections(run: Run, found: Fairness, account: int | None = None) -> Iterator[Section]:
    """What was asked, then the instants, those first in which most hangs on order."""
    shown = len(found.instants)
    told = f"{count(shown, 'instant')} of {found.total:,} with reductions, those first in which most hangs on order."
    told += " An order is one in which what the rulebook does not rank may come; amounts are at the mark."
    yield Section("", (Prose(told),))
    for one in found.instants:
        yield Section(_title(one), tuple(_blocks(run, one, account)))


def _title(one: InstantFairness) -> str:
    rounds = one.instant.rounds
    told = f"round {rounds[0]}" if len(rounds) == 1 else f"rounds {rounds[0]} to {rounds[-1]}"
    at_ns, begun_ns = one.instant.at_ns, one.instant.begun_ns
    waited = "" if begun_ns == at_ns else f", from {format_time_ns(begun_ns)} on, when they fell short"
    return f"{format_time_ns(at_ns)}, {told}{waited}"


def _blocks(run: Run, one: InstantFairness, account: int | None) -> Iterator[Block]:
    yield Prose(f"{_counted(one)} {_choices(one)}")
    if not one.hangs_on_order:
        among = "of all orders" if one.exact else "of these orders"
        yield Prose(f"Nothing hangs on it: every account and every total is the same in each {among}.")
    taken = list[AccountSpread]()
    if account is None:
        taken = [each for each in one.accounts if each.most_atoms]
        shown = tuple(taken[:_ACCOUNTS_SHOWN])
    else:
        shown = tuple(each for each in one.accounts if each.account == account)
        if not shown:
            yield Prose(f"{run.directory.account_name(account)} was taken in none of them.")
    if shown:
        yield _accounts(run, one, shown)
    if account is None:
        yield from _left_out(one, taken[len(shown) :])
    yield Table(("the venue", "recorded", "least", "most"), tuple(_total(run, total) for total in one.totals))
    if one.pair is not None:
        yield from _pair(run, one, one.pair)


def _left_out(one: InstantFairness, left: Sequence[AccountSpread]) -> Iterator[Block]:
    """How many accounts more are deleveraged, and how many are liquidated in some of the orders only."""
    if left:
        moved = sum(each.spread_atoms > 0 for each in left)
        yield Prose(f"And {count(len(left), 'account')} more, {moved:,} of them with a spread; --json names all.")
    sometimes = sum(0 < each.liquidated_times < one.orders for each in one.accounts)
    if sometimes:
        yield Prose(f"{count(sometimes, 'account')} began to be liquidated in some of the orders and not in others.")


def _counted(one: InstantFairness) -> str:
    if one.exact:
        return "It has one admissible order." if one.orders == 1 else f"All its {one.orders:,} admissible orders."
    return f"{one.orders:,} admissible orders, drawn evenly; intervals at {CONFIDENCE}."


def _choices(one: InstantFairness) -> str:
    """How many acts were to be ordered, at each choice that the engine met."""
    sizes = [size for met in one.choices for size in met.sizes]
    if not sizes:
        return "The engine had no choice."
    more = f" and {len(sizes) - _SIZES_SHOWN:,} more" if sizes[_SIZES_SHOWN:] else ""
    acts = ", ".join(map(str, sizes[:_SIZES_SHOWN]))
    if len(sizes) == 1:
        return f"As recorded the engine had one choice, among {acts} acts."
    return f"As recorded the engine had {len(sizes):,} choices, among {acts}{more} acts."


def _accounts(run: Run, one: InstantFairness, shown: tuple[AccountSpread, ...]) -> Table:
    ends = () if one.exact else ("at least", "at most")
    header = ("account", "deleveraged", *ends, "recorded", "least", "mean", "most")
    return Table(header, tuple(_account(run, each) for each in shown))


def _account(run: Run, one: AccountSpread) -> tuple[str, ...]:
    asset = run.directory.assets[one.asset]
    bounds = () if one.share_low is None or one.share_high is None else (one.share_low, one.share_high)
    amounts = (one.recorded_atoms, one.least_atoms, round(one.mean_atoms), one.most_atoms)
    return (
        one.name,
        share_text(one.share),
        *(share_text(Fraction(end, 10_000)) for end in bounds),
        *(rounded_money(atoms, asset) for atoms in amounts),
    )


def _total(run: Run, one: TotalSpread) -> tuple[str, ...]:
    values, directory = (one.recorded, one.least, one.most), run.directory
    if one.number is None:
        name = {"rounds": "rounds", "liquidated": "accounts liquidated"}.get(one.of, "accounts bankrupt")
        return (name, *(f"{value:,}" for value in values))
    if one.of == "reduced lots":
        listing = directory.instruments[one.number]
        return (f"reduced, {listing.name}", *(size(value, listing) for value in values))
    if one.of == "fund":
        opened = directory.accounts[one.number]
        asset = directory.assets[opened.asset]
        return (f"cash of {opened.name} then", *(rounded_money(value, asset) for value in values))
    asset = directory.assets[one.number]
    return (f"{one.of}, {asset.name}", *(rounded_money(value, asset) for value in values))


def _pair(run: Run, one: InstantFairness, pair: Pair) -> Iterator[Block]:
    """Two orders that differ by one swap, and how to execute them."""
    if not pair.accounts:
        yield Prose("One swap changes a total and no account:")
    else:
        yield Prose("One swap of two neighbours, all else the same, changes who gives how much:")
        asset = run.directory.assets[0]
        rows = tuple((name, exact_money(a, asset), exact_money(b, asset)) for name, a, b in pair.accounts)
        yield Table(("account", pair.first, pair.second), rows[:_ACCOUNTS_SHOWN])
    path = shell_word(str(run.path))
    fork = f"deleverage fork {path} --at {one.instant.after_seq} --order"
    yield Commands(tuple(f"{fork} {order}" for order in (pair.first, pair.second)))
