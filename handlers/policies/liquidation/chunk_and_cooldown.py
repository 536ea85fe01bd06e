"""Hyperliquid: to the book in one chunk and then whole, and below two thirds of the requirement to the backstop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from ....events.bodies.venue import HandlerStateNoted
from ...valuation import BPS, MICRO
from .ruled import RuledSteps
from .step import Limit, Situation, Step, limit_ticks, share_lots

__all__ = ["ChunkAndCooldown", "ChunkParameters"]

_NOTE = "last chunk of account {}"


class ChunkParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Over `chunk_over_atoms` of notional `chunk_bps` of it first, unless there was a chunk within `cooldown_ns`.

    A scenario that states no `chunk_over` gets the venue's 100,000 of the asset.

    `backstop_numerator / backstop_denominator` of the requirement is where the backstop steps in; `pause_ns` passes
    between two orders (a block).
    """

    unstated: ClassVar[Mapping[str, int]] = {"chunk_over": 100_000}

    chunk_over_atoms: int = 0
    chunk_bps: int = 2_000
    cooldown_ns: int = 30_000_000_000
    pause_ns: int = 1_000_000_000
    backstop_numerator: int = 2
    backstop_denominator: int = 3
    restored_bps: int = 10_000
    limit: Limit = "bankruptcy"

    def __post_init__(self) -> None:
        """Refuse shares over the whole, an end below the requirement and orders without end in one instant."""
        shares = 0 < self.chunk_bps <= BPS <= self.restored_bps
        backstop = 0 <= self.backstop_numerator <= self.backstop_denominator and self.backstop_denominator > 0
        if not (shares and backstop) or self.pause_ns < 1 or self.cooldown_ns < 0 or self.chunk_over_atoms < 0:
            message = (
                "chunk_bps must lie in 1..10000, the backstop's share in 0..1, restored_bps be at least 10000, pause_ns"
                " at least 1, cooldown_ns and chunk_over_atoms not be negative"
            )
            raise ValueError(message)


class ChunkAndCooldown(RuledSteps[ChunkParameters]):
    """A market order to the book; a large position is sent one chunk first; the backstop takes who falls too far.

    1. chunk = `chunk_bps` of a position whose notional is over `chunk_over_atoms`; from then on for `cooldown_ns` any
       order of that account is for the whole. When the last chunk went out is in the ledger (`ledger.notes`), so it
       holds over several liquidations of one account.
    2. equity < the backstop's share of the requirement, two thirds: the liquidator vault takes the account's positions,
       and its equity with them, so the account ends at zero. The vault is the insurance fund's account here.
    3. What an order finds no depth for is tried again after `pause_ns`.

    Source: Hyperliquid docs, trading/liquidations (100,000 USDC, 20%, 30 s, two thirds of the maintenance margin).
    """

    policy: ClassVar[str] = "chunk-and-cooldown"
    formula: ClassVar[str] = (
        "chunk_bps over chunk_over_atoms, then the whole; backstop below two thirds of the requirement"
    )
    source: ClassVar[str] = "Hyperliquid docs, trading/liquidations"
    Parameters: ClassVar[type[msgspec.Struct]] = ChunkParameters

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """Below the backstop's level; never for want of depth alone."""
        if situation.margin.equity_atoms < 0:
            return "no equity left"
        equity, needed = situation.margin.equity_atoms * MICRO, situation.margin.requirement_microatoms
        if equity * self.rules.backstop_denominator < self.rules.backstop_numerator * needed:
            return "below the backstop's share of the requirement"
        return None

    def pause_ns(self, situation: Situation) -> int:
        """A block."""
        return self.rules.pause_ns

    def step(self, situation: Situation) -> Step:
        """A chunk, noted; or the whole."""
        limit = limit_ticks(situation, self.rules.limit)
        if situation.worth_atoms <= self.rules.chunk_over_atoms or self._cooling(situation):
            return Step(situation.lots, limit)
        note = HandlerStateNoted("liquidation", _NOTE.format(situation.account.account), (situation.now_ns,))
        return Step(share_lots(situation.lots, self.rules.chunk_bps), limit, (note,))

    def _cooling(self, situation: Situation) -> bool:
        """Whether the account had a chunk so shortly ago that everything is for the whole."""
        noted = situation.ledger.notes.get(("liquidation", _NOTE.format(situation.account.account)))
        return noted is not None and situation.now_ns - noted[0] < self.rules.cooldown_ns
