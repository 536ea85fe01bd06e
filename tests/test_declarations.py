"""The declaration of each type of event: what it must say, and that what is said of it elsewhere follows from it."""

from __future__ import annotations

import pytest

from deleverage.events.bodies import inputs, listing, run
from deleverage.events.envelope import Origin
from deleverage.events.grounds import Ground
from deleverage.events.vocabulary import BODY_TYPES, Body

from .support.crash import recorded

UNDECIDED = {inputs.__name__, listing.__name__, run.__name__}
BY_TYPE = pytest.mark.parametrize("body_type", BODY_TYPES, ids=lambda body_type: body_type.__name__)


@BY_TYPE
def test_what_is_decided_has_grounds_and_what_is_not_has_none(body_type: type[Body]) -> None:
    """Inputs, listings and the run's own events rest on nothing; all else names what was compared, each kind once."""
    assert all(isinstance(ground, Ground) for ground in body_type.grounds)
    assert len(set(body_type.grounds)) == len(body_type.grounds)
    assert bool(body_type.grounds) == (body_type.__module__ not in UNDECIDED)


def test_every_event_that_a_handler_decided_is_of_a_type_with_grounds() -> None:
    """In a whole record no producer's event is of a type that declares no grounds."""
    by_handlers = [event for event in recorded() if event.origin is Origin.DECIDED and event.producer is not None]
    decided = {type(event.body) for event in by_handlers}
    assert len(decided) > 15
    assert {kind.__name__ for kind in decided if not kind.grounds} == set()
