"""What a strategic trader can do about a cascade of forced orders: hold, front-run it, or trigger it.

Who sells before those who must sell, and buys back from them, gains what they lose by it; who starts the fall pays for
pushing the price and gains only if enough others are forced. Sources: Brunnermeier and Pedersen 2005, "Predatory
trading", Journal of Finance 60(4); Carlin, Lobo and Viswanathan 2007, "Episodic liquidity crises", Journal of Finance
62(5). The thresholds are this model's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import msgspec

from ..choice import Choice
from ..valuation import BPS
from .strategist import Observation, Strategist, StrategistSettings, lots_within

__all__ = ["STRATEGIST_CHOICES", "FrontRun", "Hold", "Trigger"]


class HoldParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which side it takes, and `share_bps` of what its capital bears."""

    side: Literal["long", "short"] = "long"
    share_bps: int = 5_000

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0 < self.share_bps <= BPS:
            message = "share_bps must lie above 0 up to 10000"
            raise ValueError(message)


class Hold:
    """Takes a position at the first price and keeps it whatever happens: what the others are compared with."""

    policy: ClassVar[str] = "hold"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "once: share x what capital bears"
    source: ClassVar[str] = "the patient trader of Carlin, Lobo and Viswanathan 2007"
    Parameters: ClassVar[type[msgspec.Struct]] = HoldParameters

    def __init__(self, parameters: HoldParameters) -> None:
        self.rule = parameters

    def lots(self, seen: Observation) -> int:
        """All at the first price, nothing after it."""
        if seen.acted_ns is not None:
            return 0
        lots = seen.most_lots * self.rule.share_bps // BPS
        return lots if self.rule.side == "long" else -lots


class CampaignParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When it goes short, with `share_bps` of what its capital bears, and when it buys back.

    It buys back once the price is `target_bps` under its entry, or `patience_ns` after it began; then it waits
    `pause_ns`. `signal_bps` is how far the price must be under its trend (front-run), or how far it must be able to
    push it (trigger). The order is for no more than stands within `reach_bps` of the book.
    """

    share_bps: int = BPS
    signal_bps: int = 100
    reach_bps: int = 300
    target_bps: int = 300
    patience_ns: int = 300_000_000_000
    pause_ns: int = 600_000_000_000

    def __post_init__(self) -> None:
        """Refuse what never begins or never ends."""
        if not 0 < self.share_bps <= BPS or not 0 < self.target_bps < BPS or not 0 < self.signal_bps < BPS:
            message = "share_bps must lie above 0 up to 10000, signal_bps and target_bps between 1 and 9999"
            raise ValueError(message)
        if self.reach_bps <= 0 or min(self.patience_ns, self.pause_ns) <= 0:
            message = "reach_bps, patience_ns and pause_ns must be above 0"
            raise ValueError(message)


class _Short:
    """Goes short by a rule of its own, and buys back at its target, or when its patience is at an end."""

    Parameters: ClassVar[type[msgspec.Struct]] = CampaignParameters

    def __init__(self, parameters: CampaignParameters) -> None:
        self.rule = parameters

    def lots(self, seen: Observation) -> int:
        """The whole position back, or what it opens."""
        rule = self.rule
        if seen.held_lots:
            return -seen.held_lots if self.is_done(seen) else 0
        if seen.acted_ns is not None and seen.now_ns - seen.acted_ns < rule.pause_ns:
            return 0
        wanted = min(seen.most_lots * rule.share_bps // BPS, lots_within(seen.bids, rule.reach_bps))
        return -self.opened(seen, wanted)

    def opened(self, seen: Observation, wanted: int) -> int:
        """How many of the lots that it could sell it does sell now."""
        raise NotImplementedError

    def is_done(self, seen: Observation) -> bool:
        """At the target, or out of patience."""
        target_ticks = seen.entry_ticks * (BPS - self.rule.target_bps) // BPS
        began_ns = seen.now_ns if seen.since_ns is None else seen.since_ns
        return seen.price_ticks <= target_ticks or seen.now_ns - began_ns >= self.rule.patience_ns


class FrontRun(_Short):
    """Sells once forced selling is seen and the price is under trend; buys back when that ends, or at its target."""

    policy: ClassVar[str] = "front-run"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "sell if forced sales > 0 and price < trend (1 - signal); buy back if none, or at target"
    source: ClassVar[str] = "Brunnermeier and Pedersen 2005, Journal of Finance 60(4)"

    def opened(self, seen: Observation, wanted: int) -> int:
        """All of it on the signal."""
        under = seen.price_ticks * BPS <= seen.trend_ticks * (BPS - self.rule.signal_bps)
        return wanted if under and seen.forced_sold_lots else 0

    def is_done(self, seen: Observation) -> bool:
        """As any, or once nobody is forced to sell any more."""
        return not seen.forced_sold_lots or super().is_done(seen)


class Trigger(_Short):
    """Sells into a book so thin that its capital moves the price far enough to force others; buys back from them."""

    policy: ClassVar[str] = "trigger"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "sell bids within signal if capital bears them; buy back at target or out of patience"
    source: ClassVar[str] = "Brunnermeier and Pedersen 2005, Journal of Finance 60(4)"

    def opened(self, seen: Observation, wanted: int) -> int:
        """As many lots as stand in the way of the push, if it can sell them all and nobody is forced yet."""
        needed = lots_within(seen.bids, self.rule.signal_bps)
        return needed if 0 < needed <= wanted and not seen.forced_sold_lots else 0


def _choice(policy: Any) -> Choice:
    return Choice(
        policy.Parameters,
        policy.version,
        lambda parameters, settings=None: Strategist(policy(parameters), settings or StrategistSettings()),
        StrategistSettings(),
    )


STRATEGIST_CHOICES: Mapping[str, Choice] = {policy.policy: _choice(policy) for policy in (Hold, FrontRun, Trigger)}
"""Name to policy."""
