"""A fate as plain data: the document that `fate --json` prints and the file beside the record ends with."""

from __future__ import annotations

from typing import Any

from ...sim.quantities import Quantity
from ...sim.units import format_time_ns
from ..bounds import CONFIDENCE
from ..run import Run
from .fate import Chance, Fate, InstantFate
from .remedies import Remedy

__all__ = ["fate_view"]

Document = dict[str, Any]


def fate_view(run: Run, found: Fate) -> Document:
    """The whole of it: times in nanoseconds and, beside them, ISO 8601; probabilities as counts, with their intervals.

    `point_of_no_return` is null where it came in half of the draws or more at every instant.
    """
    question, point = found.question, found.point
    account = None if question.account is None else run.directory.account_name(question.account)
    return {
        "run": str(run.path.name),
        "head": run.head,
        "account": account,
        "process": question.process,
        "volatility": None if question.volatility is None else str(question.volatility),
        "answers": "drawn" if question.answers else "recorded",
        "order": "drawn" if question.order else "recorded",
        "horizon_ns": question.horizon_ns or None,
        "draws": question.draws,
        "confidence": CONFIDENCE,
        "of": question.watched[found.asked],
        "instants": [_instant(one) for one in found.instants],
        "point_of_no_return": None if point is None else _instant(found.instants[point]),
        "beyond": None if found.beyond is None else _instant(found.beyond),
        "remedies": [_remedy(one) for one in found.remedies],
    }


def _instant(one: InstantFate) -> Document:
    instant = one.instant
    return {
        "event": instant.seq,
        "at_ns": instant.at_ns,
        "at": format_time_ns(instant.at_ns),
        "until_ns": instant.until_ns,
        **{chance.name: _chance(chance) for chance in one.chances},
    }


def _chance(chance: Chance) -> Document:
    """The ends of the interval in ten-thousandths."""
    least, most = chance.interval
    return {"came": chance.came, "least_bps": least, "most_bps": most}


def _remedy(one: Remedy) -> Document:
    def amount(quantity: Quantity | None) -> Document | None:
        return None if quantity is None else dict(quantity.as_json())

    return {
        "varied": one.varied,
        "amount": amount(one.amount),
        "not_at": amount(one.not_at),
        "of": amount(one.of),
        "worth_atoms": one.worth_atoms,
        "came": one.came,
        "how": one.how,
    }
