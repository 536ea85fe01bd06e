"""The declaration of each type of event: what it must say, and that what is said of it elsewhere follows from it."""

from __future__ import annotations

import pytest

from deleverage.events.bodies import inputs, listing, ordering, run
from deleverage.events.bodies.base import BodyBase
from deleverage.events.bodies.collateral import CoinDeposited, CoinStated, CoinWithdrawn, ConversionSet
from deleverage.events.bodies.loans import CollateralLooped
from deleverage.events.bodies.options import OptionListed, SurfaceSet
from deleverage.events.envelope import Origin
from deleverage.events.grounds import Ground
from deleverage.events.kinds import columns_of, kinds_of
from deleverage.events.ledger.effects import FOLD
from deleverage.events.vocabulary import BODY_TYPES, Body

from .support.crash import recorded
from .support.examples import EXAMPLES

UNDECIDED = {inputs.__name__, listing.__name__, ordering.__name__, run.__name__}
COINS = {ConversionSet, CoinStated, CoinDeposited, CoinWithdrawn}
"""Inputs, too, beside what is decided of collateral."""
STATED = {CollateralLooped, OptionListed, SurfaceSet}
"""Stated as a run begins, and in the file of what they belong to."""
BY_TYPE = pytest.mark.parametrize("body_type", BODY_TYPES, ids=lambda body_type: body_type.__name__)


@BY_TYPE
def test_what_is_decided_has_grounds_and_what_is_not_has_none(body_type: type[Body]) -> None:
    """Inputs, listings and the run's own events rest on nothing; all else names what was compared, each kind once."""
    assert all(isinstance(ground, Ground) for ground in body_type.grounds)
    assert len(set(body_type.grounds)) == len(body_type.grounds)
    assert bool(body_type.grounds) == (body_type.__module__ not in UNDECIDED and body_type not in COINS | STATED)


def test_every_event_that_a_handler_decided_is_of_a_type_with_grounds() -> None:
    """In a whole record no producer's event is of a type that declares no grounds."""
    by_handlers = [event for event in recorded() if event.origin is Origin.DECIDED and event.producer is not None]
    decided = {type(event.body) for event in by_handlers}
    assert len(decided) > 15
    assert {kind.__name__ for kind in decided if not kind.grounds} == set()


@BY_TYPE
def test_a_field_s_name_and_its_kind_say_the_same_unit(body_type: type[Body]) -> None:
    """A kind has the unit that the name of its field ends with; a name without one is of a kind without."""
    units = {kind.unit for other in BODY_TYPES for kind in kinds_of(other).values() if kind is not None} - {""}
    for name, kind in kinds_of(body_type).items():
        told = name.rpartition("_")[2]
        assert (kind.unit if kind is not None else "") == (told if told in units else ""), name


@BY_TYPE
def test_whose_a_quantity_is_stands_beside_it(body_type: type[Body]) -> None:
    """The field that says whose scale or leg it is belongs to the same type, and is a reference."""
    kinds = kinds_of(body_type)
    for kind in kinds.values():
        whose = None if kind is None or not kind.of else kinds[kind.of]
        assert kind is None or not kind.of or (whose is not None and not whose.unit)


@BY_TYPE
def test_no_field_hides_what_is_declared(body_type: type[Body]) -> None:
    """No field has the name of a declaration, which it would stand in front of; what is left out is a field."""
    declared = {name for name in vars(BodyBase) if not name.startswith("__")}
    assert not declared & set(body_type.__struct_fields__)
    assert set(body_type.uncompared) <= set(body_type.__struct_fields__)


@BY_TYPE
def test_every_type_says_what_happened_and_only_moves_are_steps(body_type: type[Body]) -> None:
    """Each has a short phrase of its own; a type with steps has an effect, which takes them."""
    assert body_type.says is not BodyBase.says
    assert not body_type.steps or body_type.alters is not BodyBase.alters
    assert (FOLD[body_type] is None) == (body_type.posting is None and body_type.alters is BodyBase.alters)


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: type(body).__name__)
def test_columns_are_the_fields_with_kind_and_unit(body: Body) -> None:
    """A column for each field in its order; what holds whole numbers alone has a kind, the rest is plainly named."""
    columns = columns_of(type(body))
    assert tuple(column.name for column in columns) == body.__struct_fields__
    plain = {str: "text", bool: "flag", bytes: "bytes"}
    for column in columns:
        value = getattr(body, column.name)
        if type(value) in plain:
            assert column.kind == plain[type(value)]
        else:
            assert column.kind not in plain.values(), column.name
