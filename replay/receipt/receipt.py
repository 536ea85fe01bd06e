"""Making a receipt: which events it shows, the rows of the ranking, and their proof.

1. Shown are the event, the causes up to the input that began it, who decides (`RunStarted`, and forks since), and what
   it takes to read the figures: the account's own opening, the instruments and the assets.
2. A reduction also brings its round and those whose ranking that one continues, with the rows that each digest is over
   (`rows.py`).
3. No other account's events are shown but those that the chain and the rounds consist of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.record import prove_events
from ...events.vocabulary import Body
from ..rankings import round_of
from ..run import Run
from .file import Receipt, account_of
from .standing import rows_behind

__all__ = ["receipt_of"]


def receipt_of(run: Run, seq: int) -> Receipt:
    """The receipt of event `seq`. Reads what it shows, and for a reduction the state before its ranking began.

    An input has one too: its chain is itself. Raises QueryError if there is no such event or the record is torn,
    RecordDamagedError if the record does not give its own head or digests, ScenarioError if the ranking policy is not
    installed.
    """
    if run.torn:
        message = f"{run.path}: torn, it has no head to prove anything under; `deleverage recover {run.path}` seals it"
        raise QueryError(message)
    event = run.event(seq)
    chain = run.causes(seq)
    rounds = rows_behind(run, round_of(run, event)) if isinstance(event.body, PositionDeleveraged) else ()
    shown = [*chain, *(run.event(one.started) for one in rounds)]
    seqs = {one.seq for one in shown} | set(_deciding(run, seq)) | set(_declaring(run, event, shown))
    proof = prove_events(run.reader, seqs, run.columns.page_roots)
    return Receipt(head=run.head, event=seq, account=account_of(event.body), proof=proof, rounds=rounds)


def _instruments_of(body: Body) -> set[int]:
    """The instruments that an event is about."""
    if isinstance(body, PriceTicked):
        return {instrument for instrument, _ in body.prices}
    instrument: int | None = getattr(body, "instrument", None)
    return set() if instrument is None else {instrument}


def _deciding(run: Run, seq: int) -> Iterator[int]:
    """The events that say who decides at `seq`: the first one, and whatever forked the run since."""
    yield 0
    yield from (fork for fork in run.forks if fork < seq)


def _declaring(run: Run, event: Event, shown: Iterable[Event]) -> Iterator[int]:
    """The events that declare the account and the instruments, and the assets that these settle in."""
    account = account_of(event.body)
    missing: set[tuple[type[Body], int]] = {(InstrumentListed, n) for one in shown for n in _instruments_of(one.body)}
    if account is not None:
        missing.add((AccountOpened, account))
    assets: dict[int, int] = {}
    for declared in run.events() if missing else ():
        body = declared.body
        if isinstance(body, AssetListed):
            assets[body.asset] = declared.seq
        elif isinstance(body, AccountOpened | InstrumentListed):
            number = body.account if isinstance(body, AccountOpened) else body.instrument
            if (type(body), number) in missing:
                missing.remove((type(body), number))
                yield from (declared.seq, assets.get(body.asset, declared.seq))
        if not missing:
            return
