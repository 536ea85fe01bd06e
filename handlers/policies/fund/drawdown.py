"""OKX: auto-deleveraging starts when the fund has fallen too far against what it had in the last hours.

1. The fund's value is its cash plus its inventory at the mark. Nobody pays in but through liquidations, so what it
   gains and loses is its profit.
2. The value is looked at every `sample_ns` from the first liquidation on. What it is held `against` is its `peak` of
   the window or its `average`, for which it is taken to have stood before its first look as it stood then. The figures
   are kept by step of the window (`windows.py`) in the ledger's notes.
3. It is on where the value is under that figure by more than `fall_bps` of it, and by more than `least_fall_atoms`, and
   over `threshold_atoms`; it is over once the fall is no more than `stop_fall_bps`, or than that least fall.
4. While it is on a bankrupt account is deleveraged instead of taken over. At a sample, at most once in `retry_ns`, so
   is what the fund holds at a loss, lot by lot, until no more than `fall_bps` is gone: a lot is closed at the mark
   bettered by what of the fall is beyond that, at most at what it cost; `closes_at` may have it at the mark alone.
5. A fund whose value is not above zero takes nothing over; one whose capacity does not suffice declares a shortfall as
   the plain fund does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal, NamedTuple

import msgspec

from ....events.bodies.liquidation import BankruptcyDeclared, LiquidationFilled, PositionTakenOver
from ....events.bodies.venue import HandlerStateNoted, TimerFired, TimerSet
from ....events.bodies.waterfall import DeleveragingEnded, ShortfallDeclared, ShortfallTrigger
from ....events.envelope import Event
from ....events.ledger import Account, LedgerState, PositionKey
from ...conversion import in_asset
from ...drawdowns import OVER, Standing, drawdown_noted, noted_standing
from ...insurance_fund import FundParameters, InsuranceFund
from ...inventory import losing_lots
from ...protocol import Product
from ...valuation import BPS
from .windows import STEPS, averaged, greatest, with_peak, with_sample

__all__ = ["Drawdown", "DrawdownParameters", "Fall", "WindowParameters"]

_SAMPLE = "fund sample"
_RETRY = "drawdown shortfall"
_PEAKS = "peaks of fund {}"
_SAMPLES = "samples of fund {}"


class Fall(NamedTuple):
    """How far something has fallen, against what the share of it is of, and the least fall that counts."""

    change_atoms: int
    reference_atoms: int
    least_atoms: int = 0

    def is_beyond(self, fall_bps: int) -> bool:
        """Whether it is more than that share (strict), and more than the least."""
        beyond = self.change_atoms * BPS < -fall_bps * self.reference_atoms
        return self.reference_atoms > 0 and beyond and -self.change_atoms > self.least_atoms

    def beyond_atoms(self, fall_bps: int) -> int:
        """What of the fall lies beyond that share, or beyond the least, rounded up: the part others carry."""
        allowed_atoms = max(fall_bps * self.reference_atoms // BPS, self.least_atoms)
        return max(0, -self.change_atoms - allowed_atoms)


class WindowParameters(FundParameters, frozen=True, forbid_unknown_fields=True):
    """A fall of `fall_bps` within `window_ns`, over at `stop_fall_bps` (None: at `fall_bps`)."""

    fall_bps: int = 3_000
    window_ns: int = 28_800_000_000_000
    sample_ns: int = 10_000_000_000
    threshold_atoms: int = 0
    stop_fall_bps: int | None = None

    def __post_init__(self) -> None:
        """Refuse what would never fall, never be looked at, or end before it begins."""
        super().__post_init__()
        if not 0 < self.fall_bps <= BPS or self.window_ns < STEPS or self.sample_ns < 1:
            message = "fall_bps must lie in 1..10000, window_ns be at least 8, sample_ns at least 1"
            raise ValueError(message)
        if self.stop_fall_bps is not None and not 0 <= self.stop_fall_bps <= self.fall_bps:
            message = "stop_fall_bps must lie between 0 and fall_bps"
            raise ValueError(message)

    @property
    def stop_bps(self) -> int:
        """The fall at which a drawdown is over."""
        return self.fall_bps if self.stop_fall_bps is None else self.stop_fall_bps


class DrawdownParameters(WindowParameters, frozen=True, forbid_unknown_fields=True):
    """What the fund's value is held `against`; see the rules above."""

    against: Literal["peak", "average"] = "peak"
    least_fall_atoms: int = 0

    def __post_init__(self) -> None:
        """Refuse a least fall below nothing."""
        super().__post_init__()
        if self.least_fall_atoms < 0:
            message = "least_fall must not be negative"
            raise ValueError(message)


