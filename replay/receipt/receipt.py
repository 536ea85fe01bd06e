"""Making a receipt: which events it shows, the rows of the ranking, and their proof.

1. Shown are the event, the causes up to the input that began it, who decides (`RunStarted`, and forks since), and what
   it takes to read the figures: the account's own opening, the instruments and the assets, and of what was taken in
   from a venue's files the file that it was read from.
2. A reduction that a handler decided also brings its round and those whose ranking that one continues, with the rows
   that each digest is over (`rows_behind`). A venue's reported one has no ranking that anything stands for.
3. No other account's events are shown but those that the chain and the rounds consist of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from ...events.bodies.run import SourceOpened
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event, Origin
from ...events.errors import QueryError
from ...events.record import prove_events
from ...events.vocabulary import Body
from ..rankings import round_of
from ..run import Run
from .file import Receipt, RoundRows, account_of
from .standing import rows_behind

__all__ = ["Receipts", "is_ranked", "must_have_head", "receipt_of"]

_Declared = tuple[type[Body], int]


def receipt_of(run: Run, seq: int) -> Receipt:
    """The receipt of event `seq`. Reads what it shows, and for a reduction the state before its ranking began.

    An input has one too: its chain is itself. Raises QueryError if there is no such event or the record is torn,
    RecordDamagedError if the record does not give its own head or digests, ScenarioError if the ranking policy is not
    installed.
    """
    return Receipts(run).of(seq)


class Receipts:
    """Receipts of one record, for which what it declares is read once, as far as it is needed."""

    def __init__(self, run: Run) -> None:
        """Raises QueryError if the record is torn."""
        must_have_head(run)
        self._run, self._left = run, run.events()
        self._assets = dict[int, int]()
        self._declared = dict[_Declared, tuple[int, ...]]()
        """By what is declared and its number, the events that declare it and the asset that it settles in."""

    def of(self, seq: int, rounds: Sequence[RoundRows] | None = None) -> Receipt:
        """The receipt of an event, as `receipt_of` gives it; `rounds` are the rows behind it, if they are at hand."""
        run, event = self._run, self._run.event(seq)
        chain = run.causes(seq)
        if rounds is None:
            rounds = rows_behind(run, round_of(run, event)) if is_ranked(event) else ()
        shown = [*chain, *(run.event(one.started) for one in rounds)]
        seqs = {one.seq for one in shown} | set(_deciding(run, seq)) | set(self._declaring(event, shown))
        proof = prove_events(run.reader, seqs, run.columns.page_roots)
        return Receipt(head=run.head, event=seq, account=account_of(event.body), proof=proof, rounds=tuple(rounds))

    def _declaring(self, event: Event, shown: Sequence[Event]) -> Iterator[int]:
        """The events that declare the account, the instruments and the sources, and the assets of these."""
        account = account_of(event.body)
        wanted: set[_Declared] = {(InstrumentListed, n) for one in shown for n in _instruments_of(one.body)}
        wanted |= {(SourceOpened, n) for one in shown if (n := _source_of(one)) is not None}
        if account is not None:
            wanted.add((AccountOpened, account))
        while not wanted <= self._declared.keys() and self._declare_next():
            pass
        for one in wanted:
            yield from self._declared.get(one, ())

    def _declare_next(self) -> bool:
        """Read on to the next event that declares something; False at the end of the record."""
        for event in self._left:
            body = event.body
            if isinstance(body, AssetListed):
                self._assets[body.asset] = event.seq
            elif isinstance(body, SourceOpened):
                self._declared[SourceOpened, body.source] = (event.seq,)
                return True
            elif isinstance(body, AccountOpened | InstrumentListed):
                number = body.account if isinstance(body, AccountOpened) else body.instrument
                self._declared[type(body), number] = (event.seq, self._assets.get(body.asset, event.seq))
                return True
        return False


def must_have_head(run: Run) -> None:
    """Raise QueryError for a torn record, under which nothing can be proved."""
    if run.torn:
        message = f"{run.path}: torn, it has no head to prove anything under; `deleverage recover {run.path}` seals it"
        raise QueryError(message)


def is_ranked(event: Event) -> bool:
    """Whether an event is a reduction of which the record has the ranking."""
    return isinstance(event.body, PositionDeleveraged) and event.origin is Origin.DECIDED


def _instruments_of(body: Body) -> set[int]:
    """The instruments that an event is about."""
    if isinstance(body, PriceTicked):
        return {instrument for instrument, _ in body.prices}
    instrument: int | None = getattr(body, "instrument", None)
    return set() if instrument is None else {instrument}


def _source_of(event: Event) -> int | None:
    """The file that an imported event was read from."""
    provenance = getattr(event.body, "provenance", None)
    return provenance.source if provenance is not None and event.origin is Origin.IMPORTED else None


def _deciding(run: Run, seq: int) -> Iterator[int]:
    """The events that say who decides at `seq`: the first one, and whatever forked the run since."""
    yield 0
    yield from (fork for fork in run.forks if fork < seq)
