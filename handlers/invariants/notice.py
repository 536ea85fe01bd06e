"""What holds of rules that change."""

from __future__ import annotations

from typing import Any, ClassVar

from ...events.bodies.margin import RulesAnnounced, RulesChanged
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from .invariant import HELD, Break, Invariant, Outcome

__all__ = ["NoticeBeforeARuleChanges"]


class NoticeBeforeARuleChanges(Invariant):
    """A change of the margin rules was announced at least `notice_ns` before it is in force."""

    name: ClassVar[str] = "notice before a rule changes"
    rule: ClassVar[str] = "time of the change - time of its announcement >= notice_ns"
    judges: ClassVar[tuple[type[Body], ...]] = (RulesChanged,)
    notes: ClassVar[tuple[type[Body], ...]] = (RulesAnnounced,)

    def __init__(self, parameters: Any) -> None:
        self._notice_ns = parameters.notice_ns
        self._announced: dict[int, int] = {}

    @property
    def look_back_ns(self) -> int:
        """What was announced before that was announced in time."""
        return int(self._notice_ns)

    def forget(self) -> None:
        """Nothing was announced."""
        self._announced = {}

    def note(self, event: Event) -> None:
        """When it was announced; what was long ago is let go of."""
        since_ns = event.at_ns - self._notice_ns
        self._announced = {seq: at_ns for seq, at_ns in self._announced.items() if at_ns >= since_ns}
        self._announced[event.seq] = event.at_ns

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """By the announcement that the change names."""
        body: Any = event.body
        given_ns = 0
        if body.announced is not None:
            given_ns = event.at_ns - self._announced.get(body.announced, event.at_ns - self._notice_ns)
            if given_ns >= self._notice_ns:
                return HELD
        links = () if body.announced is None else (body.announced,)
        return Break("time", "at least", self._notice_ns, given_ns, body.instrument, None, None, links)