class Drawdown(InsuranceFund):
    """(value - peak or average of the window) < -max(fall_bps of it, least_fall): deleverage instead of taking over.

    Source: OKX help page iv-introduction-to-auto-deleveraging-adl (30% under the fund's peak within 8 hours; a later
    text, of which a third party has a copy: under its average of 8 hours less 30%, at least 50,000).
    """

    policy: ClassVar[str] = "drawdown"
    version: ClassVar[str] = "3"
    formula: ClassVar[str] = "value < reference - max(fall_bps of reference, least_fall), over window_ns"
    source: ClassVar[str] = "OKX help page iv-introduction-to-auto-deleveraging-adl"
    Parameters: ClassVar[type[msgspec.Struct]] = DrawdownParameters
    drawdown: WindowParameters

    def __init__(self, parameters: WindowParameters) -> None:
        """Keep the window beside the fund's own rules; no sample is due."""
        super().__init__(parameters)
        self.drawdown = parameters
        self._due: set[tuple[str, int | None]] = set()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Note which samples are due, beside what the plain fund keeps."""
        super().observe(event, ledger)
        body = event.body
        if isinstance(body, TimerSet | TimerFired) and body.purpose in (_SAMPLE, _RETRY):
            (self._due.add if isinstance(body, TimerSet) else self._due.discard)((body.purpose, body.account))

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """The samples that are due follow from the ledger too."""
        super().prime(ledger, past)
        timers = [pending.timer for pending in ledger.timers.values()]
        self._due = {(t.purpose, t.account) for t in timers if t.purpose in (_SAMPLE, _RETRY)}

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A sample when due, the first ones with the first liquidation; the rest is the plain fund's."""
        body = event.body
        if isinstance(body, TimerFired) and body.purpose == _SAMPLE and body.account is not None:
            return self._sample(body.account, ledger, now_ns)
        if isinstance(body, DeleveragingEnded) and body.trigger == "drawdown" and body.account in ledger.funds:
            return self._closed(body, ledger)
        first: list[Product] = []
        if isinstance(body, LiquidationFilled | BankruptcyDeclared | PositionTakenOver):
            for fund in ledger.funds:
                if self.is_here(ledger, fund) and (_SAMPLE, fund) not in self._due and ledger.instruments_of(fund):
                    first += self._noted(fund, ledger, now_ns)
        return [*first, *super().handle(event, ledger, now_ns)]

    def subjects(self, ledger: LedgerState, fund: int) -> dict[str, list[int]]:
        """What is watched of a fund, and the instruments that each stands for: here the fund as a whole."""
        return {f"fund {fund}": ledger.instruments_of(fund)}

    def fall(self, ledger: LedgerState, fund: int, _instruments: list[int]) -> Fall:
        """How far the fund is under what it is held against; nothing before the first sample."""
        assert isinstance(self.drawdown, DrawdownParameters)
        value = self.value_atoms(ledger, fund)
        if self.drawdown.against == "average":
            reference = averaged(self._notes(_SAMPLES, fund, ledger), value)
        else:
            reference = greatest(self._notes(_PEAKS, fund, ledger), value)
        least_atoms = in_asset(ledger, ledger.accounts[fund].asset, self.drawdown.least_fall_atoms)
        return Fall(value - reference, reference, least_atoms)

    def value_atoms(self, ledger: LedgerState, fund: int) -> int:
        """Cash and inventory at the mark."""
        return self.capacity_atoms(ledger, fund) + self.rules.floor_atoms

    def standing(self, ledger: LedgerState, fund: int, subject: str, instruments: list[int]) -> Standing:
        """Whether a drawdown is on, by rule 3, and what of it is beyond what the rule allows."""
        rules, fall = self.drawdown, self.fall(ledger, fund, instruments)
        was_on, _ = noted_standing(subject, ledger)
        on = fall.is_beyond(rules.fall_bps) or (was_on and not self.is_over(fall))
        threshold_atoms = in_asset(ledger, ledger.accounts[fund].asset, rules.threshold_atoms)
        if not on or self.value_atoms(ledger, fund) <= threshold_atoms:
            return OVER
        return 1, fall.beyond_atoms(rules.fall_bps)

    def is_over(self, fall: Fall) -> bool:
        """Whether a drawdown that was on is over."""
        return not fall.is_beyond(self.drawdown.stop_bps)

    def figures(self, ledger: LedgerState, fund: int, step: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The notes of the window with the figures as they are now."""
        assert isinstance(self.drawdown, DrawdownParameters)
        value = self.value_atoms(ledger, fund)
        if self.drawdown.against == "average":
            samples = max(1, self.drawdown.window_ns // STEPS // self.drawdown.sample_ns)
            yield _SAMPLES.format(fund), with_sample(self._notes(_SAMPLES, fund, ledger), step, value, samples)
        else:
            yield _PEAKS.format(fund), with_peak(self._notes(_PEAKS, fund, ledger), step, value)

    def _notes(self, key: str, number: int, ledger: LedgerState) -> tuple[int, ...]:
        return ledger.notes.get((self.name, key.format(number)), ())

    def _noted(self, fund: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        """The next sample's timer, and the figures that have changed."""
        step = now_ns // (self.drawdown.window_ns // STEPS)
        changed: list[Product] = [
            HandlerStateNoted(self.name, key, values)
            for key, values in self.figures(ledger, fund, step)
            if values != ledger.notes.get((self.name, key), ())
        ]
        return [*changed, TimerSet(_SAMPLE, now_ns + self.drawdown.sample_ns, fund)]

    def _judged(self, fund: int, ledger: LedgerState) -> list[Product]:
        """How drawdowns stand, where that is not what was noted."""
        standings = {
            subject: self.standing(ledger, fund, subject, instruments)
            for subject, instruments in self.subjects(ledger, fund).items()
        }
        return [
            drawdown_noted(subject, standing)
            for subject, standing in standings.items()
            if standing != noted_standing(subject, ledger)
        ]

    def _sample(self, fund: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        products = [*self._noted(fund, ledger, now_ns), *self._judged(fund, ledger)]
        declared = [] if (_RETRY, fund) in self._due else self._own_shortfall(fund, ledger)
        if declared:
            products += [*declared, TimerSet(_RETRY, now_ns + self.rules.retry_ns, fund)]
        return products

    def _closed(self, body: DeleveragingEnded, ledger: LedgerState) -> list[Product]:
        """After a lot of its own: the next one, as long as counterparties are found and too much is gone."""
        judged = self._judged(body.account, ledger)
        return judged if body.left_lots else [*judged, *self._own_shortfall(body.account, ledger)]

    def _own_shortfall(self, fund: int, ledger: LedgerState) -> list[ShortfallDeclared]:
        """A shortfall for the first drawdown that is beyond what the rule allows and has a lot at a loss."""
        losing = {key[0] for key in losing_lots(ledger, fund)}
        for subject, instruments in self.subjects(ledger, fund).items():
            _, beyond_atoms = self.standing(ledger, fund, subject, instruments)
            if beyond_atoms and not losing.isdisjoint(instruments):
                return [self.shortfall(None, fund, "drawdown", beyond_atoms, ledger)]
        return []

    def _absorb(self, body: BankruptcyDeclared, ledger: LedgerState) -> Iterable[Product]:
        held = {ledger.fund_of(key[0]): None for key in ledger.accounts[body.account].positions}
        judged = [note for fund in held for note in self._judged(fund, ledger)]
        return [*judged, *super()._absorb(body, ledger)]

    def _barred(self, instrument: int, share_atoms: int, ledger: LedgerState) -> ShortfallTrigger | None:
        fund = ledger.fund_of(instrument)
        if self._is_on(instrument, fund, ledger) and self.is_deleveraged(share_atoms):
            return "drawdown"
        return "bankruptcy" if self.value_atoms(ledger, fund) <= 0 else None

    def _is_on(self, instrument: int, fund: int, ledger: LedgerState) -> bool:
        for subject, instruments in self.subjects(ledger, fund).items():
            if instrument in instruments and self.standing(ledger, fund, subject, instruments) != OVER:
                return True
        return False

    def is_deleveraged(self, _share_atoms: int) -> bool:
        """Whether a position with that share of its account's equity is deleveraged while a drawdown is on: any is."""
        return True

    def _refused(
        self,
        liquidation_id: int,
        account: Account,
        left: list[PositionKey],
        shares: dict[PositionKey, int],
        ledger: LedgerState,
    ) -> ShortfallDeclared:
        """Needed: what of the fall lies beyond what the fund bears; of a fund without money, what it would lose."""
        declared = super()._refused(liquidation_id, account, left, shares, ledger)
        instrument, fund = min(left)[0], ledger.fund_of(min(left)[0])
        trigger = self._barred(instrument, shares[min(left)], ledger)
        if trigger is None:
            return declared
        keys = [key for key in left if ledger.fund_of(key[0]) == fund]
        needed_atoms = max(0, -sum(shares[key] for key in keys))
        if trigger == "drawdown":
            needed_atoms = next(
                self.standing(ledger, fund, subject, instruments)[1]
                for subject, instruments in self.subjects(ledger, fund).items()
                if instrument in instruments
            )
        return msgspec.structs.replace(declared, trigger=trigger, needed_atoms=needed_atoms)
