"""Run within a copy of the package that has one type of event more: what every reader makes of it, as JSON on stdout.

    python -m deleverage.tests.support.auction FOLDER

`test_new_event_type.py` makes the copy. Nothing here is told of the type but how its events are built.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from deleverage.events import vocabulary
from deleverage.events.envelope import Event, Origin
from deleverage.events.kinds import columns_of
from deleverage.handlers.margin_monitor import MarginMonitor
from deleverage.replay.diff.difference import diff
from deleverage.replay.diff.shown import shown
from deleverage.replay.run import Run
from deleverage.replay.why.explain import explain

from .command_line import call
from .told import producers, written
from .venue import Book

BALANCE, PRICE = 10_000_000_000, 100


def recorded(path: Path, fee_atoms: int) -> tuple[Run, int, int]:
    """A venue with one auction, decided by the monitor upon the mark; the run, the event and the account."""
    kind: Any = vocabulary.TYPES_BY_NAME["AuctionHeld"]
    book = Book(producers=producers(margin={"policy": "tiered"}))
    account = book.user(BALANCE, (0, 5, PRICE))
    (mark,) = book.mark(PRICE)
    body = kind(account, 0, -5, 120, fee_atoms, 2_500)
    event = Event(book.ledger.seq, book.now_ns, Origin.DECIDED, mark.seq, (), 0, body)
    book.ledger.fold(event)
    book.events.append(event)
    return written(path, book.events), event.seq, account


def main(folder: Path) -> None:
    """Fold, log, state, diff, why, columns, and who hears of it."""
    a, seq, account = recorded(folder / "a.run", 7_000_000)
    b, _, _ = recorded(folder / "b.run", 8_000_000)
    kind, answer, ledger = type(a.event(seq).body), explain(a, seq), a.at()
    found = {
        "balance": ledger.accounts[account].balance_atoms,
        "note": ledger.notes["auction", "held"],
        "log": call("log", folder / "a.run", "--type", "AuctionHeld").stdout,
        "log_json": json.loads(call("log", folder / "a.run", "--type", "AuctionHeld", "--json").stdout),
        "state": json.loads(call("state", folder / "a.run", "--account", str(account), "--json").stdout),
        "naming": [event.seq for event in a.events_naming(account)],
        "forced": account in vocabulary.accounts_forced(a.event(seq).body),
        "changes": [(one.field, one.a_text, one.b_text) for origin in shown(diff(a, b), 5) for one in origin.changes],
        "paragraph": answer.paragraph,
        "step": answer.chain[-1].text,
        "grounds": [ground.name for ground in kind.grounds],
        "columns": columns_of(kind),
        "heard": kind in MarginMonitor.subscribes and kind in MarginMonitor.observes,
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
