"""A study for people: a table where the console is wide enough, and a paragraph a figure where it is not.

No figure is cut: on a narrow console the values stand under each other. What is printed of a recomputed value has the
digits of the published one; the JSON has all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from textwrap import wrap

from rich.console import Console

from deleverage.sim.console import print_line

from .arithmetic import exact, rounded
from .findings import Line, Verdict
from .published import SECTIONS, Source
from .study import Study

__all__ = ["print_study"]

_WIDE = 100
_FIGURE_WIDTH = 16
_DIFFERENCE_WIDTH = 14
_VERDICT_WIDTH = max(map(len, Verdict))
_INDENT = "  "
_LABELS = ("published", "recomputed", "difference")
_NOTHING = "-"
_STYLES = {
    Verdict.AGREES: "green",
    Verdict.DIFFERS: "red",
    Verdict.DOUBLE_COUNTED: "red",
    Verdict.MISNAMED: "yellow",
    Verdict.OUT_OF_REACH: "dim",
    Verdict.NOT_PUBLISHED: "dim",
}


def print_study(console: Console, study: Study) -> None:
    """The tally, the figures section by section, and where they were published."""
    sources = _numbered(study.lines)
    print_line(console, f"{study.name}, from {study.folder}", style="bold")
    _print_folded(console, _tally(study.lines), "")
    _print_folded(console, study.caveats, "", style="dim")
    with exact():
        for section, lines in groupby(study.lines, lambda line: line.figure.section):
            print_line(console)
            _print_folded(console, SECTIONS[section], "", style="bold")
            _print_section(console, list(lines), sources)
    print_line(console)
    _print_sources(console, sources)


def _tally(lines: Iterable[Line]) -> str:
    verdicts = Counter(line.verdict for line in lines)
    parts = ", ".join(f"{verdict} {verdicts[verdict]}" for verdict in Verdict if verdicts[verdict])
    return f"{verdicts.total()} figures: {parts}."


def _numbered(lines: Iterable[Line]) -> dict[Source, int]:
    """The sources in the order in which they are cited."""
    cited = dict.fromkeys(line.figure.source for line in lines if line.figure.source is not None)
    return {source: number for number, source in enumerate(cited, 1)}


def _print_section(console: Console, lines: list[Line], sources: dict[Source, int]) -> None:
    wide = console.width >= _WIDE
    if wide:
        _print_row(console, ("figure", *_LABELS, "verdict"), "bold")
    for line in lines:
        remark = _remark(line, sources)
        if wide:
            _print_row(console, (line.figure.what, *_values(line), line.verdict.value), _STYLES[line.verdict])
            _print_folded(console, remark, _INDENT * 2, style="dim")
        else:
            _print_paragraph(console, line, remark)


def _remark(line: Line, sources: dict[Source, int]) -> str:
    """What the figure counts and with what prices, where it was published, and what there is to say of it."""
    figure = line.figure
    cited = "" if figure.source is None else f" [{sources[figure.source]}]"
    again = (
        "" if line.as_published is None else f"as published it comes to {_shown(line.as_published, figure.decimals)}"
    )
    return "; ".join(filter(None, (f"{figure.unit}, {figure.prices}{cited}", again, line.note)))


def _values(line: Line) -> tuple[str, str, str]:
    """Published as it was printed, recomputed and the difference with the decimals of their figure."""
    decimals, published = line.figure.decimals, line.published
    printed = 0 if published is None else -int(published.as_tuple().exponent)
    return (
        _shown(published, min(decimals, max(0, printed))),
        _shown(line.recomputed, decimals),
        _shown(line.difference, decimals),
    )


def _shown(value: Decimal | None, decimals: int) -> str:
    if value is None:
        return _NOTHING
    figure = rounded(value, decimals)
    return f"{figure or abs(figure):,f}"


def _print_row(console: Console, cells: tuple[str, ...], style: str) -> None:
    """A row whose first cell folds between words, under itself; figures beyond their column push the row wider."""
    what_width = console.width - 2 * _FIGURE_WIDTH - _DIFFERENCE_WIDTH - _VERDICT_WIDTH - 4 * len(_INDENT)
    what, published, recomputed, difference, verdict = cells
    first, *others = wrap(what, what_width) or [""]
    figures = f"{published:>{_FIGURE_WIDTH}}  {recomputed:>{_FIGURE_WIDTH}}  {difference:>{_DIFFERENCE_WIDTH}}"
    print_line(console, f"{first:<{what_width}}  {figures}  {verdict}", style)
    for other in others:
        print_line(console, f"{_INDENT}{other}", style)


def _print_paragraph(console: Console, line: Line, remark: str) -> None:
    _print_folded(console, f"{line.figure.what}: {line.verdict}", "", style=_STYLES[line.verdict])
    texts = _values(line)
    width = max(map(len, texts))
    for label, text in zip(_LABELS, texts, strict=True):
        if text != _NOTHING:
            print_line(console, f"{_INDENT}{label:<10}  {text:>{width}}")
    _print_folded(console, remark, _INDENT, style="dim")


def _print_folded(console: Console, text: str, indent: str, style: str = "") -> None:
    for one in wrap(text, max(console.width - len(indent), 20), break_long_words=False, break_on_hyphens=False):
        print_line(console, indent + one, style)


def _print_sources(console: Console, sources: dict[Source, int]) -> None:
    for source, number in sources.items():
        print_line(console, f"[{number}] {source.where}, {source.place}")
