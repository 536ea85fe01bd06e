"""What a cap on profits compared: the part of the answer for rounds in which nobody was bankrupt."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...events.bodies.waterfall import ProfitCapExceeded
from ...events.envelope import Event
from ...sim.figures import percent
from .names import Names

__all__ = ["Cap", "cap_behind", "cap_of"]


class Cap(msgspec.Struct, frozen=True):
    """The profit of one side of an instrument beside the pool, as event `seq` recorded them.

    `factor` is the one over the other in percent, rounded to a hundredth; null where the pool had nothing.
    """

    seq: int
    instrument: int
    name: str
    side: Literal["long", "short"]
    open_lots: int
    profit_atoms: int
    profit: str
    pool_atoms: int
    pool: str
    factor: str | None
    max_factor_ppm: int
    min_factor_ppm: int
    text: str


def cap_of(event: Event, names: Names) -> Cap:
    """The figures of a `ProfitCapExceeded`, and what they mean in words."""
    body = event.body
    assert isinstance(body, ProfitCapExceeded)
    profit, pool = names.value(body.instrument, body.profit_atoms), names.value(body.instrument, body.pool_atoms)
    pool = f"-{pool}" if body.pool_atoms < 0 else pool
    factor = percent(body.profit_atoms, body.pool_atoms).lstrip("+") if body.pool_atoms > 0 else None
    return Cap(
        event.seq,
        body.instrument,
        names.instrument(body.instrument),
        "long" if body.open_lots > 0 else "short",
        body.open_lots,
        body.profit_atoms,
        profit,
        body.pool_atoms,
        pool,
        factor,
        body.max_factor_ppm,
        body.min_factor_ppm,
        body.compares(names),
    )


def cap_behind(started: Event, causes: tuple[Event, ...]) -> Event | None:
    """The exceeded cap that a round answers; None where it answers something else."""
    return next((one for one in causes if one.seq == started.cause and isinstance(one.body, ProfitCapExceeded)), None)
