"""The accounts of a restored state, which stay packed until somebody asks for them."""

from __future__ import annotations

import copy
import pickle

import msgspec

from deleverage.events.ledger import Ledger
from deleverage.events.snapshots.snapshot import Parts, Snapshot, parts_of, restore

from .support.crash import recorded

EVENTS = recorded()


def fold(count: int) -> Ledger:
    """The state after so many events."""
    return Ledger.of(EVENTS[:count])


def snapshot_of(ledger: Ledger, base_seq: int = 0, base: Parts | None = None) -> Snapshot:
    """What is kept of it."""
    return Snapshot(ledger.seq, base_seq, bytes(32), bytes(32), parts_of(ledger).payload(base))


def packed_in(ledger: Ledger) -> int:
    """How many of its accounts nobody asked for yet."""
    return sum(type(one) is msgspec.Raw for one in list.__iter__(ledger.accounts))


def test_accounts_stay_packed_until_somebody_asks_for_them() -> None:
    """One by one, from the end, in slices, compared, copied or sent: they are those of the state that ran."""
    ledger, whole = fold(2048), snapshot_of(fold(2048))
    restored = restore(whole)
    assert packed_in(restored) == len(ledger.accounts)
    assert restored.accounts[3] == ledger.accounts[3]
    assert restored.accounts[3] is restored.accounts[3]
    assert restored.accounts[-2:] == ledger.accounts[-2:]
    assert packed_in(restored) == len(ledger.accounts) - 3
    assert restored.encode() == ledger.encode()
    again = restore(whole)
    assert next(reversed(again.accounts)) == ledger.accounts[-1]
    assert restore(whole).accounts == restored.accounts
    assert ledger.accounts == restore(whole).accounts
    assert ledger.accounts[1:] != restore(whole).accounts
    assert not restore(whole).accounts != restored.accounts  # noqa: SIM202 - it is an operator of its own
    assert not ledger.accounts != restore(whole).accounts  # noqa: SIM202
    assert copy.deepcopy(restore(whole)).accounts == ledger.accounts
    assert type(pickle.loads(pickle.dumps(restore(whole).accounts))) is list


def test_a_base_is_left_as_it_is() -> None:
    """What is made on top of it has accounts of its own, and goes on by itself."""
    base, later = restore(snapshot_of(fold(1024))), fold(2048)
    difference = snapshot_of(later, 1024, parts_of(fold(1024)))
    for _ in range(2):
        restored = restore(difference, base)
        assert restored.digest() == later.digest()
        for event in EVENTS[2048:2304]:
            restored.fold(event)
        assert restored.digest() == fold(2304).digest()
    assert base.digest() == fold(1024).digest()
