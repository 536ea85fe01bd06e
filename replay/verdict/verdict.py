"""The verdict on an incident: how far each published rule explains what was done, and where it first departs.

1. The rule that is judged by is the rulebook's, with its parameters; every other published ranking is held against the
   same fills with its defaults.
2. Candidates are whom the record knows. Whom no file names cannot be due, and is missing in what a rule would have
   done.
"""

from __future__ import annotations

from ...events.errors import QueryError
from ...handlers.adl_engine import AdlEngine
from ...handlers.policies.adl.choices import ADL_POLICIES
from ..importers.audit.audit import audit_of
from ..inferences import inferences_before
from ..rankings import holders_against
from ..reconstructed import check_imported, rulebook_of
from ..run import Run
from ..why.venue.taken_in import files_of
from .fills import ReportedBatch, batches_of
from .parts import AccountShare, RulebookVerdict
from .tally import RuleTally, share_of

__all__ = ["verdict_of"]


def verdict_of(run: Run, rulebook: str | None = None, account: str | None = None) -> RulebookVerdict:
    """The verdict by a rulebook, or that of the record's venue; with what was taken of one account. Raises QueryError.

    O(batches x rules x holders log holders).
    """
    check_imported(run, "deleverage verdict")
    name, _, producer = rulebook_of(run, rulebook)
    asked = None if account is None else run.directory.find_account(account)
    engine = run.build(producer)
    assert isinstance(engine, AdlEngine)
    files, others = files_of(run), [kind for kind in ADL_POLICIES if kind.policy != engine.ranking_policy.policy]
    own = RuleTally(engine.ranking_policy, files)
    tallies = [own, *(RuleTally(kind(kind.Parameters()), files) for kind in others)]
    seen, shares = _Seen(), list[AccountShare]()
    for batch in batches_of(run):
        seen.note(batch)
        for tally in tallies:
            tally.add(batch)
        share = None if asked is None else share_of(batch, asked, own.policy)
        shares += [] if share is None else [share]
    if asked is not None and not shares:
        told = f"nothing was taken of {run.directory.account_name(asked)}, or nothing can be said of it"
        message = f"{run.path}: {told}; ask about one that was deleveraged"
        raise QueryError(message)
    audit = audit_of(run)
    verdicts = [tally.verdict() for tally in tallies]
    return RulebookVerdict(
        run=str(run.path),
        head=run.sealed_head,
        venue=run.started.rulebook,
        rulebook=name,
        fills=seen.fills,
        batches=seen.batches,
        accounts=len(seen.taken),
        rule=verdicts[0],
        others=tuple(sorted(verdicts[1:], key=lambda one: (one.not_tested is not None, -one.followed))),
        others_known=seen.others,
        unknown_balances=len(seen.without_balance),
        unknown_entries=len(seen.without_entry),
        audit_checked=sum(law.checked for law in audit.laws),
        audit_broken=sum(law.broken for law in audit.laws),
        inferred=tuple(inferences_before(run, seen.last_seq)),
        asked=tuple(shares),
    )


class _Seen:
    """What the batches have in all."""

    def __init__(self) -> None:
        self.fills = self.batches = self.others = self.last_seq = 0
        self.taken, self.without_balance = set[int](), set[int]()
        self.without_entry = set[tuple[int, int]]()

    def note(self, batch: ReportedBatch) -> None:
        """Count the next batch: its fills, and whoever held the other side."""
        instrument, taken = batch.started.instrument, {fill.account for fill in batch.fills}
        held = {
            account.account
            for account in holders_against(batch.ledger, instrument, batch.side)
            if account.kind == "user"
        }
        self.fills, self.batches = self.fills + len(batch.fills), self.batches + 1
        self.last_seq = max(self.last_seq, *(fill.seq for fill in batch.fills))
        self.others += len(held - taken)
        self.taken |= taken
        self.without_balance |= held - batch.known.balances
        self.without_entry |= {(one, instrument) for one in held if not batch.known.has_entry(one, instrument)}
