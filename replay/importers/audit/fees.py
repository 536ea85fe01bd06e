"""The fourth law: fees add up, fee = rate x notional.

1. A rate is an account's own: one as maker and one as taker, for each kind of market and each venue of perpetuals that
   has a prefix of its own (`xyz:`). The first fill gives it, and the others are held against it; on spot markets the
   token that the fee is in is a group of its own, as venues discount by pair.
2. Every fee allows an interval of rates, as it is printed to a last digit: a millionth of its asset, and twice that
   where it is the sum of two. A check narrows it.
3. A builder (whoever made the trader's front end) may add a share to a fee. Where the record tells it (`builder_fee` in
   `raw`) it is taken off first. Where it never does, an account may have a second rate, with such a share: the fill
   that shows it cannot be checked, and those after it are held against either.
4. A rate over `RATE_BPS_MOST` either way is broken whatever the others are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .fills import FINE, FINE_MONEY, ReportedFill
from .tally import OFFENDERS_SHOWN, LawTally, Offence, basis_points, money

__all__ = ["RATE_BPS_MOST", "Fees"]

RATE_BPS_MOST = 100

_BPS = 10**4
_UNIT = FINE_MONEY // 10**6
_RATE = 10**18
_SECOND = "a second rate: with a builder's share, which the record does not tell apart"

_Group = tuple[int, bool, str, int | None, bool]


class _Rates(NamedTuple):
    """The least and the greatest rate that fees allow, in 10^-18."""

    low: int
    high: int

    def narrowed(self, other: _Rates) -> _Rates | None:
        """What both allow; None where that is nothing."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return None if low > high else _Rates(low, high)


class _Seconds:
    """Fees by a second rate, of which only the end of the record says what they are: counted, and the first kept."""

    def __init__(self) -> None:
        self.opened = self.followed = 0
        self.first: list[Offence] = []

    def note(self, fill: ReportedFill, text: str, *, opens: bool) -> None:
        """One more, which shows the second rate or follows it."""
        self.opened += opens
        self.followed += not opens
        if len(self.first) < OFFENDERS_SHOWN:
            self.first.append(Offence(fill, text))

    def settle(self, tally: LawTally, *, told_builders: bool) -> None:
        """Broken where the record tells what builders got; else a second rate is one with a builder's share."""
        if told_builders:
            tally.broken += self.opened + self.followed
            tally.offences = (tally.offences + self.first)[:OFFENDERS_SHOWN]
        else:
            tally.holding += self.followed
            if self.opened:
                tally.not_checkable[_SECOND] += self.opened


class Fees:
    """The rates that each account can have, by group: its own, and one with a builder's share."""

    def __init__(self) -> None:
        rule = "fee = rate x notional, an account's rate as maker and as taker being the same"
        self.perpetual = LawTally("fee", "perpetual", rule)
        self.spot = LawTally("fee", "spot", rule)
        self._own: dict[_Group, _Rates] = {}
        self._second: dict[_Group, _Rates] = {}
        self._seconds = {"perpetual": _Seconds(), "spot": _Seconds()}
        self._told_builders = False

    @property
    def tallies(self) -> Iterable[LawTally]:
        """One for each kind of market; to be asked when all fills were taken."""
        for tally, seconds in zip((self.perpetual, self.spot), self._seconds.values(), strict=True):
            seconds.settle(tally, told_builders=self._told_builders)
        self._seconds = {"perpetual": _Seconds(), "spot": _Seconds()}
        return self.perpetual, self.spot

    def take(self, fill: ReportedFill) -> None:
        """Check the next fill."""
        tally = self._tally(fill)
        if fill.fee is None:
            tally.skip("the venue states no fee")
            return
        self._told_builders |= "builder_fee" in fill.said
        fee, base, unit = _charged(fill, fill.fee)
        if abs(fee) * _BPS > base * RATE_BPS_MOST + unit * _BPS:
            tally.breaks(fill, f"is charged a fee of {money(fee)}, {basis_points(fee, base)} of what was traded")
            return
        rates, group = _Rates((fee - unit) * _RATE // base, -(-(fee + unit) * _RATE // base)), _group(fill)
        own = self._own.setdefault(group, rates)
        if own is rates:
            tally.skip("the first of its account and role: it gives the rate")
            return
        both = own.narrowed(rates)
        if both is not None:
            self._own[group] = both
            tally.hold()
            return
        text = (
            f"is charged a fee of {money(fee)}, {basis_points(fee, base)}, and the fills before it "
            f"{basis_points(own.low + own.high, 2 * _RATE)}"
        )
        self._other(tally, fill, group, rates, text)

    def _other(self, tally: LawTally, fill: ReportedFill, group: _Group, rates: _Rates, text: str) -> None:
        """A fee that is not by the account's own rate: by its second, the first of a second, or by neither."""
        second = self._second.setdefault(group, rates)
        both = second.narrowed(rates)
        if both is None:
            tally.breaks(fill, text)
            return
        self._second[group] = both
        self._seconds[fill.scales.kind].note(fill, text, opens=second is rates)

    def _tally(self, fill: ReportedFill) -> LawTally:
        return self.spot if fill.scales.kind == "spot" else self.perpetual


def _charged(fill: ReportedFill, fee: int) -> tuple[int, int, int]:
    """The venue's own part of a fee, what it is a share of, and how far it can be off; in fine money."""
    fee -= fill.builder_fee
    if fill.base_fee:
        return fee, abs(fill.size) * FINE, max(_UNIT, _UNIT * FINE // fill.price)
    return fee, abs(fill.size) * fill.price, 2 * _UNIT


def _group(fill: ReportedFill) -> _Group:
    if fill.scales.kind == "spot":
        return fill.account, fill.maker, "spot", fill.fee_asset, fill.size > 0
    return fill.account, fill.maker, fill.scales.name.rpartition(":")[0], None, False
