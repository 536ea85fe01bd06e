"""The audit: what holds, what is broken, what is missing and what cannot be checked, on fills written by hand."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deleverage.events.errors import QueryError
from deleverage.replay.importers.audit.audit import Audit, audit_of
from deleverage.replay.importers.audit.fees import Fees
from deleverage.replay.importers.audit.fills import FINE, FINE_MONEY, FineScales, ReportedFill
from deleverage.replay.importers.audit.positions import is_artefact
from deleverage.replay.importers.audit.tally import LawReport
from deleverage.replay.importers.hyperliquid.importer import HyperliquidImporter, Watch
from deleverage.replay.importers.importing import run_import
from deleverage.replay.importers.session import Session
from deleverage.replay.run import open_run

from .support import adl_table
from .support.adl_table import row
from .support.command_line import call, small_record
from .support.node_fills import ANN, BOB, CAT, block, imported, trade, written


def audited(folder: Path, *lines: str, **options: Any) -> Audit:
    """The audit of a file of these lines."""
    return audit_of(open_run(imported(folder, *lines, **options).run))


def law(found: Audit, name: str, market: str = "perpetual") -> LawReport:
    """One of its laws."""
    return next(one for one in found.laws if (one.law, one.market) == (name, market))


def figures(one: LawReport) -> tuple[int, int, int, int]:
    """Checked, holding, broken and gaps."""
    return one.checked, one.holding, one.broken, one.gaps


def bought(size: str, price: str, start: str, sold_from: str, **seller: Any) -> list[Any]:
    """ANN buys ETH from BOB, both from where they stand."""
    return trade("ETH", size, price, {"startPosition": start}, {"startPosition": sold_from, **seller})


def sold(size: str, price: str, start: str, bought_from: str, profit: str) -> list[Any]:
    """ANN sells ETH to BOB at a profit of hers; BOB, who was short from 100, loses as much."""
    return trade(
        "ETH",
        size,
        price,
        {"address": BOB, "startPosition": bought_from, "closedPnl": f"-{profit}", "dir": "Close Short"},
        {"address": ANN, "startPosition": start, "closedPnl": profit, "dir": "Close Long"},
    )


def test_what_follows_holds(tmp_path: Path) -> None:
    """ANN buys 1 and 1 more, then sells 1 to CAT at a profit of 5 from an average of 105: every law holds."""
    sale = trade(
        "ETH",
        "1",
        "110",
        {"address": CAT},
        {"address": ANN, "startPosition": "2.0", "closedPnl": "5.0", "dir": "Close Long"},
    )
    found = audited(
        tmp_path,
        block(1, *bought("1", "100", "0.0", "0.0")),
        block(2, *bought("1", "110", "1.0", "-1.0")),
        block(3, *sale),
    )
    assert found.holds
    assert (found.fills, found.trades, found.accounts, found.instruments) == (6, 3, 3, 1)
    assert figures(law(found, "position")) == (3, 3, 0, 0)
    assert law(found, "position").not_checkable == {"the first fill of its account and instrument": 3}
    assert figures(law(found, "profit")) == (6, 6, 0, 0)
    assert figures(law(found, "sides")) == (3, 3, 0, 0)


def test_a_start_that_does_not_follow_is_broken_with_its_line(tmp_path: Path) -> None:
    """ANN ended at 1 and starts at 2: one break, in line 2 of the file."""
    found = audited(tmp_path, block(1, *bought("1", "100", "0.0", "0.0")), block(2, *bought("1", "100", "2.0", "-1.0")))
    assert not found.holds
    assert figures(law(found, "position")) == (2, 1, 1, 0)
    (offender,) = law(found, "position").offenders
    assert (offender.file, offender.line, offender.account, offender.instrument) == ("fills.jsonl", 2, ANN, "ETH")
    assert "starts at 2 where the fill before it ended at 1: 1 in between" in offender.text


def test_a_missing_block_makes_a_gap_and_no_break(tmp_path: Path) -> None:
    """The same with block 2 missing: some may be missing, so the difference is a gap, and the rest holds."""
    found = audited(
        tmp_path,
        block(1, *bought("1", "100", "0.0", "0.0")),
        block(3, *bought("1", "100", "2.0", "-1.0")),
        on_error="skip",
    )
    assert found.holds
    assert figures(law(found, "position")) == (1, 1, 0, 1)
    assert law(found, "position").not_checkable["fills are missing before it"] == 1


def test_a_profit_across_missing_blocks_is_a_gap_and_no_break(tmp_path: Path) -> None:
    """Both stand where they stood, from another entry: a gap each; what follows is held against that entry."""
    found = audited(
        tmp_path,
        block(1, *bought("1", "100", "0.0", "0.0")),
        block(3, *sold("0.5", "110", "1.0", "-1.0", "1.0")),
        block(4, *sold("0.25", "110", "0.5", "-0.5", "0.5")),
        block(5, *sold("0.25", "110", "0.25", "-0.25", "2.0")),
        on_error="skip",
    )
    told = law(found, "profit")
    assert figures(law(found, "position")) == (6, 6, 0, 0)
    assert (told.broken, told.gaps) == (2, 2)
    assert [one.line for one in (*told.gaps_first, *told.offenders)] == [2, 2, 4, 4]
    assert told.not_checkable["fills are missing before it"] == 2


def test_a_profit_that_follows_across_missing_blocks_holds(tmp_path: Path) -> None:
    """Where nothing of ANN's is among what is missing, her profit still follows from her entry, and is no gap."""
    found = audited(
        tmp_path,
        block(1, *bought("1", "100", "0.0", "0.0")),
        block(3, *sold("1", "110", "1.0", "-1.0", "10.0")),
        on_error="skip",
    )
    assert figures(law(found, "profit")) == (4, 4, 0, 0)


