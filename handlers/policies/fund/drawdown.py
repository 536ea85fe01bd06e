"""Bybit, OKX: auto-deleveraging starts when the fund has fallen too far from its peak of the last hours.

1. The fund's value is its cash plus its inventory at the mark. Nobody pays in but through liquidations, so what it
   gains and loses is its profit, and its fall from the peak is the fall of both.
2. The value is looked at every `sample_ns` from the first liquidation on. The peak is kept per step of an eighth of the
   window, the last eight whole steps and the running one, so it is over at least the window and at most an eighth more.
   These figures are in the ledger (`ledger.notes`).
3. drawdown = (value - peak) / peak < -`fall_bps`, with the value over `threshold_atoms`; then a bankrupt account is
   deleveraged instead of taken over, and at a sample so is what the fund holds at a loss, at most once in `retry_ns`.
4. A fund whose value is not above zero takes nothing over; one whose capacity does not suffice declares a shortfall as
   the plain fund does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

import msgspec

from ....events.bodies.liquidation import BankruptcyDeclared, LiquidationFilled, PositionTakenOver
from ....events.bodies.venue import HandlerStateNoted, TimerFired, TimerSet
from ....events.envelope import Event
from ....events.ledger import LedgerState
from ...insurance_fund import FundParameters, InsuranceFund
from ...inventory import losing_lots
from ...protocol import Product
from ...valuation import BPS, margin_of

__all__ = ["Drawdown", "DrawdownParameters", "Fall", "peaks_with"]

_SAMPLE = "fund sample"
_RETRY = "drawdown shortfall"
_NOTE = "peaks of fund {}"
_STEPS = 8


class Fall(NamedTuple):
    """How far a profit has fallen from its peak, against the fund's peak balance."""

    change_atoms: int
    peak_atoms: int

    def is_beyond(self, fall_bps: int) -> bool:
        """Whether the ratio is under -fall_bps (strict)."""
        return self.peak_atoms > 0 and self.change_atoms * BPS < -fall_bps * self.peak_atoms

    def beyond_atoms(self, fall_bps: int) -> int:
        """What of the fall lies beyond that share of the peak, rounded up: the part the deleveraged carry."""
        return max(0, -self.change_atoms - fall_bps * self.peak_atoms // BPS)


class DrawdownParameters(FundParameters, frozen=True, forbid_unknown_fields=True):
    """A fall of `fall_bps` within `window_ns`; see the rules above."""

    fall_bps: int = 3_000
    window_ns: int = 28_800_000_000_000
    sample_ns: int = 10_000_000_000
    threshold_atoms: int = 0

    def __post_init__(self) -> None:
        """Refuse what would never fall or never be looked at."""
        super().__post_init__()
        if not 0 < self.fall_bps <= BPS or self.window_ns < _STEPS or self.sample_ns < 1:
            message = "fall_bps must lie in 1..10000, window_ns be at least 8, sample_ns at least 1"
            raise ValueError(message)


class Drawdown(InsuranceFund):
    """pnlRatio = (PnL - max PnL of the window) / max balance of the window < -0.3: deleverage instead of taking over.

    Sources: Bybit v5 API page adl-alert; OKX help page iv-introduction-to-auto-deleveraging-adl (fallen 30% from its
    peak within 8 hours).
    """

    policy: ClassVar[str] = "drawdown"
    formula: ClassVar[str] = "(PnL - max PnL) / max balance over window_ns < -fall_bps"
    source: ClassVar[str] = "Bybit v5 API page adl-alert; OKX help page iv-introduction-to-auto-deleveraging-adl"
    Parameters: ClassVar[type[msgspec.Struct]] = DrawdownParameters

    def __init__(self, parameters: DrawdownParameters) -> None:
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
        """A sample when due, the first one with the first liquidation; the rest is the plain fund's."""
        body = event.body
        if isinstance(body, TimerFired) and body.purpose == _SAMPLE and body.account is not None:
            return self._sample(body.account, ledger, now_ns)
        first: list[Product] = []
        if isinstance(body, LiquidationFilled | BankruptcyDeclared | PositionTakenOver):
            fund = ledger.fund_for(ledger.accounts[body.account])
            if (_SAMPLE, fund) not in self._due:
                first = self._noted(fund, ledger, now_ns)
        return [*first, *super().handle(event, ledger, now_ns)]

    def fall(self, ledger: LedgerState, fund: int) -> Fall:
        """How far the fund is under its peak now; nothing before the first sample."""
        value, noted = self._value_atoms(ledger, fund), ledger.notes.get((self.name, _NOTE.format(fund)), ())
        peak = max((value, *noted[1::2]))
        return Fall(value - peak, peak)

    def _value_atoms(self, ledger: LedgerState, fund: int) -> int:
        return self.capacity_atoms(ledger, fund) + self.rules.floor_atoms

    def _triggered(self, ledger: LedgerState, fund: int) -> bool:
        over = self._value_atoms(ledger, fund) > self.drawdown.threshold_atoms
        return over and self.fall(ledger, fund).is_beyond(self.drawdown.fall_bps)

    def _noted(self, fund: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        """The next sample's timer, and the peaks if they have changed."""
        key = _NOTE.format(fund)
        noted = ledger.notes.get((self.name, key), ())
        step_ns = self.drawdown.window_ns // _STEPS
        peaks = peaks_with(noted, now_ns // step_ns, self._value_atoms(ledger, fund))
        timer = TimerSet(_SAMPLE, now_ns + self.drawdown.sample_ns, fund)
        return [timer] if peaks == noted else [HandlerStateNoted(self.name, key, peaks), timer]

    def _sample(self, fund: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        products = self._noted(fund, ledger, now_ns)
        if (_RETRY, fund) not in self._due and self._triggered(ledger, fund) and losing_lots(ledger, fund):
            retry = TimerSet(_RETRY, now_ns + self.rules.retry_ns, fund)
            products += [self._fallen(None, fund, fund, ledger), retry]
        return products

    def _absorb(self, body: BankruptcyDeclared, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[body.account]
        fund = ledger.fund_for(account)
        if account.positions and self._triggered(ledger, fund):
            return (self._fallen(body.liquidation_id, body.account, fund, ledger),)
        if account.positions and self._value_atoms(ledger, fund) <= 0:
            needed_atoms = max(0, -margin_of(account, ledger.markets).equity_atoms)
            return (self.shortfall(body.liquidation_id, body.account, "bankruptcy", needed_atoms, ledger),)
        return super()._absorb(body, ledger)

    def _fallen(self, liquidation_id: int | None, account: int, fund: int, ledger: LedgerState) -> Product:
        """Needed: what of the fall lies beyond the share that the fund bears."""
        needed_atoms = self.fall(ledger, fund).beyond_atoms(self.drawdown.fall_bps)
        return self.shortfall(liquidation_id, account, "drawdown", needed_atoms, ledger)


def peaks_with(noted: tuple[int, ...], step: int, value: int) -> tuple[int, ...]:
    """(step, greatest value) pairs, oldest first, with one more value; steps that left the window are dropped."""
    peaks = dict(zip(noted[::2], noted[1::2], strict=True))
    peaks[step] = max(value, peaks.get(step, value))
    return tuple(number for at in sorted(peaks) if at >= step - _STEPS for number in (at, peaks[at]))
