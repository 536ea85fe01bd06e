"""What a living market needs of a scenario: slots that rest on each other, and actors with capital."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..events.bodies.run import Producer
from ..events.errors import ScenarioError
from .settings import ActorSettings, InstrumentSettings

__all__ = ["check_living"]

_NEEDS: Mapping[str, Mapping[str, str]] = {
    "makers": {"impact": "power-law"},
    "crowd": {"impact": "power-law", "orders": "book"},
    "strategist": {"impact": "power-law", "orders": "book"},
    "orders": {"impact": "power-law"},
}
"""Slots whose policies see nothing, or reach nobody, where another slot is empty; and what could fill that."""

_OF_A_GROUP = ("makers", "strategist")
"""Slots whose `group` trades with capital of its own."""


def check_living(
    producers: Sequence[Producer], actors: Sequence[ActorSettings], instruments: Sequence[InstrumentSettings]
) -> None:
    """Refuse what could never act. Raises ScenarioError naming the slot and what to add."""
    by_slot = {producer.handler: producer for producer in producers}
    for slot, needs in _NEEDS.items():
        for needed, policy in needs.items():
            if slot in by_slot and needed not in by_slot:
                message = f'$.{slot}: it needs the slot {needed}, which is empty; set {needed}.policy = "{policy}"'
                raise ScenarioError(message)
    names = {actor.name for actor in actors}
    for slot in _OF_A_GROUP:
        group = by_slot[slot].parameters.get("group") if slot in by_slot else None
        if group is not None and group not in names:
            message = (
                f"$.{slot}.group: an actor without capital cannot act, and there is no actor {group!r}; "
                "add [[actors]] with that name and a balance"
            )
            raise ScenarioError(message)
    _check_traded(by_slot.get("strategist"), [instrument.name for instrument in instruments])


def _check_traded(strategist: Producer | None, names: Sequence[str]) -> None:
    traded = strategist.parameters.get("instrument") if strategist is not None else None
    if traded and traded not in names:
        message = f"$.strategist.instrument: there is no instrument {traded!r}; choose from {', '.join(names)}"
        raise ScenarioError(message)
