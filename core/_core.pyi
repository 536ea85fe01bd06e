"""What the extension offers; `__init__.py` says when it is there."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from ..events.envelope import Event

_Margin: TypeAlias = tuple[int, int, list[int]]
"""Equity in atoms, requirement in microatoms, what each position is worth."""

def figures_of(accounts: Sequence[object], numbers: list[int], instruments: int, /) -> bytes | None:
    """A row of 64-bit numbers for each, as `handlers/columns.py` takes them in; None where somebody does not fit."""

def fold_reductions(
    events: list[Event],
    first: int,
    accounts: Sequence[object],
    market: object,
    held_before: dict[int, Any],
    position: type,
    before: type,
    room_lots: int,
    /,
) -> tuple[int, int, int, int]:
    """How many reductions after the one before `first` were booked, being like it; their lots, atoms and funding.

    In all they close no more than `room_lots`. The first that is not told here ends it.
    """

class RangeIndex:
    """As that of `handlers/ranges.py`; ends beyond 94 bits are held for the farthest, accounts beyond 31 refused."""

    floor_ticks: list[int]
    ceiling_ticks: list[int]
    def __len__(self) -> int: ...
    def grow(self, instruments: int, assets: int = 0, /) -> None: ...
    def crossed_by_mark(self, instrument: int, mark_ticks: int, /) -> list[int]: ...
    def crossed_by_funding(self, instrument: int, cumulative_nanoatoms: int, /) -> list[int]: ...
    def crossed_by_conversion(self, asset: int, price_ticks: int, /) -> list[int]: ...
    def exposed_to(self, instrument: int, /) -> list[int]: ...
    def arm(self, account: int, ranges: Mapping[int, int], /) -> None: ...
    def doubt(self, account: int, /) -> None: ...
    def end_of(self, account: int, slot: int, /) -> int | None: ...
    def settle(self) -> None: ...
    def pass_over(
        self,
        due: list[int],
        accounts: Sequence[object],
        markets: Sequence[object],
        paces: list[int],
        calls_bps: tuple[int, ...],
        recovery_bps: int,
        /,
    ) -> tuple[int, list[tuple[int, _Margin | None]]]:
        """How many margins were worked out, and who of those due may meet a test; the others' ends hold again.

        None in place of a margin: the account is such as is not told here.
        """

    def pass_reduced(self, bodies: list[Any], accounts: Sequence[object], markets: Sequence[object], /) -> list[Any]:
        """The reductions that may have left somebody in need of a look; the others' ends are in doubt, or gone."""

    def arm_between(
        self, account: object, markets: Sequence[object], paces: list[int], above_bps: int, below_bps: int, /
    ) -> bool:
        """Arm an account that is above one level and below another, 0 for none; whether it could be told here."""

def know_payoffs(linear: type, inverse: type, /) -> None:
    """Which class is a linear payoff, and which an inverse one. Of others nothing is told."""

def margin_of(account: object, markets: Collection[object], /) -> _Margin | None:
    """The margin of an account as `handlers/valuation.py` has it; None where it is not told here."""

def draw_bits(seed: int, account: int, purpose: str, n: int, /) -> int | None:
    """As `handlers/draws.py` draws; None for numbers of more than 64 bits, and for a purpose of more than 112 bytes."""

def draw_normal(seed: int, account: int, purpose: str, n: int, /) -> int | None:
    """As `handlers/draws.py` draws; None where `draw_bits` gives none."""

def ticks_ahead(
    entries: Sequence[tuple[int, object]], start: int, ticked: type, /
) -> tuple[tuple[int, ...], bytes, bytes] | None:
    """Instruments, times and prices of the first inputs that are alike, as `sim/ahead.py` reads them; 64 bits each.

    None where a number has more, or the inputs are such as are not read here.
    """

hashes: bool
"""Whether this processor has the instructions for SHA-256, without which neither of the roots may be asked for."""

def page_root(page: bytes, public: bytes, /) -> bytes | None:
    """The root of a page of up to 256 events; a byte of `public` for each says whether it names no account.

    None where the page is no msgpack list of as many values. As `events/record/pages.py` makes it.
    """

def tree_root(leaves: list[bytes], /) -> bytes:
    """The root over one leaf hash or more. As `events/record/merkle.py` makes it."""

def whole(text: str, decimals: int, /) -> int | None:
    """`text` x 10^decimals, as `replay/importers/digits.py` has it; None for what is not whole, or not told here."""
