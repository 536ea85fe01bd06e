"""How each field of each type of event is compared."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.inputs import TradeExecuted
from deleverage.events.bodies.liquidation import LiquidationOrdered, OrdersCancelled
from deleverage.events.bodies.waterfall import DeleveragingEnded, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.kinds import kinds_of
from deleverage.events.vocabulary import ACCOUNT_FIELDS, BODY_TYPES, Body
from deleverage.replay.diff.fields import SHAPES, Role, role_of
from deleverage.replay.diff.projection import Projection

from .support.examples import EXAMPLES
from .support.made import made
from .support.venue import filled

COUNTING = ("_id", "round", "step", "timer", "seq")
"""How a field is called that is counted within a run."""


def holds_numbers(annotation: Any) -> bool:
    """Whether whole numbers are in it, alone or in tuples, or a struct that an event holds."""
    return annotation is int or annotation is Provenance or any(map(holds_numbers, get_args(annotation)))


def fields_with_numbers() -> list[tuple[type[Body], str]]:
    """Every field of the vocabulary that may be a number for something."""
    return [(kind, field) for kind in BODY_TYPES for field, hint in get_type_hints(kind).items() if holds_numbers(hint)]


def test_every_number_is_of_a_kind() -> None:
    """The declaration of each field with a number says what kind of number it is."""
    assert [f"{kind.__name__}.{field}" for kind, field in fields_with_numbers() if kinds_of(kind)[field] is None] == []
    assert len(fields_with_numbers()) > 100


def test_nothing_that_counts_is_a_figure() -> None:
    """What is called an id, a round, a step or a sequence number is compared as a number only where it is a fact."""
    figures = {
        (kind.__name__, field)
        for kind, field in fields_with_numbers()
        if field.endswith(COUNTING) and role_of(kind, field) is Role.FIGURE
    }
    told = {(kind, field) for kind in ("TradeExecuted", "FillReported") for field in ("trade_id", "order_id")}
    assert figures == {("RunForked", "at_seq"), *told}


def test_accounts_are_accounts() -> None:
    """The roles know exactly the fields of accounts that the vocabulary names, but for the number being declared."""
    for kind in BODY_TYPES:
        known = {field for field in kind.__struct_fields__ if role_of(kind, field) is Role.ACCOUNT}
        declared = {"account"} if kind.__name__ == "AccountOpened" else set()
        assert known == set(ACCOUNT_FIELDS[kind]) - declared


def otherwise(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, bytes):
        return value + b"x"
    if isinstance(value, Provenance):
        return Provenance(value.source, value.row + 1, value.venue_ns)
    return (*value, value[0]) if value else ((1, 2),)


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: type(body).__name__)
def test_what_is_altered_is_found(body: Body) -> None:
    """Each field altered alone is named as changed, unless the table leaves it out; unaltered nothing is."""
    projection, event = Projection([]), Event(7, 5, Origin.DECIDED, 3, (), 0, body)
    assert projection.changed_fields(event, projection, event) == []
    for field in body.__struct_fields__:
        other = msgspec.structs.replace(
            event, body=msgspec.structs.replace(body, **{field: otherwise(getattr(body, field))})
        )
        left_out = role_of(type(body), field) is Role.LEFT_OUT
        assert projection.changed_fields(event, projection, other) == ([] if left_out else [field])
    later = msgspec.structs.replace(event, at_ns=6)
    assert projection.changed_fields(event, projection, later) == ["at_ns"]


def test_every_type_has_a_shape_of_its_own() -> None:
    """Tags differ, and every field is compared or left out."""
    assert len({shape.tag for shape in SHAPES.values()}) == len(BODY_TYPES)
    for kind, shape in SHAPES.items():
        compared = {*shape.figures, *(field for field, _ in shape.looked_up)}
        left_out = {field for field in kind.__struct_fields__ if role_of(kind, field) is Role.LEFT_OUT}
        assert compared | left_out == set(kind.__struct_fields__)
        assert not compared & left_out


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (
            made(
                LiquidationOrdered, liquidation_id=3, order_id=9, account=2, instrument=1, leg=3, size_lots=-8, step=1
            ),
            "leg",
        ),
        (
            filled(2, -8, 1, value_atoms=-8, liquidation_id=3, order_id=9, trade_id=10, instrument=1, leg=3),
            "leg",
        ),
        (DeleveragingEnded(1, "inventory", 3, 2, 1, 3, 16, 15), "leg"),
        (
            made(
                PositionDeleveraged,
                round=1,
                liquidation_id=3,
                against=2,
                against_leg=3,
                account=6,
                instrument=1,
                size_lots=-16,
                price_ticks=1,
                value_atoms=-16,
                rank=1,
                score=1,
            ),
            "against_leg",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_in_the_fund_a_leg_is_a_liquidation(body: Body, field: str) -> None:
    """Where account 2 is the insurance fund its legs stand for liquidations, and are the same with those."""
    renumbered = msgspec.structs.replace(body, liquidation_id=4, **{field: 4})
    event, other = (Event(7, 5, Origin.DECIDED, 3, (), 0, one) for one in (body, renumbered))
    a, b = Projection([2]), Projection([2])
    a._meanings[Role.LIQUIDATION][3] = b._meanings[Role.LIQUIDATION][4] = 2**63
    assert a.changed_fields(event, b, other) == []
    assert field in Projection([]).changed_fields(event, Projection([]), other)


def test_a_traders_leg_is_a_side() -> None:
    """Long is not short, even if there are liquidations of those numbers."""
    body = made(
        TradeExecuted,
        account=5,
        counterparty=6,
        instrument=1,
        leg=1,
        counterparty_leg=2,
        size_lots=-40,
        price_ticks=1,
        value_atoms=-40,
        trade_id=77,
    )
    event, other = (Event(7, 5, Origin.INPUT, None, (), None, msgspec.structs.replace(body, leg=leg)) for leg in (1, 2))
    a = Projection([4])
    a._meanings[Role.LIQUIDATION] |= {1: 2**63, 2: 2**63}
    assert a.changed_fields(event, a, other) == ["leg"]


def test_an_order_that_is_none_is_no_order() -> None:
    """The trader's own orders are cancelled under no order; a forced one's rest under its own."""
    event, other = (Event(7, 5, Origin.DECIDED, 3, (), 0, OrdersCancelled(3, 5, order, 0, "")) for order in (None, 9))
    assert Projection([]).changed_fields(event, Projection([]), other) == ["order_id"]
