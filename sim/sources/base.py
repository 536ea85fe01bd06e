"""What a source is.

1. A source yields (time, body) pairs, times never running backwards, as a stream: memory does not grow with the
   file.
2. It is named by content: the SHA-256 of the file as it is on disk, or of its canonical parameters if it is made up.
3. What it leaves out is counted (`dirt.py`); what it can neither read nor leave out is a ScenarioError with file and
   line.
4. The missing file, the wrong header and the unreadable first row are found when it is made, the rest while reading;
   `check` reads everything once beforehand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal, Protocol

import msgspec

from ...events.bodies.listing import InstrumentKind
from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ...events.vocabulary import Body
from ..units import CONTEXT, INT64_MAX

__all__ = ["InstrumentScale", "InverseScale", "PriceSource", "Source", "canonical_sha256", "check", "scale_named"]


_STATED = object()
_LATER = {"collateral": (), "collateral_share": Decimal(1), "looped_share": Decimal(0), "loops": 5}
"""Settings of a population that there were not always, with what stands for their absence."""


class InstrumentScale(msgspec.Struct, frozen=True):
    """What a source must know of an instrument: number, name, steps, and what it costs at first.

    `tick_size` is in quote per unit, `lot_size` in units. Raises ScenarioError for one that is not positive.
    """

    instrument: int
    name: str
    tick_size: Decimal
    lot_size: Decimal
    start_price: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse what no price or size can be counted in."""
        for field in ("tick_size", "lot_size", "start_price"):
            value = getattr(self, field)
            if value is not None and not (value.is_finite() and value > 0):
                message = f"instrument {self.name!r}: {field} is {value}; it must be a number above 0"
                raise ScenarioError(message)

    @property
    def kind(self) -> InstrumentKind:
        """Linear, unless it is an `InverseScale`."""
        return "linear"

    def lot_in_units(self, price: Decimal) -> Decimal:
        """How many units one lot is at a price."""
        return self.lot_size

    def lot_in_quote(self, price: Decimal) -> Decimal:
        """What one lot comes to in quote at a price."""
        return CONTEXT.multiply(price, self.lot_size)


class InverseScale(InstrumentScale, frozen=True):
    """The scale of an inverse instrument: its `lot_size` is in quote. The field tells its content hash apart."""

    inverse: Literal[True] = True

    @property
    def kind(self) -> InstrumentKind:
        """Inverse."""
        return "inverse"

    def lot_in_units(self, price: Decimal) -> Decimal:
        """How many coins one lot is at a price, to fifty digits."""
        return CONTEXT.divide(self.lot_size, price)

    def lot_in_quote(self, price: Decimal) -> Decimal:
        """What one lot comes to in quote, whatever the price."""
        return self.lot_size


class Source(Protocol):
    """A stream of inputs with a name, a layout and a content hash; `number` is the source's place in the record."""

    name: str
    layout: str
    sha256: bytes

    def inputs(self, number: int) -> Iterator[tuple[int, Body]]:
        """(time in ns, body), oldest first. Starts anew with every call. Raises ScenarioError with file and line."""
        ...

    def tally(self, number: int) -> SourceTally:
        """What came of the rows read so far by the last call of `inputs`."""
        ...


class PriceSource(Source, Protocol):
    """A source of prices. It also says when it starts and at which prices: (instrument, ticks) of every instrument."""

    start_ns: int
    opening: tuple[tuple[int, int], ...]


def check(source: Source, end_ns: int = INT64_MAX, inputs_most: int = INT64_MAX) -> tuple[int, int]:
    """How many inputs a source gives up to `end_ns`, and when the last of them comes; none: 0.

    It is read to its end and nothing is kept, so that a bad row is found before anything is written; O(rows). Where it
    gives more than `inputs_most`, reading stops behind that many.
    """
    inputs = last_ns = 0
    for at_ns, _ in source.inputs(0):
        if at_ns <= end_ns:
            inputs, last_ns = inputs + 1, at_ns
            if inputs > inputs_most:
                break
    return inputs, last_ns


def scale_named(scales: Sequence[InstrumentScale], name: str | None, where: str) -> InstrumentScale:
    """The instrument of that name, the first where it is None. `where` is the path of the key that names it."""
    for scale in scales:
        if name in (None, scale.name):
            return scale
    known = ", ".join(scale.name for scale in scales) or "none"
    message = f"{where}: unknown instrument {name!r}; the scenario lists {known}"
    raise ScenarioError(message)


def canonical_sha256(layout: str, settings: msgspec.Struct | Mapping[str, Any], **given: object) -> bytes:
    """SHA-256 over parameters as JSON: keys sorted, no space, decimals as normalised text, so that 0.50 equals 0.5.

    Settings that came later count only where they are stated: what was named without them keeps its name.
    """
    parameters = {"layout": layout, "settings": settings, **given}
    plain = _without_later(msgspec.to_builtins(parameters, builtin_types=(Decimal,), str_keys=True))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_normalised)
    return sha256(text.encode()).digest()


def _without_later(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _without_later(one) for key, one in plain.items() if _LATER.get(key, _STATED) != one}
    return [_without_later(one) for one in plain] if isinstance(plain, list | tuple) else plain


def _normalised(value: Decimal) -> str:
    return format(CONTEXT.normalize(value), "f")