def test_an_artefact_is_told_from_a_break(tmp_path: Path) -> None:
    """A start of 1.0000000000000002 is what a float leaves of 1; it holds, and is counted as an artefact."""
    found = audited(
        tmp_path,
        block(1, *bought("1", "100", "0.0", "0.0")),
        block(2, *bought("1", "100", "1.0000000000000002", "-1.0")),
    )
    assert found.holds
    assert figures(law(found, "position")) == (2, 2, 0, 0)
    assert law(found, "position").artefacts == 1


@pytest.mark.parametrize(("profit", "holds"), [("5.0", True), ("4.99", False), ("0.0", False)])
def test_a_profit_follows_from_entry_and_price(tmp_path: Path, profit: str, holds: bool) -> None:
    """From an entry of 100 to a sale at 105 it is 5 and nothing else."""
    sale = trade("ETH", "1", "105", {"address": CAT}, {"address": ANN, "startPosition": "1.0", "closedPnl": profit})
    found = audited(tmp_path, block(1, *bought("1", "100", "0.0", "0.0")), block(2, *sale))
    assert found.holds == holds
    assert law(found, "profit").broken == (not holds)


def test_the_first_closing_gives_the_entry_that_the_second_is_held_against(tmp_path: Path) -> None:
    """BOB was long 10 before the file: his first sale cannot be checked, his second is, and is broken by a cent."""
    first = bought("1", "105", "0.0", "10.0", closedPnl="5.0")
    second = bought("1", "106", "1.0", "9.0", closedPnl="6.01")
    found = audited(tmp_path, block(1, *first), block(2, *second))
    told = law(found, "profit")
    assert told.not_checkable == {"the first closing of a position from before: it gives the entry": 1}
    assert (told.checked, told.broken) == (3, 1)
    assert "states a closed profit of 6.01" in told.offenders[0].text


def test_an_opening_fill_states_no_profit(tmp_path: Path) -> None:
    """Who opens has gained nothing yet."""
    found = audited(tmp_path, block(1, *bought("1", "100", "0.0", "0.0", closedPnl="1.0")))
    assert law(found, "profit").offenders[0].text == "opens, and yet states a profit of 1"


def test_a_turned_position_is_opened_anew(tmp_path: Path) -> None:
    """BOB sells 3 of the 1 he holds: 2 short from 120, bought back at 110 for a profit of 20."""
    before = trade("ETH", "1", "100", {"address": BOB}, {"address": CAT})
    turned = bought("3", "120", "0.0", "1.0", closedPnl="20.0", dir="Long > Short")
    back = trade(
        "ETH",
        "2",
        "110",
        {"address": BOB, "startPosition": "-2.0", "closedPnl": "20.0"},
        {"address": CAT, "startPosition": "-1.0"},
    )
    found = audited(tmp_path, block(1, *before), block(2, *turned), block(3, *back))
    assert found.holds
    assert law(found, "profit").checked == 6


