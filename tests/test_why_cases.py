"""Whole pages of `why`, word for word: all kinds of question about a venue made by hand and about a venue's files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deleverage.events.bodies.inputs import FillReported
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationStarted
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.replay.run import Run, open_run

from .support import adl_table
from .support.command_line import call
from .support.squeeze import squeeze
from .test_why_imported import find, liquidated

CASES = Path(__file__).parent / "cases"
SQUEEZED = ("30", "33", "34", "37", "39", "44", "46", "47", "48", "50", "54", "58")


def pages(run: Run, questions: list[tuple[str, ...]]) -> Iterator[str]:
    """Each question and its page, without the path of the record, and without hashes of it and of files."""
    for question in questions:
        result = call("why", run.path, *question)
        assert (result.exit_code, result.stderr) == (0, ""), result.stderr
        page = re.sub(r"\b[0-9a-f]{64}\b", "HASH", result.stdout.replace(str(run.path), "RUN"))
        yield f"=== why {' '.join(question)}\n{page}"


def held_against(name: str, found: Iterator[str]) -> None:
    """The pages are those of the case, which `DELEVERAGE_WRITE_CASES=1` writes anew for whoever then reads them."""
    path, text = CASES / name, "\n".join(found)
    if os.environ.get("DELEVERAGE_WRITE_CASES"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_pages_of_a_squeeze(tmp_path: Path) -> None:
    """Calls, answers, liquidations, a takeover, shortfalls, rounds and sales, and an account from first to last."""
    questions = [(seq,) for seq in SQUEEZED]
    questions += [("48", "--not", "user7"), ("--account", "user4"), ("--account", "user7", "--instrument", "I0")]
    questions += [("57", "--format", "md")]
    held_against("why-squeeze.txt", pages(squeeze(tmp_path / "squeeze.run"), questions))


def test_pages_of_node_fills(tmp_path: Path) -> None:
    """What a venue reported of a liquidation, and what is inferred from it."""
    run = liquidated(tmp_path)
    seqs = [str(find(run, kind)) for kind in (LiquidationFilled, LiquidationStarted, FillReported)]
    questions = [(seq,) for seq in seqs] + [(seqs[0], "--format", "md")]
    held_against("why-node-fills.txt", pages(run, questions))


@pytest.mark.parametrize("under", ["profit-leverage"])
def test_pages_of_a_table_of_reductions(tmp_path: Path, under: str) -> None:
    """A venue's own round, held against the published formulas, and one of them whole."""
    run = open_run(adl_table.imported(tmp_path, *adl_table.TABLE).run)
    started, reduced = (str(find(run, kind)) for kind in (DeleveragingStarted, PositionDeleveraged))
    held_against("why-adl-table.txt", pages(run, [(started,), (reduced,), (reduced, "--under", under)]))
