"""Other programs at this one's job: `python benchmarks/peers.py [--json] [--short]`, with the extra `peers` installed.

Each does what it can of it, as it does it best (`peer_turns.py`); the table says what each does besides, since no two
do the same work. Every turn has a process of its own, turns alternate, and a figure is the median of three in processor
time, of the crash one. A peer that is not installed, or fails, is named with the reason. `--short` only shows that
nothing crashes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from textwrap import wrap
from typing import NamedTuple

import click
import msgspec
from peer_turns import TURNS, Sizes

__all__ = ["main"]

_WHOLE = Sizes(20_000, 250_000, 2_000, 200_000, whole=True)
_SHORT = Sizes(100, 200, 20, 500, whole=False)
_ROUNDS = {"mark": 3, "liquidation": 1, "event": 3}
_ASKED = ("mark", "liquidation", "event")
_COLUMNS = 96
_DOES = ("kept", "hashed", "whole numbers", "margin")


class _Peer(NamedTuple):
    """What is installed under which name, what it does of `_DOES` in these turns, and what else to know."""

    package: str
    does: tuple[str, ...]
    told: str


_PEERS = {
    "deleverage": _Peer(
        "deleverage",
        _DOES,
        "margin is tested exactly, of whoever a mark can have put under; calls, answers, orders against depth, "
        "marks that they move, halts, fund, rounds and their rankings: all in the record, with causes",
    ),
    "deleverage, head only": _Peer("deleverage", ("hashed", "whole numbers", "margin"), "the same, nothing on disk"),
    "simpy": _Peer("simpy", (), "a process that keeps the price and yields a timeout: a clock, no venue"),
    "salabim": _Peer("salabim", (), "the same as a component that holds"),
    "eventsourcing": _Peer("eventsourcing", ("kept",), "kept in memory, as JSON, in a sequence with versions"),
    "lrvx": _Peer(
        "lrvx",
        ("margin", "kept"),
        "C++, doubles, every account swept at each mark; a liquidation closes all at once at the mark: no orders, "
        "depth, calls or answers; one list of tiers for all instruments; its log holds ticks, not what was decided",
    ),
    "nautilus_trader": _Peer(
        "nautilus_trader",
        ("kept", "whole numbers"),
        "Rust and Cython, a matching engine under one account that trades nothing: no other accounts, no liquidations; "
        "its catalogue holds ticks in Parquet",
    ),
    "happysim": _Peer("happysim", (), "a clock as SimPy is, for Python 3.13 and later: not asked here"),
}


class _Row(msgspec.Struct, frozen=True):
    """One peer: processor seconds by what it was asked, what it does besides, and why there is no figure."""

    peer: str
    version: str | None
    seconds: dict[str, float]
    does: tuple[str, ...]
    told: str
    missing: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document in place of the table.")
@click.option("--short", is_flag=True, help="Tiny sizes: shows that nothing crashes; the figures mean nothing.")
@click.option("--turn", nargs=2, hidden=True, help="One turn in this process: a peer and what it is asked.")
def main(*, as_json: bool, short: bool, turn: tuple[str, str] | None) -> None:
    """Hold this program against others at the same job, as far as they do it."""
    if turn is not None:
        click.echo(TURNS[turn[0]][turn[1]](_SHORT if short else _WHOLE))
        return
    rows = _measured(short=short)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"short": short, "rows": rows}), indent=2))
    else:
        click.echo("\n".join(_lines(rows)))


def _measured(*, short: bool) -> list[_Row]:
    """A row for each peer, its turns in rounds with those of the others."""
    versions = {name: _version(peer.package) for name, peer in _PEERS.items()}
    turns = [(name, asked) for name in _PEERS if versions[name] for asked in TURNS.get(name, ())]
    taken: dict[tuple[str, str], list[float]] = {turn: [] for turn in turns}
    failed: dict[tuple[str, str], str] = {}
    for number in range(1 if short else max(_ROUNDS.values())):
        for turn in turns:
            if turn not in failed and number < _ROUNDS[turn[1]]:
                _take(turn, taken[turn], failed, short=short)
    rows = []
    for name, peer in _PEERS.items():
        missing = "; ".join(why for (own, _), why in failed.items() if own == name)
        if name in TURNS and versions[name] is None:
            missing = f"not installed: pip install {peer.package}"
        seconds = {asked: median(times) for (own, asked), times in taken.items() if own == name and times}
        rows.append(_Row(name, versions[name], seconds, peer.does, peer.told, missing))
    return rows


def _take(turn: tuple[str, str], times: list[float], failed: dict[tuple[str, str], str], *, short: bool) -> None:
    command = [sys.executable, __file__, *(["--short"] if short else []), "--turn", *turn]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "80"})
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        failed[turn] = f"no figure for {turn[1]}: {last}"
    else:
        times.append(float(done.stdout.split()[-1]))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _lines(rows: list[_Row]) -> list[str]:
    heads = ("a mark", "a liquidation", "an event", *_DOES)
    table = [("", *heads)]
    for row in rows:
        figures = [_microseconds(row.seconds.get(asked)) for asked in _ASKED]
        table.append((row.peer, *figures, *("yes" if one in row.does else "" for one in _DOES)))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)).rstrip() for one in table]
    for row in rows:
        told = f"{row.peer} {row.version or 'absent'}: {row.told}" + (f". {row.missing}" if row.missing else "")
        lines += wrap(told, _COLUMNS, subsequent_indent="    ")
    return lines


def _microseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e6:,.3g} us" if seconds < 1e-4 else f"{seconds * 1e6:,.0f} us"


if __name__ == "__main__":
    main()
