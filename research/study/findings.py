"""What a study finds: a line a published figure, each with a verdict.

1. A published figure is as exact as it was printed: `28` stands for anything that rounds to it, `45028665.72` for
   anything within half a cent. Within that the recomputed one agrees.
2. A figure that comes out as published and still says something else than its name, or counts something twice, does
   not merely agree: it is misnamed or double counted. The recomputed value is then what the name promises, and the
   value that comes out as published is kept beside it.
3. What cannot be recomputed says what would be needed. It never gets a value.
4. A figure that nobody published has no difference; it stands beside those it puts into perspective.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from .published import FIGURES, Figure

__all__ = ["Findings", "Line", "Verdict"]


class Verdict(StrEnum):
    """What became of a published figure."""

    AGREES = "agrees"
    DIFFERS = "differs"
    DOUBLE_COUNTED = "double counted"
    MISNAMED = "misnamed"
    OUT_OF_REACH = "out of reach"
    NOT_PUBLISHED = "not published"


class Line(NamedTuple):
    """One figure: as published and as recomputed, either of which may be missing."""

    figure: Figure
    published: Decimal | None
    recomputed: Decimal | None
    verdict: Verdict
    note: str
    as_published: Decimal | None = None

    @property
    def difference(self) -> Decimal | None:
        """Recomputed less published, where there are both."""
        if self.recomputed is None or self.published is None:
            return None
        return self.recomputed - self.published


class Findings:
    """Collects the lines of a study. Every name is one of `published.FIGURES` and comes once."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def figure(self, name: str, recomputed: Decimal | int, note: str = "") -> None:
        """A figure that the files give again, whether it agrees or not."""
        figure = FIGURES[name]
        value = Decimal(recomputed)
        self._add(figure, value, _plain(figure, value), note)

    def cells(self, name: str, holding: tuple[int, int], note: str = "") -> None:
        """A rule that a file's own columns follow: in how many cells, and in how many it should."""
        held, of = holding
        verdict = Verdict.AGREES if held == of else Verdict.DIFFERS
        self.lines.append(Line(FIGURES[name], Decimal(of), Decimal(held), verdict, note))

    def double_counted(self, name: str, as_published: Decimal | int, once: Decimal | int, note: str) -> None:
        """A figure that the files give again, and what is left of it when everything is counted once."""
        self._instead(name, as_published, once, Verdict.DOUBLE_COUNTED, note)

    def misnamed(self, name: str, as_published: Decimal | int, promised: Decimal | int, note: str) -> None:
        """A figure that the files give again under another name, and what its own name promises."""
        self._instead(name, as_published, promised, Verdict.MISNAMED, note)

    def out_of_reach(self, name: str, needed: str) -> None:
        """A figure that the files do not give again, and what would."""
        self._add(FIGURES[name], None, Verdict.OUT_OF_REACH, needed)

    def _instead(self, name: str, as_published: Decimal | int, other: Decimal | int, fault: Verdict, note: str) -> None:
        figure, value = FIGURES[name], Decimal(as_published)
        if _plain(figure, value) is Verdict.AGREES:
            self.lines.append(Line(figure, figure.published, Decimal(other), fault, note, value))
        else:
            self._add(figure, value, Verdict.DIFFERS, "the files do not give this figure again")

    def _add(self, figure: Figure, recomputed: Decimal | None, verdict: Verdict, note: str) -> None:
        self.lines.append(Line(figure, figure.published, recomputed, verdict, note))


def _plain(figure: Figure, recomputed: Decimal) -> Verdict:
    if figure.published is None:
        return Verdict.NOT_PUBLISHED
    return Verdict.AGREES if abs(recomputed - figure.published) <= figure.half_unit else Verdict.DIFFERS
