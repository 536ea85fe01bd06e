"""What became of the invariants that a run declares: how many there are, which were broken, and where first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..events.bodies.invariants import InvariantBroken
from ..events.bodies.run import Producer
from ..events.envelope import Event
from ..events.ledger import Ledger
from ..handlers.invariants.declared import claims_in
from .figures import count

__all__ = ["InvariantFigures"]


class InvariantFigures:
    """Breaks by invariant, with the first event of each; counted by a tap that decides nothing."""

    KINDS = (InvariantBroken,)

    def __init__(self) -> None:
        self._broken: dict[str, tuple[int, int]] = {}

    def take(self, event: Event, _ledger: Ledger) -> None:
        """Count one."""
        body: Any = event.body
        times, first_seq = self._broken.get(body.invariant, (0, event.seq))
        self._broken[body.invariant] = times + 1, first_seq

    def rows(self, producers: Iterable[Producer]) -> Iterator[tuple[str, str]]:
        """Lines of the summary; nothing of a run that declares none."""
        declaring = [one for one in producers if one.slot == "invariants"]
        if not declaring:
            return
        declared = sum(len(claims_in(one.parameters)) for one in declaring)
        yield (
            "invariants",
            f"{declared:,} declared, {f'{len(self._broken):,} broken' if self._broken else 'none broken'}",
        )
        for name, (times, first_seq) in self._broken.items():
            yield "", f"{name}: broken {count(times, 'time')}, first in event {first_seq}"

    def document(self, producers: Iterable[Producer]) -> dict[str, Any]:
        """The same as plain data."""
        declared = {name for one in producers if one.slot == "invariants" for name in claims_in(one.parameters)}
        broken = {name: {"times": times, "first_seq": seq} for name, (times, seq) in sorted(self._broken.items())}
        return {"declared": sorted(declared), "broken": broken}
