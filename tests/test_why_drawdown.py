"""`why` under rulebooks whose fund triggers by its fall, and whose losses are shared by another rule."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from deleverage import Run, Scenario, explain, open_run, run
from deleverage.events.bodies.waterfall import LossSocialized, PositionDeleveraged, ShortfallDeclared
from deleverage.events.envelope import Event

from .support.crash import SMALL_CRASH


def recorded(folder: Path, venue: str, *overrides: str) -> Run:
    """The small crash under a rulebook."""
    path = folder / f"{venue}.run"
    run(Scenario.load(SMALL_CRASH, [f"venue={venue}", *overrides]), path)
    return open_run(path)


@pytest.mark.parametrize(
    ("venue", "overrides", "said"),
    [
        ("bybit", ["insurance_fund.threshold=0"], "Its gain by one instrument had fallen"),
        ("okx", ["insurance_fund.least_fall=0"], "further below its average within the window"),
        ("okx", ["insurance_fund.least_fall=0", "insurance_fund.against=peak"], "further from its peak within"),
    ],
    ids=["bybit", "okx", "okx, the earlier text"],
)
def test_a_drawdown_is_not_told_as_an_empty_fund(tmp_path: Path, venue: str, overrides: list[str], said: str) -> None:
    """The shortfall and the reduction both say how far the fund had fallen, and its books still reconcile."""
    told = recorded(tmp_path, venue, *overrides)

    def drawn(event: Event) -> bool:
        return isinstance(event.body, ShortfallDeclared) and event.body.trigger == "drawdown"

    shortfall = next(filter(drawn, told.events()))
    answer = explain(told, shortfall.seq)
    assert " fell too far within the window" in answer.paragraph
    assert "The insurance fund insurance:" in answer.paragraph
    assert answer.fund is not None
    assert said in answer.fund.text
    assert answer.fund.reconciles
    later = (event for event in told.events(shortfall.seq) if isinstance(event.body, PositionDeleveraged))
    assert "further within the window than its rule allows" in explain(told, next(later).seq).paragraph


@pytest.mark.parametrize(("venue", "among"), [("drift", "over all that traders hold"), ("deribit", "by those who won")])
def test_a_loss_is_told_with_what_it_is_shared_by(tmp_path: Path, venue: str, among: str) -> None:
    """By the venue's own rule, and the parts of all who shared a loss, as they are told, come to the whole."""
    told, groups = recorded(tmp_path, venue), defaultdict[int | None, list[str]](list)
    for event in told.events():
        if isinstance(event.body, LossSocialized) and len(groups) < 3:
            groups[event.cause].append(explain(told, event.seq).paragraph)
    for paragraphs in list(groups.values())[:2]:
        parts, wholes = list[Decimal](), set[tuple[str, str]]()
        for paragraph in paragraphs:
            found = re.search(
                rf"shared {among}.* Of \S+ that was ([\d,.]+) .* of the ([\d,.]+) \S+ of all ([\d]+) ", paragraph
            )
            assert found is not None, paragraph
            parts.append(Decimal(found[1].replace(",", "")))
            wholes.add((found[2], found[3]))
        ((whole, payers),) = wholes
        assert len(parts) <= int(payers)
        assert sum(parts) <= Decimal(whole.replace(",", ""))
        assert len(parts) < int(payers) or sum(parts) == Decimal(whole.replace(",", ""))
