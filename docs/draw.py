"""Draws docs/reference.md from the tables in the code: python docs/draw.py > docs/reference.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from deleverage.events.grounds import Ground
from deleverage.events.kinds import Kind, kinds_of
from deleverage.events.ledger.lifecycle import TRANSITIONS
from deleverage.events.ledger.postings import POSTINGS, Exchange, Payment, Swap
from deleverage.events.vocabulary import BODY_TYPES, PUBLIC_TYPES
from deleverage.handlers.registry import SLOTS, build, producer_of


def first_sentence(thing: object) -> str:
    """The first line of a docstring."""
    return (thing.__doc__ or "").strip().splitlines()[0].replace("|", "\\|")


def described(field: str, kind: Kind | None) -> str:
    """A field with its kind, and whose scale or leg it is, where its name does not say so already."""
    if kind is None or kind.name in (field, field.removesuffix("_id")) or field == "provenance":
        return f"`{field}`"
    whose = f" of `{kind.of}`" if kind.of else ""
    return f"`{field}` ({kind.name}{whose})"


def vocabulary() -> Iterator[str]:
    """Every type of event with tag, fields and their kinds, what it says, and what its decision rests on."""
    yield "A type of event is declared in the file of its group (`events/bodies/`): its fields and their kinds, what"
    yield "its decision rests on, what it moves and changes in the ledger, and what `why` says of it. A new type needs"
    yield "its class there, its name in the group's union at the end of the file, and whoever decides it."
    yield ""
    yield "| tag | event | fields (kind) | says | rests on |"
    yield "|---|---|---|---|---|"
    for kind in BODY_TYPES:
        tag = msgspec.inspect.type_info(kind).tag  # type: ignore[union-attr]
        public = " (public)" if kind in PUBLIC_TYPES else ""
        fields = ", ".join(described(name, of) for name, of in kinds_of(kind).items())
        grounds = ", ".join(ground.name.lower() for ground in kind.grounds)
        yield f"| {tag} | `{kind.__name__}`{public} | {fields} | {first_sentence(kind)} | {grounds} |"


def grounds() -> Iterator[str]:
    """What the last column of the events stands for."""
    yield "| ground | is |"
    yield "|---|---|"
    for ground in Ground:
        yield f"| {ground.name.lower()} | {ground.value} |"


def postings() -> Iterator[str]:
    """Who gives what to whom."""
    yield "| event | moves | from | to |"
    yield "|---|---|---|---|"
    for kind, row in POSTINGS.items():
        if isinstance(row, Payment):
            what = f"`{row.amount}`" + (" less the present balance" if row.stated else "")
            what += f" of `{row.asset}`" if row.asset else ""
            yield f"| `{kind.__name__}` | {what} | {row.payer} | {row.payee} |"
        elif isinstance(row, Exchange):
            what = f"`{row.amount}` of `{row.asset}` for `{row.value}`"
            yield f"| `{kind.__name__}` | {what} | {row.giver} | LIQUIDITY |"
        elif isinstance(row, Swap):
            fee = f", `{row.fee}` of it {'from' if row.fee_back else 'to'} FEES" if row.fee else ""
            what = f"`{row.amount}` of `{row.asset}`{fee}, for `{row.value}` of `{row.value_asset}`"
            yield f"| `{kind.__name__}` | {what} | {row.giver} | {row.taker} |"
        else:
            legs = f"{row.giver} (leg: {row.giver_leg or '0'})", f"{row.taker} (leg: {row.taker_leg})"
            yield f"| `{kind.__name__}` | `{row.size}` worth `{row.value}` | {legs[0]} | {legs[1]} |"


def life_cycle() -> Iterator[str]:
    """The statuses of a margin account and what leads from one to the next."""
    yield "![From healthy over called, liquidating and bankrupt to taken over or deleveraged, and back](life-cycle.svg)"
    yield ""
    yield "| before | event | after |"
    yield "|---|---|---|"
    for (kind, before), after in TRANSITIONS.items():
        yield f"| {before} | `{kind.__name__}` | {after} |"
    yield ""
    yield "Any other pair is a fault. `PositionDeleveraged` moves the account that the reduction was against."


def handlers() -> Iterator[str]:
    """Slots in the order of delivery, their policies, and what each hears."""
    yield "| slot | policy | does | hears |"
    yield "|---|---|---|---|"
    for slot, policies in SLOTS.items():
        for policy, choice in policies.items():
            producer = producer_of(slot, {"policy": policy}, slot)
            if choice is None or producer is None:
                yield f"| {slot} | `{policy}` | leaves the slot empty | |"
                continue
            handler = build(producer)
            described = getattr(handler, "ranking_policy", handler)
            hears = ", ".join(f"`{kind.__name__}`" for kind in handler.subscribes)
            yield f"| {slot} | `{policy}` | {first_sentence(type(described))} | {hears} |"


def page() -> Iterator[str]:
    """The whole page."""
    yield "# Reference"
    yield ""
    yield "Drawn from the tables in the code by `python docs/draw.py`; a test compares the two."
    for title, part in (
        ("Events", vocabulary()),
        ("Grounds", grounds()),
        ("Postings", postings()),
        ("The life cycle of a margin account", life_cycle()),
        ("Handlers, in the order of delivery", handlers()),
    ):
        yield ""
        yield f"## {title}"
        yield ""
        yield from part


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
