"""A fork held against its parent, for the page: what was set otherwise, what it came to in both, who gained and lost.

All of it is the answer of `deleverage diff`, the parent first.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ....events.bodies.run import RunForked
from ....events.errors import QueryError
from ....sim.figures import count
from ....sim.quantities import Quantity, amount_scale, amount_scale_of
from ...diff.difference import AccountDifference, Difference, diff
from ...run import Run
from ...timeline import Timeline
from ...timeline.timeline import timeline_of
from ...why.page.blocks import Block, Prose, Table
from ..sections import sums_of
from .reading import STEPS_MOST

__all__ = ["Against", "against_parent"]

_PEOPLE_MOST = 10


class Against(msgspec.Struct, frozen=True):
    """What stands in the page of a fork about its parent."""

    parent: str
    timeline: Timeline
    blocks: tuple[Block, ...]


def against_parent(run: Run, parent: Run) -> Against:
    """Compare; both records are read twice. Raises QueryError where the run was not forked from that parent."""
    bodies = [event.body for event in map(run.event, run.forks)]
    fork = next((one for one in bodies if isinstance(one, RunForked) and one.parent_head.hex() == parent.head), None)
    if fork is None:
        message = f"{parent.path}: {run.path} was not forked from it; name the record that it was forked from"
        raise QueryError(message)
    found = diff(parent, run)
    return Against(str(parent.path), timeline_of(parent, steps_most=STEPS_MOST), tuple(_blocks(found, fork)))


def _blocks(found: Difference, fork: RunForked) -> Iterator[Block]:
    told = ", ".join(f"{key} = {value}" for key, value in fork.changes) or "nothing"
    yield Prose(f"This run left its parent before event {fork.at_seq}, with this changed: {told}.")
    yield Prose(f"The head of the parent is {found.a.head}.")
    for one in found.assets:
        if one.a is not None and one.b is not None and (one.a.liquidations or one.b.liquidations):
            scale = amount_scale_of(one.asset.name, one.asset.decimals)
            pairs = zip(sums_of(one.a, scale), sums_of(one.b, scale), strict=True)
            rows = [(what.partition(", ")[0] if what != other else what, a, b) for (what, a), (other, b) in pairs]
            yield Table((one.asset.name, "parent", "this run"), tuple(rows))
    gained = [one for one in found.accounts if one.kind == "user" and one.gain_atoms]
    gained.sort(key=lambda one: (-abs(one.gain_atoms or 0), one.name))
    yield Prose(f"{count(len(gained), 'account')} fared otherwise; those that did most:")
    fared = [(one.name, _gain(found, one)) for one in gained[:_PEOPLE_MOST]]
    if fared:
        yield Table(("account", "gained (-: lost) by the change"), tuple(fared))


def _gain(found: Difference, one: AccountDifference) -> str:
    asset = next(asset for asset in found.ended_a.ledger.assets if asset.name == one.asset)
    return f"{Quantity(one.gain_atoms or 0, amount_scale(asset)).signed} {one.asset}"