def charged(*fees: tuple[str, str], **more: str) -> list[str]:
    """ANN buys 1 ETH again and again, each at a price and for a fee; `more` stands in the last of her fills."""
    lines = []
    for n, (price, fee) in enumerate(fees):
        facts = {"startPosition": f"{n}.0", "fee": fee, **(more if n == len(fees) - 1 else {})}
        lines.append(block(n + 1, *trade("ETH", "1", price, facts, {"startPosition": f"-{n}.0"})))
    return lines


def test_fees_are_a_rate_of_the_notional(tmp_path: Path) -> None:
    """4.5 basis points of 100 and of 200 hold, and what the maker pays is a rate of its own."""
    told = law(audited(tmp_path, *charged(("100", "0.045"), ("200", "0.09"))), "fee")
    assert (figures(told), told.not_checkable) == (
        (2, 2, 0, 0),
        {"the first of its account and role: it gives the rate": 2},
    )


def test_a_second_rate_is_a_builders_share_and_a_third_is_broken(tmp_path: Path) -> None:
    """The record does not tell builders: 5 basis points beside 4.5 cannot be checked, 5 again holds, 6 is broken."""
    fees = ("100", "0.045"), ("100", "0.05"), ("200", "0.1"), ("100", "0.06")
    told = law(audited(tmp_path, *charged(*fees)), "fee")
    assert told.broken == 1
    assert told.offenders[0].line == 4
    assert "is charged a fee of 0.06, 6 bps, and the fills before it 4.5 bps" in told.offenders[0].text
    assert told.not_checkable["a second rate: with a builder's share, which the record does not tell apart"] == 1


def test_a_fee_beyond_all_bounds_is_broken_at_once(tmp_path: Path) -> None:
    """2% of what was traded is no fee, though nothing was charged before."""
    side = {"fee": "2.0"}
    told = law(audited(tmp_path, block(1, *trade("ETH", "1", "100", side))), "fee")
    assert "is charged a fee of 2, 200 bps of what was traded" in told.offenders[0].text


def test_spot_positions_change_by_fees_in_the_token(tmp_path: Path) -> None:
    """A buyer of 10 who is charged 0.01 of the token starts at 9.99 next; a seller who pays in dollars at 90."""
    charged = {"fee": "0.01", "feeToken": "HYPE"}
    lines = (
        block(1, *trade("@107", "10", "47", {**charged, "dir": "Buy"}, {"startPosition": "100.0", "dir": "Sell"})),
        block(2, *trade("@107", "1", "47", {"startPosition": "9.99"}, {"startPosition": "90.0"})),
        block(3, *trade("@107", "1", "47", {"startPosition": "11.0"}, {"startPosition": "89.0"})),
    )
    told = law(audited(tmp_path, *lines), "position", "spot")
    assert figures(told) == (4, 3, 1, 0)
    assert "starts at 11 where the fill before it ended at 10.99" in told.offenders[0].text


def test_a_trade_without_its_other_side_does_not_pair_off(tmp_path: Path) -> None:
    """One side that was kept is one break."""
    told = law(audited(tmp_path, block(1, trade("ETH", "1", "100")[0]), on_error="skip"), "sides")
    assert told.broken == 1
    assert re.fullmatch("is in trade [0-9]+, which has one side", told.offenders[0].text)


def test_the_command_says_all_of_it_and_fails_where_something_is_broken(tmp_path: Path) -> None:
    """Exit code 1, the law with its figures, the first offender with file and line; JSON has the same."""
    result = imported(
        tmp_path, block(1, *bought("1", "100", "0.0", "0.0")), block(2, *bought("1", "100", "2.0", "-1.0"))
    )
    told, data = call("audit", result.run), call("audit", result.run, "--json")
    assert (told.exit_code, data.exit_code) == (1, 1)
    assert "fills.jsonl:2, event" in told.stdout
    assert "position, perpetual: 1 broken" in told.stdout
    found = json.loads(data.stdout)
    assert not found["holds"]
    assert {one["law"]: one["broken"] for one in found["laws"]} == {"position": 1, "profit": 0, "sides": 0, "fee": 0}


