"""The margin monitor of a venue with portfolio margin: whoever holds an option is margined by a scan of the book.

A healthy account that has equity enough for the most that its unit can require (`UnitBound`) is not scanned. The bound
is made anew once it could not say so of more than half that it was asked about: it decides nothing, and saves scans.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from ..events.ledger import Account, LedgerState
from .margin_monitor import MarginMonitor, MarginParameters
from .options.book import PORTFOLIO, scan_rules
from .options.scan_grid import ScanParameters
from .valuation import SLACK_SCALE, collateral_atoms

if TYPE_CHECKING:
    from .options.portfolio import UnitBound

__all__ = ["PortfolioMonitor", "PortfolioParameters"]

_ASKED_LEAST = 16


class PortfolioParameters(ScanParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The grid of `options/scan_grid.py`, and the levels of `MarginParameters`."""

    unstated: ClassVar[Mapping[str, Any]] = {"dampener": 100_000}
    """Deribit's of BTC, in USD, as in the example that the other figures are of."""

    warning_bps: int = 12_500
    recovery_bps: int = 15_000

    def __post_init__(self) -> None:
        """Refuse what either would."""
        super().__post_init__()
        MarginParameters(self.warning_bps, self.recovery_bps)


class _Bounded:
    """A bound, and how many it was asked about and could not say of."""

    def __init__(self, bound: UnitBound) -> None:
        self.bound, self.asked, self.unsaid = bound, 0, 0


class PortfolioMonitor(MarginMonitor):
    """The same monitor, where whoever holds an option is margined by what a grid of shocks would take from the book."""

    policy: ClassVar[str] = PORTFOLIO
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "greatest loss over prices x volatilities, netted per underlying"
    source: ClassVar[str] = "Deribit, article 25944756247837; OKX, portfolio margin mode; CME SPAN"
    Parameters: ClassVar[type[msgspec.Struct]] = PortfolioParameters

    def __init__(self, parameters: PortfolioParameters) -> None:
        super().__init__(MarginParameters(parameters.warning_bps, parameters.recovery_bps))
        self._bounds: dict[int, _Bounded] = {}

    quiet_span = MarginMonitor.quiet_span

    def _is_surely_safe(self, account: Account, ledger: LedgerState) -> bool:
        if not ledger.options or account.status != "healthy":
            return False
        underlying = _only_unit(account, ledger)
        rules = None if underlying is None else scan_rules(ledger, self.venue)
        if underlying is None or rules is None:
            return False
        asked = self._bounds.get(underlying)
        if asked is None or (asked.asked >= _ASKED_LEAST and 2 * asked.unsaid > asked.asked):
            asked = self._bounds[underlying] = _Bounded(_bound_of(underlying, ledger, rules))
        most = asked.bound.most_microatoms(account.account, account.positions, ledger)
        safe = most is not None and collateral_atoms(account, ledger) * SLACK_SCALE >= self.calls_bps[0] * most
        asked.asked, asked.unsaid = asked.asked + 1, asked.unsaid + (not safe)
        return safe


def _bound_of(underlying: int, ledger: LedgerState, rules: ScanParameters) -> UnitBound:
    from .options.portfolio import UnitBound  # noqa: PLC0415 - numpy is only for whoever scans a book

    return UnitBound(underlying, ledger, rules)


def _only_unit(account: Account, ledger: LedgerState) -> int | None:
    """The underlying of an account that holds nothing but one unit, with an option in it; None for any other."""
    options, found, others = ledger.options, set[int](), set[int]()
    for instrument, _ in account.positions:
        option = options.get(instrument)
        if option is None:
            others.add(instrument)
        elif option.expired_seq is not None:
            return None
        else:
            found.add(option.underlying)
    return min(found) if len(found) == 1 and others <= found else None
