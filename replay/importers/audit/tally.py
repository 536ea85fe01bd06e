"""What came of a law: how often it was checked, held, was broken, could not be checked, and the first offenders.

1. checked = holding + broken. What holds only because a float artefact was recognised is counted as holding, and under
   `artefacts` as well.
2. A gap is no break: fills are missing in between, and the record says so. It counts among what cannot be checked.
3. Every offender is counted; the first `OFFENDERS_SHOWN` are kept.

Fine units as text.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from ....sim.figures import grouped
from ....sim.quantities import trimmed
from ....sim.units import atoms_to_text, divide_half_even
from .fills import FINE, Kind, ReportedFill

__all__ = ["OFFENDERS_SHOWN", "LawReport", "LawTally", "Offence", "Offender", "basis_points", "money", "units"]

OFFENDERS_SHOWN = 5

_DECIMALS = 12
_BPS_DECIMALS = 4


class Offence(NamedTuple):
    """A fill that breaks a law, or a gap before it, and what is wrong in words."""

    fill: ReportedFill
    text: str


class Offender(msgspec.Struct, frozen=True):
    """An offence as it is shown: where it stands in the record and in the venue's own file."""

    seq: int
    at: str
    file: str | None
    line: int | None
    account: str
    instrument: str
    text: str


class LawReport(msgspec.Struct, frozen=True):
    """One law on one kind of market.

    `of_which` counts what was checked by what it was, where a law says different things of different fills;
    `not_checkable` counts by reason, and `gaps` is among them as well. `remark` is a sentence on the whole, if any.
    """

    law: str
    market: str
    rule: str
    checked: int
    holding: int
    artefacts: int
    broken: int
    gaps: int
    of_which: dict[str, int]
    not_checkable: dict[str, int]
    offenders: tuple[Offender, ...]
    gaps_first: tuple[Offender, ...] = ()
    remark: str = ""


class LawTally:
    """Counts for one law on one kind of market."""

    def __init__(self, law: str, market: Kind | str, rule: str) -> None:
        self.law, self.market, self.rule = law, market, rule
        self.holding = self.artefacts = self.broken = self.gaps = 0
        self.of_which: Counter[str] = Counter()
        self.not_checkable: Counter[str] = Counter()
        self.remark = ""
        self.offences: list[Offence] = []
        self.gap_offences: list[Offence] = []

    @property
    def checked(self) -> int:
        """How often the law could be checked."""
        return self.holding + self.broken

    def hold(self, *, artefact: bool = False) -> None:
        """It held; by a float artefact being recognised, or exactly."""
        self.holding += 1
        self.artefacts += artefact

    def breaks(self, fill: ReportedFill, text: str) -> None:
        """It is broken."""
        self.broken += 1
        if len(self.offences) < OFFENDERS_SHOWN:
            self.offences.append(Offence(fill, text))

    def gap(self, fill: ReportedFill, text: str) -> None:
        """Fills are missing before this one."""
        self.gaps += 1
        self.skip("fills are missing before it")
        if len(self.gap_offences) < OFFENDERS_SHOWN:
            self.gap_offences.append(Offence(fill, text))

    def skip(self, reason: str) -> None:
        """It could not be checked."""
        self.not_checkable[reason] += 1


def units(fine: int) -> str:
    """A size or a price, with no more decimals than it has."""
    return _trimmed(atoms_to_text(fine, _DECIMALS))


def money(fine: int) -> str:
    """An amount to the last decimal that it has, of at most twelve."""
    return units(divide_half_even(fine, FINE))


def basis_points(numerator: int, denominator: int) -> str:
    """A ratio in basis points, rounded to four decimals; the denominator must be positive."""
    scaled = divide_half_even(numerator * 10 ** (4 + _BPS_DECIMALS), denominator)
    return f"{_trimmed(atoms_to_text(scaled, _BPS_DECIMALS))} bps"


def _trimmed(text: str) -> str:
    return trimmed(grouped(text))
