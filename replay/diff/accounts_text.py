"""Who gained and who lost, for a person: the sums of traders and of the venue's own accounts, and the largest of each.

A gain is what B made of an account less what A made of it: equity at the end, without what was paid in. Over all
accounts it sums to zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import nlargest, nsmallest

from rich.console import Console

from ...sim.console import print_line, print_rows, print_table
from ...sim.terminal import printable
from ..state.queues import TRADERS
from .collateral_text import is_settled_in, money_text, signed
from .difference import AccountDifference, Difference
from .ending import AccountEnd

__all__ = ["print_accounts"]

Money = Callable[[int], str]
"""How amounts of an asset are told."""

_EXPLAINED = (
    "A gain is equity at the end without what was paid in, B less A. Under A and B stands the equity; liq and adl "
    "count the liquidations and the reductions by auto-deleveraging in A/B. Amounts are rounded to hundredths; --json "
    "and --csv have them exact."
)


def print_accounts(console: Console, difference: Difference, top: int) -> None:
    """The sums, and `top` of those who lost and who gained most; asset by asset."""
    for one in difference.assets:
        if not is_settled_in(difference, one.asset):
            continue
        money = money_text(difference, one.asset)
        accounts = [account for account in difference.accounts if account.asset == one.asset.name]
        print_line(console)
        print_table(console, (f"gains, {one.asset.name}", "accounts", "B - A"), _sums(accounts, money))
        traders = [account for account in accounts if account.kind in TRADERS]
        _print_most(console, "lost most", nsmallest(top, _with_gain(traders, -1), key=_gain_atoms), money)
        _print_most(console, "gained most", nlargest(top, _with_gain(traders, 1), key=_gain_atoms), money)
    print_rows(console, [("", _EXPLAINED)], label_width=0)


def _gain_atoms(account: AccountDifference) -> int:
    return account.gain_atoms or 0


def _with_gain(accounts: Sequence[AccountDifference], sign: int) -> list[AccountDifference]:
    """Those whose gain has that sign, 0 included in none but its own."""
    return [one for one in accounts if one.gain_atoms is not None and _sign(one.gain_atoms) == sign]


def _sign(atoms: int) -> int:
    return (atoms > 0) - (atoms < 0)


def _sums(accounts: Sequence[AccountDifference], money: Money) -> Iterator[tuple[str, str, str]]:
    traders = [one for one in accounts if one.kind in TRADERS]
    for label, sign in (("traders who gained", 1), ("traders who lost", -1), ("traders as before", 0)):
        group = _with_gain(traders, sign)
        yield label, f"{len(group):,}", signed(money(sum(map(_gain_atoms, group))))
    apart = [one for one in traders if one.gain_atoms is None]
    if apart:
        yield "traders not comparable", f"{len(apart):,}", ""
    for one in accounts:
        if one.kind not in (*TRADERS, "outside"):
            yield printable(one.name), "1", signed(money(_gain_atoms(one)))


def _print_most(console: Console, title: str, accounts: Sequence[AccountDifference], money: Money) -> None:
    if not accounts:
        return
    print_line(console)
    print_table(console, (title, "A", "B", "gain", "liq", "adl"), [_row(one, money) for one in accounts])


def _row(one: AccountDifference, money: Money) -> tuple[str, ...]:
    ends = (one.a, one.b)
    gain = "" if one.gain_atoms is None else signed(money(one.gain_atoms))
    return (
        printable(one.name),
        *(_equity(end, money) for end in ends),
        gain,
        "/".join("-" if end is None else str(end.befallen.liquidations) for end in ends),
        "/".join("-" if end is None else str(end.befallen.reductions) for end in ends),
    )


def _equity(end: AccountEnd | None, money: Money) -> str:
    return "-" if end is None or end.equity_atoms is None else money(end.equity_atoms)
