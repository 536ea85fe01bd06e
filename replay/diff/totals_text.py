"""What was forced in each of two runs, for a person: one table an asset, A beside B and what B is over A."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from ...events.bodies.listing import AssetListed, InstrumentListed
from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import size
from .collateral_text import is_settled_in, money_text, signed
from .difference import AssetDifference, Difference
from .ending import FoldedRun, Totals

__all__ = ["print_totals"]

_COUNTS = (
    ("liquidations", "liquidations"),
    ("  accounts", "accounts_liquidated"),
    ("  bankrupt", "accounts_bankrupt"),
    ("ADL rounds", "rounds"),
    ("  reductions", "reductions"),
    ("  accounts", "accounts_deleveraged"),
)
_MONEY = (
    ("  value closed", "deleveraged_value_atoms"),
    ("  equity taken", "equity_taken_atoms"),
    ("fund paid in", "fund_paid_in_atoms"),
    ("  fees to it", "fund_fees_atoms"),
    ("  at the end", "fund_equity_atoms"),
    ("  used", "fund_used_atoms"),
    ("socialised", "socialised_loss_atoms"),
    ("written off", "written_off_atoms"),
    ("deficit", "deficit_atoms"),
    ("still owed", "owed_atoms"),
    ("collateral sold", "collateral_sold_atoms"),
    ("interest", "interest_atoms"),
)
_CALLS = (("margin calls", "margin_calls"), ("  accounts", "accounts_called"))
_OF_COLLATERAL = ("collateral_sold_atoms", "interest_atoms")
_EXPLAINED = (
    "Equity taken: what the deleveraged had to trade, its value at the mark less the value it was traded at; minus: "
    "they gave it up. Fund used: paid in and fees, less its cash and inventory at the end. Deficit: "
    "what nobody could pay. Still owed: what traders' accounts are below zero at the end."
)

Row = tuple[str, ...]


def print_totals(console: Console, difference: Difference) -> None:
    """A table for each asset."""
    for one in difference.assets:
        if not is_settled_in(difference, one.asset):
            continue
        print_line(console)
        header = (f"totals, {one.asset.name}", "A", "B", "B - A")
        counted = _CALLS + _COUNTS if difference.ended_a.ledger.conversions else _COUNTS
        money = money_text(difference, one.asset)
        print_table(console, header, [*_counts(one, counted), *_contracts(one, difference), *_money(one, money)])
    print_rows(console, [("", _EXPLAINED)], label_width=0)


def _figure(totals: Totals | None, field: str) -> int | None:
    value = None if totals is None else getattr(totals, field)
    assert value is None or isinstance(value, int)
    return value


def _counts(one: AssetDifference, counted: Sequence[tuple[str, str]]) -> Iterator[Row]:
    for label, field in counted:
        a, b = _figure(one.a, field), _figure(one.b, field)
        difference = "" if a is None or b is None else signed(f"{b - a:,}")
        yield label, *("-" if number is None else f"{number:,}" for number in (a, b)), difference


def _money(one: AssetDifference, money: Callable[[int], str]) -> Iterator[Row]:
    for label, field in _MONEY:
        a, b = _figure(one.a, field), _figure(one.b, field)
        if field in _OF_COLLATERAL and not a and not b:
            continue
        difference = "" if a is None or b is None else signed(money(b - a))
        yield label, *("-" if atoms is None else money(atoms) for atoms in (a, b)), difference


def _contracts(one: AssetDifference, difference: Difference) -> Iterator[Row]:
    """How much of each instrument was deleveraged, in units."""
    listed_a, listed_b = _listed(difference.ended_a, one.asset), _listed(difference.ended_b, one.asset)
    for name in sorted({*listed_a, *listed_b}):
        a, b = listed_a.get(name), listed_b.get(name)
        lots_a, lots_b = (0 if totals is None else totals.deleveraged_lots.get(name, 0) for totals in (one.a, one.b))
        if not lots_a and not lots_b:
            continue
        alike = a is not None and b is not None and a.lot_size == b.lot_size
        told = signed(size(lots_b - lots_a, a)) if alike and a is not None else ""
        yield f"  {name}", "-" if a is None else size(lots_a, a), "-" if b is None else size(lots_b, b), told


def _listed(ended: FoldedRun, asset: AssetListed) -> dict[str, InstrumentListed]:
    """The instruments that settle in an asset, by name."""
    listings = [market.listing for market in ended.ledger.markets]
    return {one.name: one for one in listings if ended.ledger.assets[one.asset].name == asset.name}
