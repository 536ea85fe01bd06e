"""A reading as plain data: one line of `watch --json`. Its names are stable."""

from __future__ import annotations

from typing import Any

from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...sim.figures import price
from ...sim.units import format_time_ns
from .levels import signs_of, worst
from .warning import InstrumentFigures, MapLevel
from .watcher import WarningReading

__all__ = ["reading_view"]

Document = dict[str, Any]


def reading_view(reading: WarningReading, ledger: LedgerState) -> Document:
    """All of it, exact: times in nanoseconds and as ISO 8601, amounts in atoms, rates in what their names say.

    `near_*` is what falls due within 2% of the mark; `due_atoms` and `depth_atoms` of the map are per level.
    """
    warning, movement = reading.warning, reading.movement
    signs = list(signs_of(reading))
    return {
        "at_ns": reading.at_ns,
        "at": format_time_ns(reading.at_ns),
        "events": warning.seq,
        "level": worst(sign.level for sign in signs),
        "signs": [{"name": sign.name, "level": sign.level, "of": sign.of} for sign in signs],
        "stress_bps": warning.stress_bps,
        "stress": [
            {"asset": ledger.assets[asset].name, "falls_bps": vector.falls_bps, "rises_bps": vector.rises_bps}
            for asset, vector in warning.stress.items()
        ],
        "correlation_ppm": movement.correlation_ppm,
        "correlation_rise_ppm": movement.correlation_rise_ppm,
        "instruments": [_instrument(one, reading, ledger) for one in warning.instruments],
        "funds": [
            {
                "account": fund.account,
                "name": ledger.name(fund.account),
                "asset": ledger.assets[fund.asset].name,
                "left_atoms": fund.left_atoms,
                "high_atoms": reading.fund_highs_atoms.get(fund.account),
            }
            for fund in warning.funds
        ],
        "last_events": list(map(_event, reading.last_events)),
    }


def _instrument(one: InstrumentFigures, reading: WarningReading, ledger: LedgerState) -> Document:
    market = ledger.markets[one.instrument]
    return {
        "instrument": one.instrument,
        "name": market.listing.name,
        "asset": ledger.assets[market.listing.asset].name,
        "price_ticks": market.index_ticks,
        "mark_ticks": one.mark_ticks,
        "mark": price(one.mark_ticks, market.listing),
        "halted": one.halted,
        "open_interest_atoms": one.interest_atoms,
        "volatility_ppm": reading.movement.volatility_ppm.get(one.instrument),
        "bids_atoms": one.bids_atoms,
        "asks_atoms": one.asks_atoms,
        "near_atoms": one.near_atoms,
        "near_equity_atoms": one.near_equity_atoms,
        "concentration_ppm": one.concentration_ppm,
        "largest_account": None if one.largest_account is None else ledger.name(one.largest_account),
        "largest_atoms": one.largest_atoms,
        "largest_of_depth_bps": one.largest_bps,
        "map": list(map(_level, one.levels)),
    }


def _level(level: MapLevel) -> Document:
    return level._asdict()


def _event(event: Event) -> Document:
    return {"seq": event.seq, "at": format_time_ns(event.at_ns), "type": type(event.body).__name__}
