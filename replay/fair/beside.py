"""What is kept beside a record of the order within an instant, for whoever tells of a reduction there.

It counts only if it is of the record's head. Of several answers the one with most orders is told; what cannot be read
is passed over, as an answer that was never asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from glob import escape
from pathlib import Path
from typing import Any

import msgspec

from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event
from ...events.regular import read_regular
from ...sim.figures import rounded_money
from ..bounds import CONFIDENCE, share_text
from ..run import Run

__all__ = ["KIND", "order_sentence"]

KIND = "fair"
"""The name by which such a file is known among those beside a record."""

_BYTES_MOST = 1 << 30


def order_sentence(run: Run, event: Event) -> str:
    """In how many orders of its instant the account of a reduction was deleveraged, and by how much; empty if unknown.

    Costs the reading of the files that are there.
    """
    body = event.body
    if not isinstance(body, PositionDeleveraged) or run.torn:
        return ""
    found = [
        (instant, account)
        for answer in _answers(run)
        for instant in answer["instants"]
        if instant["at_ns"] == event.at_ns
        for account in instant["accounts"]
        if account["account"] == body.account
    ]
    if not found:
        return ""
    return _sentence(run, *max(found, key=lambda one: (one[0]["exact"], one[0]["orders"])))


def _answers(run: Run) -> Iterator[dict[str, Any]]:
    path = run.path.resolve()
    for file in sorted(path.parent.glob(f"{escape(path.name)}.{KIND}-*.jsonl")):
        with suppress(OSError):
            told = file.stat()
            answer = _answer(file, run.head, (told.st_size, told.st_mtime_ns))
            if answer is not None:
                yield answer


@lru_cache(8)
def _answer(file: Path, head: str, _told: tuple[int, int]) -> dict[str, Any] | None:
    """The answer in a file, if it is of this head and there is one; `_told` is by what a change of it is seen."""
    try:
        first, *_, last = read_regular(file, _BYTES_MOST).splitlines()
        if msgspec.json.decode(first)["head"] != head:
            return None
        answer: dict[str, Any] = msgspec.json.decode(last)["answer"]
    except (OSError, ValueError, KeyError, TypeError, msgspec.DecodeError):
        return None
    return answer


def _sentence(run: Run, instant: dict[str, Any], account: dict[str, Any]) -> str:
    share = Fraction(account["share"]["numerator"], account["share"]["denominator"])
    asset = run.directory.asset_of_account(account["account"]) or run.directory.assets[0]
    least, most = (rounded_money(account[f"{end}_atoms"], asset) for end in ("least", "most"))
    orders = f"{instant['orders']:,} admissible orders of this instant"
    among, bounds = f"all {orders}" if instant["exact"] else orders, ""
    if account["interval"] is not None:
        low, high = (share_text(Fraction(str(account["interval"][end]))) for end in ("low", "high"))
        bounds = f" (of all there are between {low} and {high}: {CONFIDENCE})"
    by = f"by {most}" if least == most else f"by between {least} and {most}"
    took = f"{account['name']} was deleveraged in {share_text(share)} of {among}{bounds}"
    return f"{took}, {by} {asset.name} at the mark in all."
