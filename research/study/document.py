"""A study as JSON. Its names are stable.

- `study`, `data`, `caveats`: the study's name, the folder of its files, and what a reader of its figures must know.
- `files`: for each, its `name`, `sha256` as on disk, and `rows`.
- `verdicts`: how many lines have each verdict.
- `lines`: for each figure its `name` (stable, `section.figure`), `section`, `what`, `unit` (what is counted), `prices`
  (`no prices`, `prices as traded` or `prices held`), `published`, `recomputed` and `difference` as exact decimals in
  text (quotients to 50 digits; null where there is none), `verdict`, `note`, `source` with `where` and `place` (null
  where nobody published it), and of what is misnamed or double counted `as_published`, the value that comes out as
  published when the same is summed (else null).
- `rows`, of the sample only: for each row its `line` in the file, `user`, `coin`, and by the name of a check whether it
  `holds`, and the `printed` and `recomputed` value.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from .arithmetic import exact
from .findings import Line, Verdict
from .sample import CHECKS, Fill
from .study import Study

__all__ = ["study_document"]


def study_document(study: Study) -> dict[str, object]:
    """The study, with every number as text."""
    verdicts = Counter(line.verdict for line in study.lines)
    document: dict[str, object] = {
        "study": study.name,
        "data": str(study.folder),
        "caveats": study.caveats,
        "files": [
            {"name": table.path.name, "sha256": table.sha256, "rows": len(table)} for table in study.tables.values()
        ],
        "verdicts": {verdict.value: verdicts[verdict] for verdict in Verdict},
    }
    with exact():
        document["lines"] = [_line(line) for line in study.lines]
        if study.fills:
            document["rows"] = [_row(fill) for fill in study.fills]
    return document


def _line(line: Line) -> dict[str, object]:
    figure = line.figure
    return {
        "name": figure.name,
        "section": figure.section,
        "what": figure.what,
        "unit": figure.unit,
        "prices": figure.prices.value,
        "published": _text(line.published),
        "recomputed": _text(line.recomputed),
        "difference": _text(line.difference),
        "verdict": line.verdict.value,
        "note": line.note,
        "as_published": _text(line.as_published),
        "source": None if figure.source is None else figure.source._asdict(),
    }


def _row(fill: Fill) -> dict[str, object]:
    checks = {
        check.name: {
            "holds": check.holds(fill),
            "printed": _text(check.printed(fill)),
            "recomputed": _text(check.again(fill)),
        }
        for check in CHECKS
    }
    return {"line": fill.line, "user": fill.user, "coin": fill.coin, **checks}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
