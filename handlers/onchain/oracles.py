"""Oracles of a chain: a price is sent when it has moved or is old, and holds once a block has taken it up.

1. `deviation`: a price is sent where the market's mark is `deviation_bps` or more away from the last one that was
   sent, or that one is `heartbeat_ns` old, which is looked at with each mark. While one is on its way no other is sent.
2. `security-module`: a price is sent each `hop_ns`, and the one that was sent before it becomes the price in the same
   block: so a price holds that is between one and two hops old.
3. A price that was sent holds from the first block that comes `lag_ns` later or more and whose base fee is no higher
   than `most_fee_wei`, what the oracle pays at most: with dearer gas the old price stands. A stale price is a state in
   which everything goes on.
4. The first price of an asset holds at once: there is none before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import msgspec

from ...events.bodies.chain import BlockMined, OracleReported
from ...events.bodies.collateral import ConversionPriced
from ...events.bodies.margin import MarkPriced
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.ledger.chain import SentReport
from ...events.ledger.conversion import Conversion
from ...events.vocabulary import Body
from ..protocol import Handler, Linked, Product

__all__ = ["DeviationOracle", "DeviationParameters", "SecurityModule", "SecurityModuleParameters"]

_BPS = 10**4


class DeviationParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By rules 1 and 3; a fee of 0 is one without an end."""

    deviation_bps: int = 50
    heartbeat_ns: int = 3_600 * 10**9
    lag_ns: int = 12 * 10**9
    most_fee_wei: int = 0

    def __post_init__(self) -> None:
        """Refuse a deviation of nothing, and times that run backwards."""
        if self.deviation_bps < 1 or self.heartbeat_ns < 1 or min(self.lag_ns, self.most_fee_wei) < 0:
            message = "deviation_bps and heartbeat_ns must be above 0, lag_ns and most_fee_wei not negative"
            raise ValueError(message)


class DeviationOracle(Handler):
    """By deviation and heartbeat, with a lag."""

    name: ClassVar[str] = "oracle"
    policy: ClassVar[str] = "deviation"
    subscribes: ClassVar[tuple[type[Body], ...]] = (MarkPriced, BlockMined)
    Parameters: ClassVar[type[msgspec.Struct]] = DeviationParameters

    def __init__(self, parameters: DeviationParameters) -> None:
        self.rules = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A price is sent with a mark, and holds with a block."""
        body = event.body
        if isinstance(body, MarkPriced):
            following = [one for one in self._here(ledger) if one.instrument == body.instrument]
            return [product for one in following for product in self._sent(one, ledger, now_ns)]
        return [product for one in self._here(ledger) for product in self._taken_up(one, ledger, now_ns)]

    def _here(self, ledger: LedgerState) -> Iterator[Conversion]:
        return (one for one in ledger.conversions.values() if ledger.assets[one.asset].venue == self.venue)

    def _sent(self, conversion: Conversion, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        mark_ticks = ledger.markets[conversion.instrument].mark_ticks
        report = ledger.chain.reports.get(conversion.asset)
        if report is None:
            yield OracleReported(conversion.asset, conversion.instrument, mark_ticks, "the first price")
            yield ConversionPriced(conversion.asset, conversion.instrument, mark_ticks, mark_ticks)
        elif report.body.price_ticks == conversion.price_ticks:
            yield from self._next(conversion, report, mark_ticks, now_ns)

    def _next(self, conversion: Conversion, report: SentReport, mark_ticks: int, now_ns: int) -> Iterator[Product]:
        sent_ticks, reason = report.body.price_ticks, ""
        if abs(mark_ticks - sent_ticks) * _BPS >= self.rules.deviation_bps * sent_ticks:
            reason = f"it had moved by {abs(mark_ticks - sent_ticks) * _BPS // sent_ticks} basis points"
        elif now_ns - report.at_ns >= self.rules.heartbeat_ns:
            reason = "the last one had grown old"
        if reason:
            yield OracleReported(conversion.asset, conversion.instrument, mark_ticks, reason)

    def _taken_up(self, conversion: Conversion, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        report = ledger.chain.reports.get(conversion.asset)
        if report is None or report.body.price_ticks == conversion.price_ticks or self._too_dear(ledger):
            return
        if now_ns - report.at_ns >= self.rules.lag_ns:
            mark_ticks = ledger.markets[conversion.instrument].mark_ticks
            body = ConversionPriced(conversion.asset, conversion.instrument, mark_ticks, report.body.price_ticks)
            yield Linked(body, (report.seq,))

    def _too_dear(self, ledger: LedgerState) -> bool:
        return 0 < self.rules.most_fee_wei < ledger.chain.base_fee_wei


class SecurityModuleParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By rules 2 and 3; a fee of 0 is one without an end."""

    hop_ns: int = 3_600 * 10**9
    most_fee_wei: int = 0

    def __post_init__(self) -> None:
        """Refuse a hop that never comes."""
        if self.hop_ns < 1 or self.most_fee_wei < 0:
            message = "hop_ns must be above 0, and most_fee_wei not negative"
            raise ValueError(message)


class SecurityModule(DeviationOracle):
    """A price that is an hour old or two, so that there is time to stop a wrong one."""

    policy: ClassVar[str] = "security-module"
    Parameters: ClassVar[type[msgspec.Struct]] = SecurityModuleParameters

    def __init__(self, parameters: SecurityModuleParameters) -> None:
        self.module = parameters
        super().__init__(DeviationParameters(most_fee_wei=parameters.most_fee_wei))

    def _next(self, conversion: Conversion, report: SentReport, mark_ticks: int, now_ns: int) -> Iterator[Product]:
        return iter(())

    def _taken_up(self, conversion: Conversion, ledger: LedgerState, now_ns: int) -> Iterator[Product]:
        mark_ticks = ledger.markets[conversion.instrument].mark_ticks
        report = ledger.chain.reports.get(conversion.asset)
        if report is None or now_ns - report.at_ns < self.module.hop_ns or self._too_dear(ledger):
            return
        body = ConversionPriced(conversion.asset, conversion.instrument, mark_ticks, report.body.price_ticks)
        if report.body.price_ticks != conversion.price_ticks:
            yield Linked(body, (report.seq,))
        yield OracleReported(conversion.asset, conversion.instrument, mark_ticks, "the next price of the module")
