"""The history of an account for a person: a block for each event, its line as `log` prints it, then what it changed.

    140553 2025-10-10T21:25:33Z LiquidationStarted account=trader-6 ... <- 140552
    status       called -> liquidating
    liquidation  none -> 17

All amounts are exact; what it has of other assets stands under their names, and under `that counts` what of its
equity is collateral, coins by their ratio. Where nothing changed, it says how the account stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console

from ...events.bodies.listing import AccountOpened, AssetListed
from ...sim.console import print_line, print_rows
from ...sim.figures import exact_money, grouped
from ..directory import Directory
from ..log.text import event_line
from ..state.queues import TRADERS
from ..state.text import leg_text, ratio_text
from ..state.view import View
from .steps import HistoryStep

__all__ = ["changes_between", "print_history"]

Rows = Iterator[tuple[str, str]]


def print_history(console: Console, directory: Directory, account: int, steps: Iterable[HistoryStep]) -> None:
    """Who it is, then the steps as they come."""
    opened = directory.accounts[account]
    asset = directory.assets[opened.asset]
    _print_title(console, opened, asset, converted=len(directory.assets) > 1)
    told = False
    for step in steps:
        told = True
        directory.learn(step.event)
        print_line(console)
        print_line(console, event_line(step.event, directory), style="bold")
        print_rows(console, _changes(step, asset))
    if not told:
        print_line(console)
        print_line(console, "No event of this span names it.")


def _print_title(console: Console, opened: AccountOpened, asset: AssetListed, *, converted: bool) -> None:
    name = f"{opened.name}, number {opened.account}, {opened.kind}, {opened.mode}"
    print_line(console, f"history of {name}", style="bold")
    print_line(console, f"Amounts in {asset.name}. Between events its equity moves")
    moving = "marks, funding and prices of collateral" if converted else "marks and funding"
    print_line(console, f"with {moving}, which name nobody.")


def _changes(step: HistoryStep, asset: AssetListed) -> Rows:
    """What is different after the event, before -> after; how the account stands where nothing is."""
    if step.after is None:
        return
    if step.before is None:
        yield "status", f"opened, {step.after['status']}"
        return
    changed = [(label, f"{old} -> {new}") for label, old, new in changes_between(step.before, step.after, asset)]
    yield from changed or [("unchanged", _summary(step.after, asset))]


def changes_between(view_before: View, view_after: View, asset: AssetListed) -> list[tuple[str, str, str]]:
    """What differs between two views of an account: what it is called, as it was, and as it is then."""
    before, after = dict(_standing(view_before, asset)), dict(_standing(view_after, asset))
    labels = [*after, *(label for label in before if label not in after)]
    pairs = [(label, before.get(label, "none"), after.get(label, "none")) for label in labels]
    return [pair for pair in pairs if pair[1] != pair[2]] + _positions_changed(view_before, view_after)


def _standing(view: View, asset: AssetListed) -> Rows:
    """Status and margin, in the order in which they are told."""
    yield "status", view["status"].replace("_", " ")
    yield "liquidation", "none" if view["liquidation_id"] is None else str(view["liquidation_id"])
    yield "balance", exact_money(view["balance_atoms"], asset)
    for coin in view["coins"]:
        yield coin["asset"], grouped(coin["amount"])
    yield "equity", _money(view["equity_atoms"], asset)
    if view["coins"]:
        yield "that counts", _money(view["collateral_atoms"], asset)
    if view["kind"] in TRADERS:
        yield "requirement", _money(view["requirement_atoms"], asset)
        yield "ratio", ratio_text(view["margin_ratio_bps"])


def _summary(view: View, asset: AssetListed) -> str:
    ratio = f", ratio {ratio_text(view['margin_ratio_bps'])}" if view["kind"] in TRADERS else ""
    return f"equity {_money(view['equity_atoms'], asset)}{ratio}"


def _money(atoms: int | None, asset: AssetListed) -> str:
    """An amount, or that it is unknown because a mark is missing."""
    return "unknown" if atoms is None else exact_money(atoms, asset)


def _positions_changed(before: View, after: View) -> list[tuple[str, str, str]]:
    """The positions that were opened, closed or changed, in the order of instruments and legs."""
    old, new = _positions(before), _positions(after)
    either, changed = old | new, []
    for key in sorted(either):
        if _exact(old.get(key)) != _exact(new.get(key)):
            now = f"{_position(new.get(key))}{leg_text(after['kind'], key[1])}"
            changed.append((either[key]["name"], _position(old.get(key)), now))
    return changed


def _positions(view: View) -> dict[tuple[int, int], View]:
    return {(held["instrument"], held["leg"]): held for held in view["positions"]}


def _exact(held: View | None) -> tuple[int, int] | None:
    return None if held is None else (held["size_lots"], held["cost_atoms"])


def _position(held: View | None) -> str:
    """A side, a size and an entry price, or that there is none."""
    if held is None:
        return "none"
    side = "long" if held["size_lots"] > 0 else "short"
    return f"{side} {grouped(held['size'].lstrip('-'))} from {grouped(held['entry_price'])}"