def test_the_command_ends_with_0_where_all_holds(tmp_path: Path) -> None:
    """Nothing broken is exit code 0, and says how much was checked."""
    told = call("audit", imported(tmp_path, block(1, *bought("1", "100", "0.0", "0.0"))).run)
    assert told.exit_code == 0
    assert "All that can be checked holds: 3 checks." in told.stdout


def test_the_audit_of_half_an_import_says_that_it_is_half(tmp_path: Path) -> None:
    """An import that was broken off never told how many rows there were: neither does the audit, and it says why."""
    fills = written(tmp_path, *(block(n, *bought("1", "100", f"{n - 1}.0", f"{1 - n}.0")) for n in range(1, 9)))
    with pytest.raises(KeyboardInterrupt):
        run_import(Interrupted([str(fills)]), tmp_path / "half.run")
    found = audit_of(open_run(tmp_path / "half.run"))
    assert (found.status, found.sources[0].rows) == ("broken off", None)
    told = call("audit", tmp_path / "half.run")
    assert "broken off: the import did not end" in told.stdout
    assert "fills.jsonl, hyperliquid-fills, read in part" in told.stdout


class Interrupted(HyperliquidImporter):
    """An import that somebody breaks off when all fills are taken."""

    def take(self, session: Session, watch: Watch) -> None:
        """Take them, and be interrupted."""
        super().take(session, watch)
        raise KeyboardInterrupt


def test_a_simulated_run_has_nothing_to_audit(tmp_path: Path) -> None:
    """No venue reported anything there: exit code 2, and where to get such a record from."""
    record = small_record(tmp_path)
    with pytest.raises(QueryError, match="no venue reported a fill"):
        audit_of(open_run(record))


MICRO = 10**6
STEPS = st.lists(st.tuples(st.integers(-40, 40).filter(bool), st.integers(900, 1100)), min_size=3, max_size=25)


