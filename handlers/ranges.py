"""Who must be looked at when a price moves: per instrument, the ends of the ranges in which accounts are surely safe.

Theory. Let H = equity - k x requirement be an account's slack over a threshold. Each instrument (and each cumulative
funding rate) that the account is exposed to gets a share of H, rounded down, in proportion to its notional. Around
the present mark there is a connected range in which that instrument alone uses up no more than its share; while every
mark and rate stays in its range, H stays at or above zero, so the account need not be looked at. A mark that leaves
no range costs two comparisons, however many accounts there are.

1. A *slot* is one side of one axis: floors and ceilings of an instrument's mark, of its cumulative funding, and of the
   price at which an asset is converted. Even slots are floors; those of assets are below zero.
2. An end is one whole number, `end << 32 | account`: sorted by end, ties by account, and small in memory.
3. An account's ends follow from its state (`SafeRanges`); `arm` replaces them, `settle` puts all that
   was replaced into order at once.
4. The index only says who *may* have crossed. Whoever uses it tests them exactly.
5. `new_index` gives the one of the C core where that is: the same table, which also arms by itself. Whoever uses an
   index asks it to (`pass_over`, `arm_between`) and does what it did not; this one does nothing of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedList

from ..core import native

if TYPE_CHECKING:
    from ..events.ledger import Account, Market

__all__ = ["CEILING", "FLOOR", "FUNDING", "MARK", "RangeIndex", "Ranges", "conversion_slot", "new_index", "slot_of"]

Ranges = Mapping[int, int]
"""The ends of one account: slot to end."""

MARK, FUNDING = 0, 2
FLOOR, CEILING = 0, 1

_SHIFT = 32
_ACCOUNT = (1 << _SHIFT) - 1
_SLOTS_AN_INSTRUMENT = 4
_BULK = 8
_NEVER_BELOW = -(1 << 200)
_NEVER_ABOVE = 1 << 200


def slot_of(instrument: int, axis: int, side: int) -> int:
    """The number of a slot: axis is MARK or FUNDING, side FLOOR or CEILING."""
    return instrument * _SLOTS_AN_INSTRUMENT + axis + side


def conversion_slot(asset: int, side: int) -> int:
    """The number of the slot of an asset's conversion price: side FLOOR or CEILING."""
    return side - 2 * (asset + 1)


