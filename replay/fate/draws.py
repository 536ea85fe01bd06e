"""One draw: the run taken up at an instant with the unseen drawn anew, driven until what is watched for is decided.

1. What comes is noted with its time after the instant; what an account is in already (a liquidation) came at once.
2. A draw goes on until all that is watched for came, or until the account has nothing left that could be taken: no
   position and no liquidation, in a run in which nobody but the venue trades for it; or to the horizon.
3. Handlers are built and primed once for each instant. A draw is a child forked off there (`replay/studies.py`).
"""

from __future__ import annotations

import msgspec

from ...events.bodies.liquidation import LiquidationEnded, LiquidationStarted
from ...events.bodies.waterfall import PositionDeleveraged, ShortfallDeclared
from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.ledger.ordering import RECORDED
from ...events.vocabulary import Body
from ...sim.units import format_time_ns
from ..fork.changes import Changes
from ..fork.fork import Fork, NoSink
from ..run import Run
from ..why.again.trials import driven_until
from .processes import Processes
from .question import FateInstant, FateQuestion, seeds_of

__all__ = ["Draw", "DrawOutcome", "LiquidatedInDraw", "StoodThen"]

_TRADING = frozenset(("crowd", "strategist", "dealers", "orders", "makers", "arbitrage", "hedgers", "borrowers"))
"""Slots of those who may open a position anew."""


class Draw(msgspec.Struct, frozen=True):
    """A draw of an instant by its number, and what is changed there beforehand."""

    number: int
    changes: Changes = Changes()


class DrawOutcome(msgspec.Struct, frozen=True, array_like=True):
    """How long after the instant each thing watched for came first, in nanoseconds; None where it did not."""

    after_ns: tuple[int | None, ...]


class LiquidatedInDraw(msgspec.Struct, frozen=True, array_like=True):
    """Whose liquidation began within the horizon, in the order of their numbers."""

    accounts: tuple[int, ...]


class StoodThen:
    """A run at an instant, its handlers built and primed, with the process there: one draw can be made from it."""

    def __init__(self, run: Run, question: FateQuestion, instant: FateInstant, processes: Processes) -> None:
        """Costs the state there and a look at every account. Raises QueryError or ScenarioError as `Fork` does."""
        self._run, self._question, self._instant = run, question, instant
        self._process, self._told = processes.at(instant), processes.told
        self._fork = Fork(run, instant.seq)
        if question.account is not None and question.account >= len(self._fork.ledger.accounts):
            name, at = run.directory.account_name(question.account), format_time_ns(instant.at_ns)
            message = f"{name} is not open yet at {at}; give --from a later point"
            raise QueryError(message)
        self._resumption = self._fork.resumption(NoSink())
        self._resumption.prepare()

    def changes(self, draw: Draw) -> Changes:
        """All that a draw changes: what `deleverage fork` would record of it."""
        _, seed = seeds_of(self._run, self._instant, draw.number)
        answers, order = seed if self._question.answers else None, f"fate-{seed}" if self._question.order else RECORDED
        return msgspec.structs.replace(draw.changes, prices=self._told, answers_seed=answers, order=order)

    def perform(self, draw: Draw) -> DrawOutcome:
        """Draw, and go on from there."""
        fork = self._drawn(draw)
        watch = _Watch(self._question, self._instant, fork)
        if not watch.decided:
            driven_until(fork, self._resumption, watch.kinds, watch.take, self._instant.until_ns)
        return DrawOutcome(tuple(watch.after_ns))

    def liquidated(self, draw: Draw) -> LiquidatedInDraw:
        """Draw, and go on to the horizon: who is liquidated of all accounts."""
        found = set[int]()

        def take(event: Event) -> bool:
            assert isinstance(event.body, LiquidationStarted)
            found.add(event.body.account)
            return False

        driven_until(self._drawn(draw), self._resumption, (LiquidationStarted,), take, self._instant.until_ns)
        return LiquidatedInDraw(tuple(sorted(found)))

    def _drawn(self, draw: Draw) -> Fork:
        """The fork, with all that a draw changes."""
        self._fork.change(self.changes(draw))
        seed, _ = seeds_of(self._run, self._instant, draw.number)
        self._fork.follow_instead(self._process.inputs(seed))
        return self._fork


class _Watch:
    """Notes what comes first of each kind."""

    kinds: tuple[type[Body], ...]

    def __init__(self, question: FateQuestion, instant: FateInstant, fork: Fork) -> None:
        self._account, self._since_ns, self._ledger = question.account, instant.at_ns, fork.ledger
        self.kinds = (ShortfallDeclared, PositionDeleveraged)
        self.after_ns: list[int | None] = [None, None]
        self._stays = False
        if question.account is not None:
            self.kinds = (LiquidationStarted, PositionDeleveraged, LiquidationEnded)
            account = fork.ledger.accounts[question.account]
            self.after_ns[0] = None if account.liquidation_id is None else 0
            slots = {producer.slot for producer in fork.ledger.producers}
            self._stays = question.process != "recorded" and not slots & _TRADING

    @property
    def decided(self) -> bool:
        """Whether nothing more can come that is watched for."""
        if None not in self.after_ns:
            return True
        if self._account is None or not self._stays:
            return False
        account = self._ledger.accounts[self._account]
        return not account.positions and account.liquidation_id is None

    def take(self, event: Event) -> bool:
        """The next event of these kinds; whether that decides it."""
        body = event.body
        if self._account is not None and getattr(body, "account", None) != self._account:
            return False
        place = self.kinds.index(type(body))
        if place < len(self.after_ns) and self.after_ns[place] is None:
            self.after_ns[place] = event.at_ns - self._since_ns
        return self.decided
