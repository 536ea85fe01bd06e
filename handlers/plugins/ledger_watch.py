"""Whether someone who was only to read the ledger wrote into it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec

from ...events.ledger import LedgerState

__all__ = ["LedgerWatch", "first_difference"]

_ACCOUNTS_PAID_A_CALL = 100

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Seen(NamedTuple):
    """The bytes of a part of the ledger, or of the whole."""

    whole: bool
    data: bytes


class LedgerWatch:
    """Compares bytes around a call: the whole in O(accounts), but on average O(1) a call."""

    def __init__(self) -> None:
        self._paid: int | None = None

    def before(self, ledger: LedgerState, named: Collection[int]) -> Seen:
        """What to compare with: the accounts named, or the whole ledger where the calls so far have paid for it."""
        self._paid = len(ledger.accounts) if self._paid is None else self._paid + _ACCOUNTS_PAID_A_CALL
        whole = self._paid >= len(ledger.accounts)
        if whole:
            self._paid = 0
        return Seen(whole, _encode(_part(ledger, named, whole=whole)))

    def written(self, before: Seen, ledger: LedgerState, named: Collection[int]) -> str:
        """What differs now, in words; empty where nothing does."""
        live = _part(ledger, named, whole=before.whole)
        after = _encode(live)
        return "" if after == before.data else first_difference(_decode(before.data), _decode(after), live)


def _part(ledger: LedgerState, named: Collection[int], *, whole: bool) -> Any:
    if whole:
        return ledger
    there = [number for number in named if 0 <= number < len(ledger.accounts)]
    return {
        "seq": ledger.seq,
        "at_ns": ledger.at_ns,
        "markets": ledger.markets,
        "accounts": {number: ledger.accounts[number] for number in there},
        "numbers": (len(ledger.accounts), ledger.orders, ledger.trades, ledger.rounds, ledger.liquidations_started),
    }


def first_difference(before: Any, after: Any, live: Any = None, path: str = "") -> str:
    """The first place where two trees differ: `accounts[17].balance_atoms was 5 and is 0`.

    `live` is what they are encodings of: it knows the names of fields that are encoded by their place.
    """
    if isinstance(before, dict) and isinstance(after, dict) and list(before) == list(after):
        keys = list(before)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        keys = list(range(len(before)))
    else:
        return "" if before == after else f"{path} was {before!r} and is {after!r}"
    for key in keys:
        if before[key] != after[key]:
            step, below = _child(live, key)
            return first_difference(before[key], after[key], below, f"{path}{step}" if path else step.lstrip("."))
    return ""


def _child(live: Any, key: Any) -> tuple[str, Any]:
    """How a step down is written, and what is there."""
    if isinstance(live, msgspec.Struct):
        name = live.__struct_fields__[key] if isinstance(key, int) else key
        return f".{name}", getattr(live, name)
    if isinstance(live, dict | list | tuple):
        return f".{key}" if isinstance(key, str) else f"[{key}]", live[key]
    return f".{key}" if isinstance(key, str) else f"[{key}]", getattr(live, str(key), None)