class RangeIndex:
    """The ends of all accounts. `crossed_*`: O(those who crossed). `arm` and `settle`: O(log n) an end."""

    def __init__(self) -> None:
        self.floor_ticks: list[int] = []
        self.ceiling_ticks: list[int] = []
        self._assets = 0
        self._slots: dict[int, SortedList[int]] = {}
        self._armed: dict[int, tuple[int, ...]] = {}
        self._gone: dict[int, list[int]] = {}
        self._new: dict[int, list[int]] = {}

    def __len__(self) -> int:
        """How many accounts have ends."""
        return len(self._armed)

    def grow(self, instruments: int, assets: int = 0) -> None:
        """Make room for so many instruments and assets."""
        for asset in range(self._assets, assets):
            self._add(conversion_slot(asset, FLOOR), conversion_slot(asset, CEILING))
        self._assets = max(self._assets, assets)
        while len(self.floor_ticks) < instruments:
            first = slot_of(len(self.floor_ticks), MARK, FLOOR)
            self._add(*range(first, first + _SLOTS_AN_INSTRUMENT))
            self.floor_ticks.append(_NEVER_BELOW)
            self.ceiling_ticks.append(_NEVER_ABOVE)

    def _add(self, *slots: int) -> None:
        for slot in slots:
            self._slots[slot], self._gone[slot], self._new[slot] = SortedList(), [], []

    def crossed_by_mark(self, instrument: int, mark_ticks: int) -> Iterator[int]:
        """The accounts whose range of this mark ends before it. Ask `floor_ticks` and `ceiling_ticks` first."""
        return self._crossed(slot_of(instrument, MARK, FLOOR), mark_ticks)

    def crossed_by_funding(self, instrument: int, cumulative_nanoatoms: int) -> Iterator[int]:
        """The accounts whose range of this cumulative funding ends before it."""
        return self._crossed(slot_of(instrument, FUNDING, FLOOR), cumulative_nanoatoms)

    def crossed_by_conversion(self, asset: int, price_ticks: int) -> Iterator[int]:
        """The accounts whose range of this asset's conversion price ends before it."""
        return self._crossed(conversion_slot(asset, FLOOR), price_ticks)

    def exposed_to(self, instrument: int) -> Iterator[int]:
        """The accounts with an end of this instrument's, some of them more than once; O(those)."""
        first = slot_of(instrument, MARK, FLOOR)
        for slot in range(first, first + _SLOTS_AN_INSTRUMENT):
            for key in self._slots[slot]:
                yield key & _ACCOUNT

    def _crossed(self, floors: int, value: int) -> Iterator[int]:
        for key in self._slots[floors].irange(minimum=(value + 1) << _SHIFT):
            yield key & _ACCOUNT
        for key in self._slots[floors + CEILING].irange(maximum=(value << _SHIFT) - 1):
            yield key & _ACCOUNT

    def arm(self, account: int, ranges: Ranges) -> None:
        """Replace an account's ends, once before each `settle`, which makes it count; an empty mapping disarms it."""
        gone, new = self._gone, self._new
        old = self._armed.pop(account, None)
        if old is not None:
            for slot, key in zip(old[::2], old[1::2], strict=True):
                gone[slot].append(key)
        if ranges:
            flat: list[int] = []
            for slot, end in ranges.items():
                key = end << _SHIFT | account
                new[slot].append(key)
                flat += (slot, key)
            self._armed[account] = tuple(flat)

    def pass_over(  # the C core's is called by place
        self,
        due: Iterable[int],
        accounts: Sequence[Account],
        markets: Sequence[Market],
        paces: Sequence[int],
        calls_bps: tuple[int, ...],
        recovery_bps: int,
    ) -> tuple[int, list[tuple[int, tuple[int, int, list[int]] | None]]]:
        """How many of those due were looked at, and who of them is left, with its margin if that was worked out.

        The others were armed again: healthy, above the first level of a call; called, between the next level and
        recovery. Whoever was not doubted is not even looked at where the ends that were not left have enough to spare.
        Here nobody is looked at, and all are left.
        """
        return 0, [(account, None) for account in due]

    def pass_reduced(self, bodies: list[Any], accounts: Sequence[Account], markets: Sequence[Market]) -> list[Any]:
        """The reductions after which somebody may need a look. Here it is not told, so it is all of them."""
        return bodies

    def doubt(self, account: int) -> None:
        """Something else than prices may have changed an account: its ends are not moved before it is armed again."""

    def arm_between(
        self, account: Account, markets: Sequence[Market], paces: Sequence[int], above_bps: int, below_bps: int
    ) -> bool:
        """Whether an account was armed above one level and below another, 0 being none. Here nobody is."""
        return False

    def end_of(self, account: int, slot: int) -> int | None:
        """Where an account's range ends on one side; None where it goes on for ever, or there is none."""
        armed = self._armed.get(account, ())
        slots = armed[::2]
        return armed[2 * slots.index(slot) + 1] >> _SHIFT if slot in slots else None

    def settle(self) -> None:
        """Put the replaced ends into order."""
        for slot, gone in self._gone.items():
            new = self._new[slot]
            if gone or new:
                self._change(slot, gone, new)
                self._note_nearest(slot)
                gone.clear()
                new.clear()

    def _change(self, slot: int, gone: Sequence[int], new: Sequence[int]) -> None:
        """One by one, or all at once where that is less work."""
        keys = self._slots[slot]
        if (len(gone) + len(new)) * _BULK < len(keys):
            for key in gone:
                keys.remove(key)
            for key in new:
                keys.add(key)
        else:
            # What stays is in order already, which the sort that follows makes use of.
            leaving = set(gone)
            self._slots[slot] = SortedList([*(key for key in keys if key not in leaving), *sorted(new)])

    def _note_nearest(self, slot: int) -> None:
        """The end that a mark comes to first; those of funding are asked for once in hours, those of assets as well."""
        if slot < 0:
            return
        keys, (instrument, place) = self._slots[slot], divmod(slot, _SLOTS_AN_INSTRUMENT)
        if place == MARK + FLOOR:
            self.floor_ticks[instrument] = keys[-1] >> _SHIFT if keys else _NEVER_BELOW
        elif place == MARK + CEILING:
            self.ceiling_ticks[instrument] = keys[0] >> _SHIFT if keys else _NEVER_ABOVE


def new_index() -> RangeIndex:
    """An index in which nobody is armed: the C core's where there is one."""
    return RangeIndex() if native is None else native.RangeIndex()  # type: ignore[return-value]
