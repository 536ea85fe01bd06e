"""What `receipt` and `check` say, as plain data for --json. The names are stable.

receipt: `receipt` (the file), `bytes`, `head`, `event`, `account` (number or null), `events` (so many are shown),
`rounds` (whose rows it has; 0 without a ranking), `check` (the command).

check: `receipt`, `head`, `holds`, `fault` (what does not hold, or null). If it holds, also `event` and `chain` (events
as `log --json` has them), `account`, `name`, `events_shown`, `key` (`given`, `seed` or `secret`), `source` (the file's
`name` and `sha256`, and the `row` that an imported event was read from, else null), `ranking` (null without one), and
 `proved`, `not_proved`, `shown` (name and text of each sentence). `ranking` has `policy`, `version`,
`formula` and `scores_checked` (null and false where no score could be worked out again), `rounds`, `candidates`,
`rank`, `score`, `first_rank` and `last_rank` (what the scores allow), `identified` and `row` (pseudonym and figures in
atoms and lots, or null).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...sim.terminal import shell_word
from ..log.selection import event_fields
from .check import Checked
from .file import Receipt
from .standing import Standing
from .text import directory_of
from .words import Sentences, not_proved, proved, shown

__all__ = ["checked_view", "refused_view", "written_view"]


def written_view(path: Path, receipt: Receipt, size_bytes: int) -> dict[str, Any]:
    """A receipt that was written."""
    leaves = [leaf for page in receipt.proof.pages for leaf in page.shown]
    return {
        "receipt": str(path),
        "bytes": size_bytes,
        "head": receipt.head,
        "event": receipt.event,
        "account": receipt.account,
        "events": sum(leaf.events for leaf in leaves),
        "rounds": len(receipt.rounds),
        "check": f"deleverage check {shell_word(str(path))} --head {receipt.head}",
    }


def checked_view(path: Path, checked: Checked) -> dict[str, Any]:
    """A receipt that holds."""
    account = checked.receipt.account
    return {
        "receipt": str(path),
        "head": checked.receipt.head,
        "holds": True,
        "fault": None,
        "event": event_fields(checked.event),
        "account": account,
        "name": None if account is None else directory_of(checked).account_name(account),
        "events_shown": len(checked.events),
        "key": checked.key,
        "source": _source(checked),
        "ranking": None if checked.standing is None else _ranking(checked.standing),
        "chain": [event_fields(event) for event in checked.chain],
        "proved": _sentences(proved(checked)),
        "not_proved": _sentences(not_proved(checked)),
        "shown": _sentences(shown(checked)),
    }


def refused_view(path: Path, head: bytes, fault: str) -> dict[str, Any]:
    """A receipt that does not hold."""
    return {"receipt": str(path), "head": head.hex(), "holds": False, "fault": fault}


def _source(checked: Checked) -> dict[str, Any] | None:
    if checked.source is None:
        return None
    file, row = checked.source
    return {"name": file.name, "sha256": file.sha256.hex(), "row": row}


def _ranking(standing: Standing) -> dict[str, Any]:
    row = standing.row
    return {
        "policy": standing.producer.policy,
        "version": standing.producer.version,
        "formula": None if standing.formula is None else standing.formula.text,
        "scores_checked": standing.scores_checked,
        "rounds": len(standing.rounds),
        "candidates": standing.rounds[-1].body.candidates,
        "rank": standing.reduction.rank,
        "score": standing.reduction.score,
        "first_rank": standing.first_rank,
        "last_rank": standing.last_rank,
        "identified": standing.identified,
        "row": None if row is None else row._asdict() | {"pseudonym": row.pseudonym.hex()},
    }


def _sentences(sentences: Sentences) -> list[dict[str, str]]:
    return [{"name": name, "text": text} for name, text in sentences]
