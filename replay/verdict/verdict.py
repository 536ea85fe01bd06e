"""The verdict on an incident: how far each published rule explains what was done, and where it first departs.

1. The rule that is judged by is the rulebook's, with its parameters; every other published ranking is held against the
   same fills with its defaults.
2. What a departure cost is against the mark: what the account paid above it, or got below it, less what the rule would
   have cost it in that batch. Where the lots that the rule takes of it are not certain, that is a range.
3. Candidates are whom the record knows. Whom no file names cannot be due, and is missing in what a rule would have
   done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ...events.errors import QueryError
from ...handlers.adl_engine import AdlEngine
from ...handlers.policies.adl.choices import ADL_POLICIES
from ...handlers.policies.ranking import RankingPolicy
from ...sim.quantities import SCORES, Quantity, encoded
from ..importers.audit.audit import audit_of
from ..inferences import Inference, inferences_before
from ..rankings import holders_against
from ..reconstructed import check_imported, rulebook_of
from ..run import Run
from ..why.names import RunNames
from ..why.venue.taken_in import files_of
from .contenders import Contender, planned
from .fills import DeleveragedFill, ReportedBatch, batches_of
from .judging import Departed, Judged, Kind, Untested, judge

__all__ = ["AccountShare", "Departure", "RuleVerdict", "RulebookVerdict", "verdict_document", "verdict_of"]


class Departure(msgspec.Struct, frozen=True):
    """The first fill that the rule does not take.

    `kind` is `account` (another one was due), `no candidate` (the rule never takes it), `amount` or `price`. `took` is
    what was taken of `account` by then, `due` whom the rule takes, `due_size` how much of it; the scores are the least
    and the greatest that the data allow, one where they are known. `cost` is what it cost `account` against the mark,
    at the least and at the most, below zero where it gained.
    """

    fill: int
    seq: int
    at_ns: int
    file: str | None
    line: int | None
    kind: Kind
    account: str
    took: Quantity
    score: tuple[Quantity, ...]
    due: str | None
    due_size: Quantity
    due_score: tuple[Quantity, ...]
    price: Quantity
    due_price: Quantity
    cost: tuple[Quantity, Quantity]


class AccountShare(msgspec.Struct, frozen=True):
    """What was taken of an account in one batch, and what the rule takes of it there, at the least and at the most.

    `cost` is what the difference cost it against the mark, in the same two cases, below zero where it gained.
    """

    account: str
    seqs: tuple[int, ...]
    at_ns: int
    took: Quantity
    rule_takes: tuple[Quantity, Quantity]
    cost: tuple[Quantity, Quantity]


class RuleVerdict(msgspec.Struct, frozen=True):
    """How far one rule goes: `followed` fills before the first departure, in the order of the record.

    Of these `ties` are of accounts with one score, `room` are its own only within what the data leave open. `batches`
    follow to their ends, of `tested_batches`. `not_tested` says why there is nothing to say.
    """

    policy: str
    version: str
    formula: str
    source: str
    not_tested: str | None
    followed: int
    ties: int
    room: int
    batches: int
    tested_batches: int
    departure: Departure | None


class RulebookVerdict(msgspec.Struct, frozen=True):
    """The whole of it; `rule` is the rulebook's, `others` the other published rankings, those that go furthest first.

    `unknown_balances` and `unknown_entries` count accounts that could have been taken; `others_known` whoever held the
    other side and was not taken; `audit_broken` of `audit_checked` checks of `deleverage audit` fail. `asked` is what
    was taken of an account that was asked about.
    """

    run: str
    head: str | None
    venue: str
    rulebook: str
    fills: int
    batches: int
    accounts: int
    rule: RuleVerdict
    others: tuple[RuleVerdict, ...]
    others_known: int
    unknown_balances: int
    unknown_entries: int
    audit_checked: int
    audit_broken: int
    inferred: tuple[Inference, ...]
    asked: tuple[AccountShare, ...] = ()


def verdict_of(run: Run, rulebook: str | None = None, account: str | None = None) -> RulebookVerdict:
    """The verdict by a rulebook, or that of the record's venue; with what was taken of one account. Raises QueryError.

    O(batches x rules x holders log holders).
    """
    check_imported(run, "deleverage verdict")
    name, _, producer = rulebook_of(run, rulebook)
    asked = None if account is None else run.directory.find_account(account)
    engine = run.build(producer)
    assert isinstance(engine, AdlEngine)
    batches = batches_of(run)
    court = _Court(run, batches)
    own = court.rule(engine.ranking_policy)
    defaults = (kind(kind.Parameters()) for kind in ADL_POLICIES if kind.policy != own.policy)
    others = sorted(map(court.rule, defaults), key=lambda one: (one.not_tested is not None, -one.followed))
    taken = {(place, fill.account) for place, batch in enumerate(batches) for fill in batch.fills}
    held, audit = court.holders(), audit_of(run)
    return RulebookVerdict(
        run=str(run.path),
        head=run.sealed_head,
        venue=run.started.rulebook,
        rulebook=name,
        fills=batches[-1].fills[-1].number,
        batches=len(batches),
        accounts=len({account for _, account in taken}),
        rule=own,
        others=tuple(others),
        others_known=len(held - taken),
        unknown_balances=len({a for place, a in held if a not in batches[place].known.balances}),
        unknown_entries=len(
            {a for place, a in held if not batches[place].known.has_entry(a, batches[place].started.instrument)}
        ),
        audit_checked=sum(law.checked for law in audit.laws),
        audit_broken=sum(law.broken for law in audit.laws),
        asked=() if asked is None else tuple(court.shares(engine.ranking_policy, asked)),
        inferred=tuple(inferences_before(run, batches[-1].fills[-1].seq)),
    )


def verdict_document(found: RulebookVerdict) -> bytes:
    """It as JSON, with the names of the fields above, which are stable."""
    return msgspec.json.format(msgspec.json.encode(found, enc_hook=encoded))


class _Court:
    """The batches of a run, with what their names and files are."""

    def __init__(self, run: Run, batches: Sequence[ReportedBatch]) -> None:
        self._batches, self._files = batches, files_of(run)

    def holders(self) -> set[tuple[int, int]]:
        """(batch, account) of whoever held the other side."""
        return {
            (place, account.account)
            for place, batch in enumerate(self._batches)
            for account in holders_against(batch.ledger, batch.started.instrument, batch.side)
            if account.kind == "user"
        }

    def rule(self, policy: RankingPolicy) -> RuleVerdict:
        """All batches under one rule."""
        found = [judge(batch, policy) for batch in self._batches]
        tested = [(batch, one) for batch, one in zip(self._batches, found, strict=True) if isinstance(one, Judged)]
        followed = ties = room = 0
        departure: Departure | None = None
        for batch, one in tested:
            followed, ties, room = followed + one.followed, ties + one.ties, room + one.room
            if one.departed is not None:
                departure = self._departure(batch, one, one.departed, policy)
                break
        reasons = [one.reason for one in found if isinstance(one, Untested)]
        return RuleVerdict(
            policy=policy.policy,
            version=policy.version,
            formula=policy.formula,
            source=str(getattr(policy, "source", "")),
            not_tested=None if tested else reasons[0],
            followed=followed,
            ties=ties,
            room=room,
            batches=sum(one.departed is None for _, one in tested),
            tested_batches=len(tested),
            departure=departure,
        )

    def shares(self, policy: RankingPolicy, account: int) -> Iterator[AccountShare]:
        """What was taken of an account in each batch, and what the rule takes. Raises QueryError where nothing was."""
        found = False
        for batch in self._batches:
            fills = [fill for fill in batch.fills if fill.account == account]
            one = judge(batch, policy) if fills else None
            if isinstance(one, Judged):
                found = True
                yield _share(batch, one, fills, policy)
        if not found:
            name = self._batches[0].ledger.account_names[account]
            message = f"nothing was taken of {name}, or nothing can be said of it; ask about one that was deleveraged"
            raise QueryError(message)

    def _departure(self, batch: ReportedBatch, one: Judged, departed: Departed, policy: RankingPolicy) -> Departure:
        names, fill, instrument = RunNames(batch.ledger), departed.fill, batch.started.instrument
        due = departed.due
        place = self._files.get(-1 if fill.source is None else fill.source)
        own = next((contender for contender in one.contenders if contender.account == fill.account), None)
        least, most = _cost_atoms(batch, one, departed, policy)
        return Departure(
            fill=fill.number,
            seq=fill.seq,
            at_ns=batch.at_ns,
            file=None if place is None else place.name,
            line=fill.line,
            kind=departed.kind,
            account=names.account(fill.account),
            took=names.size_of(instrument, departed.took_lots),
            score=_scores(own),
            due=None if due is None else names.account(due.account),
            due_size=names.size_of(instrument, departed.due_lots),
            due_score=_scores(due),
            price=names.price_of(instrument, fill.price_ticks),
            due_price=names.price_of(instrument, batch.price_ticks),
            cost=(names.value_of(instrument, least), names.value_of(instrument, most)),
        )


def _share(batch: ReportedBatch, one: Judged, fills: Sequence[DeleveragedFill], policy: RankingPolicy) -> AccountShare:
    names, instrument = RunNames(batch.ledger), batch.started.instrument
    lots = sum(fill.lots for fill in fills)
    taken = sum(_above_mark(batch, fill.lots, fill.price_ticks) for fill in fills)
    due = _due_of(batch, one, fills[0], policy)
    costs = [taken - _above_mark(batch, each, batch.price_ticks) for each in due]
    return AccountShare(
        account=names.account(fills[0].account),
        seqs=tuple(fill.seq for fill in fills),
        at_ns=batch.at_ns,
        took=names.size_of(instrument, lots),
        rule_takes=(names.size_of(instrument, due[0]), names.size_of(instrument, due[-1])),
        cost=(names.value_of(instrument, min(costs)), names.value_of(instrument, max(costs))),
    )


def _scores(contender: Contender | None) -> tuple[Quantity, ...]:
    if contender is None:
        return ()
    return tuple(Quantity(score, SCORES) for score in dict.fromkeys((contender.score_least, contender.score_most)))


def _cost_atoms(batch: ReportedBatch, one: Judged, departed: Departed, policy: RankingPolicy) -> tuple[int, int]:
    """What the departure cost the account that was taken, against the mark, at the least and at the most."""
    fill, price_ticks = departed.fill, batch.price_ticks
    taken = _above_mark(batch, departed.took_lots, fill.price_ticks)
    if departed.kind in ("price", "amount"):
        due = _above_mark(batch, departed.due_lots, price_ticks)
        return taken - due, taken - due
    lots = _due_of(batch, one, fill, policy)
    costs = [taken - _above_mark(batch, each, price_ticks) for each in lots]
    return min(costs), max(costs)


def _above_mark(batch: ReportedBatch, lots: int, price_ticks: int) -> int:
    """What so many lots cost whoever is made to close them, against the mark."""
    market, size_lots = batch.ledger.markets[batch.started.instrument], batch.side * lots
    return market.payoff.value_atoms(size_lots, price_ticks) - market.payoff.value_atoms(size_lots, market.mark_ticks)


def _due_of(batch: ReportedBatch, one: Judged, fill: DeleveragedFill, policy: RankingPolicy) -> tuple[int, ...]:
    """The lots that the rule takes of an account in the whole batch: one number, or the least and the most."""
    if not all(contender.is_exact for contender in one.contenders):
        most = (contender.lots_most for contender in one.contenders if contender.account == fill.account)
        return 0, min(batch.lots, next(most, 0))
    plan = planned(batch, policy, one.contenders)
    return (sum(lots for contender, lots in plan.items() if contender.account == fill.account),)
