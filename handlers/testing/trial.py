"""A policy in the small crash, watched: what it is asked, what it says, and what becomes of it.

Run as a module it prints the digest of all events for each of some policies: so two processes with other hash seeds are
compared.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import msgspec

from ...events.bodies.run import Producer
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event
from ...events.errors import ScenarioError
from ...events.ledger import LedgerState
from ..adl_engine import AdlEngine
from ..invariants.declared import INVARIANTS
from ..plugins.at_hand import Plugins
from ..protocol import Handler, Linked, Product
from ..registry import SLOTS, build, producer_of
from .crash import SECOND_NS, opening, ticks
from .rankings import check_formula, check_rankings
from .stage import Stage

__all__ = ["Trial"]

_END_NS = 3_600 * SECOND_NS

_COIN_DEBT_MOST = 1_000

_LIVING: Mapping[str, Mapping[str, Any]] = {
    "impact": {"policy": "power-law", "depth_atoms": 300_000},
    "makers": {"policy": "banded"},
    "orders": {"policy": "book"},
    "index": {"policy": "constituents"},
    "mark": {"policy": "book"},
}
"""What makes the crash a living one, for slots that have nothing to do in another."""
_ACTORS = ("maker-1", "maker-2", "strategist-1")
_LIVING_SLOTS = ("impact", "makers", "crowd", "strategist", "orders", "index", "arbitrage")
_LIVING_MARKS = ("book", "median", "constituents")
_WITH_A_COIN: Mapping[str, Mapping[str, Any]] = {
    "oracle": {"policy": "own-market"},
    "collateral": {"policy": "haircut", "ratios_ppm": {"COIN": [[0, 900_000]]}, "debt_most_atoms": _COIN_DEBT_MOST},
}
"""What there is where traders have another asset as collateral, for slots that have nothing to do without one."""
_CLAIMED: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("invariants", "declared"): {
        **{kind.key(): "it is tried" for kind in INVARIANTS},
        "block_notional_max_atoms": 1_000,
        "notice_ns": SECOND_NS,
    },
}
"""What a policy that does nothing by itself is tried with."""
_COIN_SLOTS = (*_WITH_A_COIN, "redemptions")


class Trial:
    """The small crash with one policy in its slot and the builtin defaults in the others."""

    def __init__(self, policy: str, slot: str, parameters: Mapping[str, Any], *, watched: bool = True) -> None:
        """Build everyone. Raises ScenarioError for a policy that cannot be built; `watched` checks each answer."""
        plugins = self._plugins = Plugins()
        lives = slot in _LIVING_SLOTS or (slot == "mark" and policy in _LIVING_MARKS)
        living = _LIVING if lives else {}
        coin, stated = slot in _COIN_SLOTS, _CLAIMED.get((slot, policy), {})
        chosen = {**living, **(_WITH_A_COIN if coin else {}), slot: {"policy": policy, **stated, **parameters}}
        made = [producer_of(one, chosen.get(one, {}), f"$.{one}", plugins) for one in SLOTS]
        producers = tuple(producer for producer in made if producer is not None)
        if slot not in {producer.handler for producer in producers}:
            message = f"{slot}:{policy} leaves the slot empty; there is nothing to check"
            raise ScenarioError(message)
        self.asked = self.said = 0
        self._producer: Producer = next(producer for producer in producers if producer.handler == slot)
        self._handlers = [build(producer, plugins) for producer in producers]
        self._tried: Handler = self._handlers[producers.index(self._producer)]
        actors = _ACTORS if lives else ()
        self._opening, self._watched = opening(producers, actors, coin=coin), watched
        self._ticks = ticks(coin=coin)
        self.stage = Stage(self._handlers, self._ask, self._check)

    def run(self) -> str:
        """The whole crash. Raises AssertionError for what is not kept; gives the digest of all events."""
        if self._watched and isinstance(self._tried, AdlEngine):
            check_formula(self._tried.ranking_policy)
        self.stage.play(chain(zip(repeat(0), self._opening, strict=False), self._ticks), _END_NS)
        encoded = msgspec.msgpack.encode(self.stage.events)
        return hashlib.sha256(encoded).hexdigest()

    def _ask(self, handler: Handler, event: Event, now_ns: int) -> Sequence[Product]:
        ledger = self.stage.ledger
        if handler is not self._tried or not self._watched:
            return list(handler.handle(event, ledger, now_ns))
        before = ledger.encode()
        products = list(handler.handle(event, ledger, now_ns))
        self.asked, self.said = self.asked + 1, self.said + bool(products)
        told = f"asked about event {event.seq} ({type(event.body).__name__})"
        assert ledger.encode() == before, f"not pure: it wrote into the ledger when {told}"
        assert _bytes(self._said_anew(event, now_ns)) == _bytes(products), (
            f"not the same when primed: built anew and primed it says something else when {told}"
        )
        if isinstance(handler, AdlEngine):
            check_rankings(handler.ranking_policy, products, ledger)
            _check_reductions(products, ledger)
        return products

    def _said_anew(self, event: Event, now_ns: int) -> Iterable[Product]:
        """What the policy says when it is built anew and primed with what it looks back on."""
        handler, ledger = build(self._producer, self._plugins), self.stage.ledger
        since_ns = ledger.at_ns - handler.look_back_ns
        handler.prime(ledger, (event for event in self.stage.events if event.at_ns >= since_ns))
        return handler.handle(event, ledger, now_ns) if handler.gate(type(event.body)) else ()

    def _check(self, event: Event) -> None:
        """Every law, once the crash has begun."""
        if self._watched and event.at_ns:
            self.stage.ledger.check()


def _bytes(products: Iterable[Product]) -> list[bytes]:
    return [msgspec.msgpack.encode((p.body, p.links) if isinstance(p, Linked) else (p, ())) for p in products]


def _check_reductions(products: Sequence[Product], ledger: LedgerState) -> None:
    """The right side only, and never more than a position."""
    left: dict[tuple[int, int, int], int] = {}
    for body in (product for product in products if isinstance(product, PositionDeleveraged)):
        key = body.account, body.instrument, body.leg
        held = ledger.position(body.account, (body.instrument, body.leg))
        lots = left.get(key, 0 if held is None else held.size_lots)
        who = f"{ledger.name(body.account)}, which holds {lots:+d}"
        assert lots * body.size_lots < 0, f"the wrong side: {body.size_lots:+d} lots for {who}"
        assert abs(body.size_lots) <= abs(lots), f"more than a position: {body.size_lots:+d} lots for {who}"
        left[key] = lots + body.size_lots


if __name__ == "__main__":
    for told in msgspec.json.decode(sys.argv[1]):
        sys.stdout.write(f"{Trial(*told, watched=False).run()}\n")
