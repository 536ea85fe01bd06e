"""The whole batch of a venue: every round of one instant, each fill with what was held before and after it.

1. Fills stand in the order of the record, in a round that of its file; `line` is where the file has them.
2. A file whose lines are not in order of time was sorted by something else, so its order within an instant is not the
   venue's: `disorder` names two lines that show it, looked for among the reductions near the batch.
3. An account that gave several times in a round counts once: from what it held at first, with all that it gave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import msgspec

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import FillReported
from ....events.bodies.run import SourceOpened
from ....events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ....events.envelope import Event
from ....sim.figures import count, percent
from ....sim.quantities import Quantity
from ...run import Run
from ..names import RunNames
from .taken_in import files_of

__all__ = ["Batch", "BatchFill", "BatchRound", "Closed", "batch_of", "closed_of"]

_NEAR = 1 << 12


class BatchFill(msgspec.Struct, frozen=True):
    """One reduction. `before` and `after` are what the venue reports of the position; None where it does not."""

    seq: int
    file: str | None
    line: int | None
    round: int
    rank: int
    account: int
    name: str
    size: Quantity
    price: Quantity
    value: Quantity
    before: Quantity | None
    after: Quantity | None


class BatchRound(msgspec.Struct, frozen=True):
    """One round: what was closed of whom, and what its fills come to; `to_close` is what the round itself says."""

    round: int
    started_seq: int
    against: str
    instrument: str
    fills: int
    accounts: int
    to_close: Quantity
    size: Quantity
    value: Quantity


class Closed(msgspec.Struct, frozen=True):
    """How many accounts of a round were closed whole, in part, or as far as nobody says; `text` is what that shows.

    `pattern` is `one`, `unknown`, `all_whole`, `last_in_part`, `earlier_in_part`, `equal_shares`, `unequal_shares`, or
    `one_in_part` where the order of the file is not the venue's.
    """

    pattern: str
    whole: int
    in_part: int
    unknown: int
    text: str


class Batch(msgspec.Struct, frozen=True):
    """All rounds of the instant; `round` is the one that is asked about. `shown_whole` is what a person asked for."""

    round: int
    disorder: tuple[int, int] | None
    rounds: tuple[BatchRound, ...]
    fills: tuple[BatchFill, ...]
    closed: Closed
    shown_whole: bool = False

    @property
    def own(self) -> BatchRound:
        """The round that is asked about."""
        return next(one for one in self.rounds if one.round == self.round)


def batch_of(run: Run, started: Event, names: RunNames) -> Batch:
    """The batch that a round belongs to; reads the events of its instant."""
    assert isinstance(started.body, DeleveragingStarted)
    span = run.first_at(started.at_ns), run.first_at(started.at_ns + 1)
    rounds, fills, files = list[tuple[int, DeleveragingStarted]](), list[BatchFill](), files_of(run)
    for event in run.events(*span):
        if isinstance(event.body, DeleveragingStarted):
            rounds.append((event.seq, event.body))
        elif isinstance(event.body, PositionDeleveraged):
            fills.append(_fill(run, event, event.body, files, names))
    number = started.body.round
    own = [fill for fill in fills if fill.round == number]
    found = tuple(_round(seq, body, fills, names) for seq, body in rounds)
    disorder = _disorder(run, span, own)
    closed = closed_of(own, started.body.instrument, names, in_order=disorder is None)
    return Batch(number, disorder, found, tuple(fills), closed)


def _disorder(run: Run, span: tuple[int, int], own: list[BatchFill]) -> tuple[int, int] | None:
    """A line of another instant and one of the round that stand the wrong way round in their file."""
    lines: dict[int, list[int]] = {}
    for place in (_provenance(run.event(fill.seq)) for fill in own):
        if place is not None:
            lines.setdefault(place.source, []).append(place.row)
    for event in run.events(max(span[0] - _NEAR, 0), span[0]):
        place = _provenance(event)
        if place is not None and place.row > min(lines.get(place.source, [place.row])):
            return place.row, min(lines[place.source])
    for event in run.events(span[1], min(span[1] + _NEAR, run.count)):
        place = _provenance(event)
        if place is not None and place.row < max(lines.get(place.source, [place.row])):
            return place.row, max(lines[place.source])
    return None


def _provenance(event: Event) -> Provenance | None:
    return event.body.provenance if isinstance(event.body, PositionDeleveraged) else None


def _fill(
    run: Run, event: Event, body: PositionDeleveraged, files: Mapping[int, SourceOpened], names: RunNames
) -> BatchFill:
    place = body.provenance
    reports = [one.body for one in map(run.event, event.links) if isinstance(one.body, FillReported)]
    before = next((one.start_lots for one in reports if one.account == body.account), None)
    return BatchFill(
        seq=event.seq,
        file=None if place is None or place.source not in files else files[place.source].name,
        line=None if place is None else place.row,
        round=body.round,
        rank=body.rank,
        account=body.account,
        name=names.account(body.account),
        size=names.size_of(body.instrument, body.size_lots),
        price=names.price_of(body.instrument, body.price_ticks),
        value=names.value_of(body.instrument, abs(body.value_atoms)),
        before=None if before is None else names.size_of(body.instrument, before),
        after=None if before is None else names.size_of(body.instrument, before + body.size_lots),
    )


def _round(seq: int, body: DeleveragingStarted, fills: Iterable[BatchFill], names: RunNames) -> BatchRound:
    own = [fill for fill in fills if fill.round == body.round]
    return BatchRound(
        round=body.round,
        started_seq=seq,
        against=names.account(body.account),
        instrument=names.instrument(body.instrument),
        fills=len(own),
        accounts=len({fill.account for fill in own}),
        to_close=names.size_of(body.instrument, abs(body.size_lots)),
        size=names.size_of(body.instrument, sum(abs(fill.size.number) for fill in own)),
        value=names.value_of(body.instrument, sum(fill.value.number for fill in own)),
    )


class _Gave(msgspec.Struct):
    """What an account gave of what it held, without signs; `last_fill` is where it gave last."""

    name: str
    held_lots: int | None
    last_fill: BatchFill
    lots: int = 0

    @property
    def is_whole(self) -> bool:
        return self.held_lots is not None and self.lots >= self.held_lots


def closed_of(fills: Iterable[BatchFill], instrument: int, names: RunNames, *, in_order: bool = True) -> Closed:
    """What the fills of one round show of how it was shared out; their order only where it is the venue's."""
    gave: dict[int, _Gave] = {}
    for fill in fills:
        held = None if fill.before is None else abs(fill.before.number)
        one = gave.setdefault(fill.account, _Gave(fill.name, held, fill))
        one.lots += abs(fill.size.number)
        one.last_fill = fill
    ordered = sorted(gave.values(), key=lambda one: one.last_fill.rank)
    unknown = sum(one.held_lots is None for one in ordered)
    in_part = [one for one in ordered if one.held_lots is not None and not one.is_whole]
    pattern = _pattern(ordered, in_part, unknown)
    if not in_order and pattern in ("last_in_part", "earlier_in_part"):
        pattern = "one_in_part"
    text = " ".join(_told(pattern, ordered, in_part, instrument, names))
    return Closed(pattern, len(ordered) - unknown - len(in_part), len(in_part), unknown, text)


