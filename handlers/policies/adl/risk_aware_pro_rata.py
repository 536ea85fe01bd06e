"""Risk-aware pro-rata: who is leveraged more gives more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal

import msgspec

from ..allocation import BPS, pro_rata
from ..ranking import Allocation, Basis, Candidate, Closing, Ranked, score_of
from ..ratio import ATOMS, Ratio, RatioPolicy

__all__ = ["RiskAwareProRata", "RiskParameters"]


class RiskParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`risk` is g: leverage itself, its square, or what it has above `threshold_bps` (10,000 is one)."""

    risk: Literal["linear", "power", "cvar"] = "linear"
    threshold_bps: int = 10_000

    def __post_init__(self) -> None:
        """Refuse a leverage that nobody has."""
        if self.threshold_bps < 0:
            message = "threshold_bps must not be negative"
            raise ValueError(message)


_RATIOS: Mapping[str, Ratio] = {
    "linear": Ratio(("notional", "notional"), ("equity",), ATOMS),
    "power": Ratio(("notional", "notional", "notional"), ("equity", "equity"), ATOMS),
}


class RiskAwareProRata(RatioPolicy):
    """weight = equity x leverage x g(leverage) x 10^-9, leverage = notional / equity.

    g is leverage (`linear`), its square (`power`) or (leverage - c)+ (`cvar`). Lots are shared out by weight, nobody
    beyond min(profit, equity); who has no weight gives only when all others are at their caps.
    """

    policy: ClassVar[str] = "risk-aware-pro-rata"
    in_words: ClassVar[str] = "the position's worth, weighted by its leverage"
    source: ClassVar[str] = "arXiv 2512.01112, risk-aware pro-rata"
    basis: ClassVar[Basis] = "equity dollars"
    Parameters: ClassVar[type[msgspec.Struct]] = RiskParameters

    def __init__(self, parameters: RiskParameters) -> None:
        self.rules = parameters

    @property
    def formula(self) -> str:  # type: ignore[override]
        """The weight with this g."""
        if self.rules.risk == "cvar":
            return f"notional x max(0, notional / equity - {self.rules.threshold_bps} / {BPS}) x 10^-9"
        return "notional x (notional / equity)" + ("^2" if self.rules.risk == "power" else "") + " x 10^-9"

    def ratio_of(self, size_lots: int) -> Ratio | None:
        """What a weight is, for both sides; the excess of `cvar` is no ratio of products."""
        return _RATIOS.get(self.rules.risk)

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """One weight per candidate; exact, rounded down once."""
        if self.rules.risk == "cvar":
            return [self._excess(candidate) for candidate in candidates]
        return super().scores(candidates)

    def _excess(self, candidate: Candidate) -> int:
        notional, equity = candidate.notional, candidate.equity
        over = max(0, notional * BPS - self.rules.threshold_bps * equity)
        return score_of(notional * over, equity * BPS * ATOMS)

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """By weight."""
        return pro_rata(closing, places, BPS)