def honest(steps: list[tuple[int, int]]) -> list[list[Any]]:
    """ANN's fills as a venue would tell them: the position runs on, profits by an entry cut down to a millionth."""
    sides: list[list[Any]] = []
    lots, cost = 0, Fraction(0)
    for size, price in steps:
        profit = 0
        if lots * size < 0:
            closed, sign = min(abs(size), abs(lots)), 1 if lots > 0 else -1
            profit = sign * closed * (price * MICRO - int(cost * MICRO / abs(lots)))
            turned = Fraction((abs(size) - abs(lots)) * price)
            cost = turned if abs(size) > abs(lots) else cost * (abs(lots) - closed) / abs(lots)
        else:
            cost += abs(size) * price
        stated = f"{'-' if profit < 0 else ''}{abs(profit) // MICRO}.{abs(profit) % MICRO:06}"
        mine = {"address": ANN, "startPosition": f"{lots}.0", "closedPnl": stated}
        other = {"address": f"0x{len(sides):040x}"}
        sides.append(trade("ETH", f"{abs(size)}", f"{price}", *((mine, other) if size > 0 else (other, mine))))
        lots += size
    return sides


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.data())
def test_an_honest_venue_is_never_accused_and_a_changed_start_always_found(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Whatever is traded, all laws hold; one start moved by one lot breaks exactly what it touches."""
    sides = honest(steps)
    assert audited(tmp_path_factory.mktemp("honest"), *(block(n, *one) for n, one in enumerate(sides, 1))).holds
    place = data.draw(st.integers(1, len(sides) - 1))
    told = next(told for address, told in sides[place] if address == ANN)
    told["startPosition"] = f"{int(told['startPosition'].partition('.')[0]) + 1}.0"
    found = audited(tmp_path_factory.mktemp("changed"), *(block(n, *one) for n, one in enumerate(sides, 1)))
    broken = law(found, "position")
    assert broken.broken == 1 + (place < len(sides) - 1)
    assert broken.offenders[0].line == place + 1


PRINTED = "total_equity,leverage_realtime,position_unrealized_pnl,pnl_percent"


@pytest.mark.parametrize(
    ("column", "printed", "told"),
    [
        ("equity", "179.9", "total_equity is printed as 179.9 and comes to 180"),
        ("leverage", "1.22", "leverage_realtime is printed as 1.22 and comes to 2.2"),
        ("unrealised", "81", "position_unrealized_pnl is printed as 81 and comes to 80"),
        ("share", "36", "pnl_percent is printed as 36 and comes to 36.36"),
        ("share", "nan", None),
    ],
)
def test_the_figures_that_a_table_prints_are_recomputed(
    tmp_path: Path, column: str, printed: str, told: str | None
) -> None:
    """Each is held against the columns that it follows from; what is no number cannot be checked."""
    laws = ("equity", "leverage", "unrealised", "share")
    values = {"equity": "180.0", "leverage": "2.2", "unrealised": "80.0", "share": "36.363636364", column: printed}
    rows = [f"{row(0, '0xa')},{','.join(values[name] for name in laws)}"]
    found = audit_of(open_run(adl_table.imported(tmp_path, *rows, header=f"{adl_table.HEADER},{PRINTED}").run))
    touched = {column, "share"} if column == "unrealised" else {column}
    assert [law(found, name, "table").broken for name in laws] == [
        told is not None and name in touched for name in laws
    ]
    assert told is None or told in law(found, column, "table").offenders[0].text
    assert told is not None or law(found, column, "table").not_checkable == {"what is printed is no number": 1}


def test_the_price_that_a_table_values_at_is_found(tmp_path: Path) -> None:
    """Three accounts that hold nothing else are valued at 20 while the batch is closed at 22."""
    rows = [row(n, f"0x{n}", total_unrealized_pnl="100.0") for n in range(3)]
    found = audit_of(open_run(adl_table.imported(tmp_path, *rows, row(3, "0x3", total_unrealized_pnl="7.5")).run))
    told = law(found, "valuation", "table")
    assert (told.checked, told.broken) == (3, 3)
    assert "stands at a price of 20, not at 22, as does that of 3 of 4 here" in told.offenders[0].text
    assert told.not_checkable == {"the account may hold more than this position": 1}


@pytest.mark.parametrize(("profit", "broken"), [("80.0", 0), ("80.5", 0), ("81.5", 1)])
def test_a_stated_entry_is_held_against_the_profit_to_its_last_digit(tmp_path: Path, profit: str, broken: int) -> None:
    """An entry of 30.0 says 80 of profit for 10, give or take one for its last digit."""
    found = audit_of(open_run(adl_table.imported(tmp_path, row(0, "0xa", closed_pnl=profit)).run))
    assert law(found, "profit").broken == broken


@given(st.integers(-(10**24), 10**24), st.integers(0, 1000))
def test_an_artefact_is_small_in_itself_or_beside_the_figure(figure: int, apart: int) -> None:
    """Up to 10^-9 two figures are the same; beyond that only what a double cannot tell apart."""
    assert is_artefact(figure, figure + apart)
    assert not is_artefact(figure, figure + 1001 + 2 * (abs(figure) >> 50))


def test_where_the_record_tells_builders_a_second_rate_is_broken() -> None:
    """With a share told apart anywhere, 5 basis points beside 4.5 are broken, and 4.5 and a share of 0.5 hold."""
    fees = Fees()
    scales = FineScales("ETH", "perpetual", FINE, FINE)
    for fee, builder in ((45, 0), (50, 5), (50, 0)):
        said = {"builder_fee": "0.005"} if builder else {}
        money = (fee * FINE_MONEY // 1000, builder * FINE_MONEY // 1000)
        fees.take(ReportedFill(seq=0, at_ns=0, source=None, row=None, account=0, instrument=0, leg=0, scales=scales, trade_id=1, size=FINE, price=100 * FINE, start=0, profit=0, fee=money[0], base_fee=0, builder_fee=money[1], fee_asset=0, maker=False, direction="", missed=0, said=said))  # fmt: skip  # noqa: E501
    told = next(iter(fees.tallies))
    assert (told.checked, told.holding, told.broken) == (2, 1, 1)
    assert "5 bps, and the fills before it 4.5 bps" in told.offences[0].text