def _pattern(ordered: list[_Gave], in_part: list[_Gave], unknown: int) -> str:
    if unknown:
        return "unknown"
    if len(ordered) < 2:  # noqa: PLR2004 - one alone has no order
        return "one"
    if not in_part:
        return "all_whole"
    if len(in_part) == 1:
        return "last_in_part" if in_part[0] is ordered[-1] else "earlier_in_part"
    return "equal_shares" if len(in_part) == len(ordered) and _is_one_share(ordered) else "unequal_shares"


def _is_one_share(ordered: list[_Gave]) -> bool:
    """Whether one share of all that was held gives each account's lots to less than a lot."""
    known = [(one.lots, one.held_lots) for one in ordered if one.held_lots]
    return max(Fraction(lots - 1, held) for lots, held in known) < min(Fraction(lots + 1, held) for lots, held in known)


def _told(pattern: str, ordered: list[_Gave], in_part: list[_Gave], instrument: int, names: RunNames) -> Iterator[str]:
    """What was closed whole and in part, and what follows from it for a queue and for equal shares."""
    whole = len(ordered) - len(in_part)
    if pattern == "unknown":
        missing = sum(one.held_lots is None for one in ordered)
        yield (
            f"Of {missing:,} of {count(len(ordered), 'account')} the files do not say what it held before, so whether "
            "all but the last were closed whole, as a queue does, cannot be told."
        )
    elif pattern == "one":
        yield "Only one account was taken, which says nothing about an order."
    elif pattern == "all_whole":
        yield (
            f"All {len(ordered):,} accounts were closed whole. A queue in any order can do that, and so can equal "
            "shares that take everything: it says nothing about the order."
        )
    elif pattern == "one_in_part":
        yield (
            f"Of the {len(ordered):,} accounts all but one were closed whole, and one in part ({in_part[0].name}), as "
            "a queue leaves it. The file is not in the venue's order, so it does not show whether it was the last."
        )
    elif pattern in ("last_in_part", "earlier_in_part"):
        yield from _one_in_part(ordered, in_part[0], instrument, names)
    else:
        shares = sorted(Fraction(one.lots, one.held_lots) for one in in_part if one.held_lots)
        least, most = (_percent(share.numerator, share.denominator) for share in (shares[0], shares[-1]))
        if pattern == "equal_shares":
            yield (
                f"Each of the {len(ordered):,} accounts gave the same share of what it held, to less than a lot "
                f"({least} to {most}): that is sharing out in proportion to size, and no queue, which would close all "
                "but the last whole."
            )
        else:
            yield (
                f"Closed whole: {whole:,} of {len(ordered):,} accounts; in part: {len(in_part):,}, which gave {least} "
                f"to {most} of what they held. That is neither a queue, which would close all but the last whole, nor "
                "equal shares."
            )


def _one_in_part(ordered: list[_Gave], part: _Gave, instrument: int, names: RunNames) -> Iterator[str]:
    """A queue leaves one account in part, its last: whether it is the last of the file."""
    fill, held = part.last_fill, part.held_lots or 0
    place = ordered.index(part) + 1
    share = _percent(part.lots, held)
    left = names.units(instrument, held - part.lots)
    figures = (
        f"{names.units(instrument, part.lots)} of {names.size(instrument, held)}, {share}, with {left} left: event "
        f"{fill.seq}"
    )
    if part is ordered[-1]:
        yield (
            f"Of the {len(ordered):,} accounts in the order of the file all but the last were closed whole, and the "
            f"last in part ({part.name}, {figures})."
        )
        yield (
            "A queue that is worked off in this order ends like this, equal shares do not. If the one closed in part "
            f"stood at a random place, it would be the last with a chance of 1 in {len(ordered):,}."
        )
    else:
        yield (
            f"Of the {len(ordered):,} accounts all but one were closed whole, and one in part: number {place:,} in the "
            f"order of the file ({part.name}, {figures})."
        )
        yield (
            f"A queue that is worked off in this order would have closed it whole before the {len(ordered) - place:,} "
            "after it: the order of the file is not that of a queue, or the venue did not queue."
        )


def _percent(part: int, whole: int) -> str:
    return percent(part, whole).removeprefix("+")
