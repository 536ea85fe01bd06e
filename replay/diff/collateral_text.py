"""Collateral in other assets in each of two runs, for a person; and who was called or liquidated in only one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Console

from ...events.bodies.listing import AssetListed
from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import exact_money, price, rounded_money
from ..state.queues import TRADERS
from .difference import AccountDifference, Difference
from .ending import AccountEnd, FoldedRun

__all__ = ["is_settled_in", "money_text", "print_collateral", "signed"]

Row = tuple[str, ...]


def signed(text: str) -> str:
    """A figure with its sign, also where it is above zero."""
    return text if text.startswith("-") or not any(digit in text for digit in "123456789") else f"+{text}"


def money_text(difference: Difference, asset: AssetListed) -> Callable[[int], str]:
    """How amounts of an asset are told: in hundredths, but exactly of one that is converted, as those may be much."""
    told = exact_money if _converted(difference, asset.name) else rounded_money
    return lambda atoms: told(atoms, asset)


def is_settled_in(difference: Difference, asset: AssetListed) -> bool:
    """Whether positions settle in an asset in either run: what is only collateral has a table of its own."""
    return not _converted(difference, asset.name) or any(
        market.listing.kind != "spot" and ended.ledger.assets[market.listing.asset].name == asset.name
        for ended in (difference.ended_a, difference.ended_b)
        for market in ended.ledger.markets
    )


def print_collateral(console: Console, difference: Difference, top: int) -> None:
    """Nothing where neither run converts any asset; of names `top` are told."""
    converted = [one.asset for one in difference.assets if _converted(difference, one.asset.name)]
    if not converted:
        return
    for asset in converted:
        rows = list(_held(difference, asset))
        if rows:
            print_line(console)
            print_table(console, (f"collateral, {asset.name}", "A", "B", "B - A"), rows)
    print_line(console)
    print_rows(console, _apart(difference, top), label_width=20)


def _converted(difference: Difference, name: str) -> bool:
    ledgers = (difference.ended_a.ledger, difference.ended_b.ledger)
    return any(ledger.assets[number].name == name for ledger in ledgers for number in ledger.conversions)


def _held(difference: Difference, asset: AssetListed) -> Iterator[Row]:
    """What traders hold at the end and what was sold, and the prices at which it was converted last."""
    both = (difference.ended_a, difference.ended_b)
    ends = [[end for end in ended.accounts if _is_trader(ended, end)] for ended in both]
    held = [sum(end.coins.get(asset.name, 0) for end in side) for side in ends]
    sold = [sum(end.befallen.coins_sold_atoms.get(asset.name, 0) for end in side) for side in ends]
    if not any((*held, *sold)):
        return
    for label, (a, b) in (("held at the end", held), ("sold", sold)):
        yield label, exact_money(a, asset), exact_money(b, asset), signed(exact_money(b - a, asset))
    for label, own in (("converted at", False), ("own market at", True)):
        told = [_price(ended, asset.name, own=own) for ended in both]
        yield label, *told, ""


def _is_trader(ended: FoldedRun, end: AccountEnd) -> bool:
    return ended.ledger.accounts[end.account].kind in TRADERS


def _price(ended: FoldedRun, name: str, *, own: bool) -> str:
    for one in ended.ledger.conversions.values():
        if ended.ledger.assets[one.asset].name == name and one.price_ticks:
            ticks = one.index_ticks if own else one.price_ticks
            return price(ticks, ended.ledger.markets[one.instrument].listing)
    return "-"


def _apart(difference: Difference, top: int) -> Iterator[tuple[str, str]]:
    """Who was called, and who liquidated, in one of the runs and not in the other."""
    for label, field in (("called", "calls"), ("liquidated", "liquidations")):
        for side, other in (("a", "b"), ("b", "a")):
            apart = (one for one in difference.accounts if not _number(one, other, field))
            names = [one.name for one in apart if _number(one, side, field)]
            more = f" and {len(names) - top:,} more" if len(names) > top else ""
            listed = f"{len(names):,}: {', '.join(names[:top])}{more}" if names else "nobody"
            yield f"{label} only in {side.upper()}", listed


def _number(one: AccountDifference, side: str, field: str) -> int:
    end: AccountEnd | None = getattr(one, side)
    return 0 if end is None else int(getattr(end.befallen, field))
