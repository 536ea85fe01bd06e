"""Reconstructed tables taken in: the state before a round is what the table prints, the order is the file's."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from deleverage.events.bodies.inputs import FillReported
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.handlers.valuation import margin_of
from deleverage.replay.importers.adl_table.book import OTHER_POSITIONS
from deleverage.replay.run import Run, open_run

from .support.adl_table import HEADER, TABLE, imported, row
from .support.command_line import call
from .test_sources_real import real

USDC = 10**6


def reductions(run: Run) -> list[Event]:
    """The reductions of a record."""
    return [event for event in run.events() if isinstance(event.body, PositionDeleveraged)]


def equity(ledger: Ledger, name: str) -> int:
    """What an account is worth in a state, in atoms."""
    return margin_of(ledger.accounts[ledger.account_ids[name]], ledger).equity_atoms


def test_the_state_before_the_round_is_what_the_table_prints(tmp_path: Path) -> None:
    """Equity is cash and unrealised profit of each account; size and entry are those of its position."""
    run = open_run(imported(tmp_path, *TABLE).run)
    ledger = run.before(reductions(run)[0].seq)
    assert [equity(ledger, name) for name in ("0xa", "0xb", "0xc", "0xd")] == [
        180 * USDC,
        100 * USDC,
        484_750_000,
        180 * USDC,
    ]
    held = ledger.position(ledger.account_ids["0xc"], (0, 0))
    assert held is not None
    assert (held.size_lots, held.cost_atoms) == (-10, -300 * USDC)
    others = next(n for n, market in enumerate(ledger.markets) if market.listing.name == OTHER_POSITIONS)
    rest = ledger.position(ledger.account_ids["0xc"], (others, 0))
    assert rest is not None
    assert rest.size_lots == -95_250_000


def test_a_round_is_one_batch_in_the_order_of_the_file(tmp_path: Path) -> None:
    """One round of four reductions, imported; its beginning and end, the mark and the state are inferred."""
    run = open_run(imported(tmp_path, *TABLE).run)
    taken = reductions(run)
    names = [run.directory.account_name(event.body.account) for event in taken]
    assert names == ["0xa", "0xb", "0xc", "0xd"]
    assert [event.body.rank for event in taken] == [1, 2, 3, 4]
    assert {event.origin for event in taken} == {Origin.IMPORTED}
    started = next(event for event in run.events() if isinstance(event.body, DeleveragingStarted))
    assert (started.origin, started.body.size_lots, started.body.candidates) == (Origin.INFERRED, 34, 0)
    assert all(event.cause == started.seq for event in taken)
    ended = next(event for event in run.events() if isinstance(event.body, DeleveragingEnded))
    assert (ended.body.closed_lots, ended.body.left_lots) == (34, 0)


def test_what_the_venue_said_stands_before_each_reduction(tmp_path: Path) -> None:
    """Its report holds price, size, closed profit and every figure of the row as printed, with its line."""
    run = open_run(imported(tmp_path, *TABLE).run)
    last = reductions(run)[-1]
    report = run.event(last.links[0]).body
    assert isinstance(report, FillReported)
    assert (report.size_lots, report.start_lots, report.closed_profit_atoms) == (4, -10, 32 * USDC)
    assert dict(report.raw)["account_value_cash"] == "100.0"
    assert report.provenance is not None
    assert report.provenance.row == 5


def test_the_liquidated_account_ends_at_nothing(tmp_path: Path) -> None:
    """It held what the round closed, at the price of execution; afterwards it has neither position nor balance."""
    run = open_run(imported(tmp_path, *TABLE).run)
    ledger = run.at()
    account = ledger.accounts[ledger.account_ids["0xdead"]]
    assert (account.positions, account.balance_atoms, account.status) == ({}, 0, "healthy")
    ledger.check()


def test_the_mark_is_the_price_of_execution_or_the_one_given(tmp_path: Path) -> None:
    """22.0 where nothing is said, 21.95 where that is."""
    for name, marks, ticks in (("a.run", {}, 22), ("b.run", {"AVAX": Decimal("21.95")}, 2195)):
        run = open_run(imported(tmp_path, *TABLE, marks=marks, name=name).run)
        marked = [event for event in run.events() if isinstance(event.body, MarkPriced) and event.body.instrument == 0]
        assert [(event.origin, event.body.mark_ticks) for event in marked] == [(Origin.INFERRED, ticks)]
        assert run.at().markets[0].mark_ticks == ticks


def test_rows_are_sorted_by_time_and_positions_are_stated_anew(tmp_path: Path) -> None:
    """A later row first: two rounds in the order of time, positions as each row prints them, and the cash carried."""
    header = HEADER.removeprefix("seq,")
    late = row(0, "0xa", time_ms="1760130999000", position_size="-3.0", adl_size="3.0", entry_price="25.0")
    rows = [one.partition(",")[2] for one in (late, TABLE[0])]
    result = imported(tmp_path, *rows, header=header)
    assert dict(result.noted) == {
        "rows sorted by time": 2,
        "rows whose cash stands still over a profit of an earlier instant": 1,
    }
    run = open_run(result.run)
    first, second = reductions(run)
    assert first.at_ns < second.at_ns
    held = run.before(second.seq).position(second.body.account, (0, 0))
    assert held is not None
    assert (held.size_lots, held.cost_atoms) == (-3, -75 * USDC)
    assert equity(run.before(second.seq), "0xa") == (180 + 80) * USDC


def test_an_account_twice_in_a_batch_is_stated_before_each_of_its_fills(tmp_path: Path) -> None:
    """The second row of the account prints what the first left, and is the state of its own reduction."""
    again = row(1, "0xa", position_size="-6.0", adl_size="6.0", closed_pnl="48.0", total_unrealized_pnl="48.0")
    run = open_run(imported(tmp_path, row(0, "0xa", adl_size="4.0", closed_pnl="32.0"), again).run)
    sizes = [run.before(event.seq).position(event.body.account, (0, 0)) for event in reductions(run)]
    assert [held.size_lots for held in sizes if held is not None] == [-10, -6]
    assert run.at().position(run.directory.find_account("0xa"), (0, 0)) is None


def test_what_a_float_leaves_behind_is_snapped_and_noted(tmp_path: Path) -> None:
    """A size of 10.000000000001 of 10 closes it whole, at a price that is a tick; the texts are kept as printed."""
    odd = row(1, "0xb", adl_size="10.000000000001", adl_price="21.999999999999")
    result = imported(tmp_path, TABLE[0], odd)
    run = open_run(result.run)
    bodies = [event.body for event in reductions(run)]
    assert [(body.round, body.size_lots, body.price_ticks) for body in bodies] == [(1, 10, 22), (1, 10, 22)]
    assert dict(result.noted) == {"values snapped": 2}
    report = run.event(reductions(run)[1].links[0]).body
    assert dict(report.raw)["adl_size"] == "10.000000000001"


BAD = {
    "broken row": "1,2,3",
    "not a number": row(1, "0xb", adl_size="ten"),
    "time in the wrong unit": row(1, "0xb", time_ms="1760130964"),
    "impossible figure": row(1, "0xb", adl_size="11.0"),
    "the other side is missing": row(1, "0xb", liquidated_user=""),
    "no coin": row(1, "0xb", coin=""),
    "deleveraged against itself": row(1, "0xdead"),
    "duplicate row": row(1, "0xa"),
    "row out of order": row(0, "0xb"),
    "figure too large": row(1, "0xb", account_value_cash="9e29"),
}
ODD = {
    "a price between the finest ticks": {"adl_price": "22.0750001234567"},
    "a size between the finest lots": {"adl_size": "3.9123456789"},
    "a position that no event can hold": {"position_size": "-9e18"},
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_row_stops_the_import_with_file_and_line(tmp_path: Path, reason: str) -> None:
    """The message names line 3, and no record is left behind."""
    with pytest.raises(ScenarioError, match=r"table\.csv:3: "):
        imported(tmp_path, TABLE[0], BAD[reason], TABLE[3])
    assert not (tmp_path / "table.run").exists()


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_row_is_left_out_and_counted_with_skip(tmp_path: Path, reason: str) -> None:
    """Two good rows are there, the fault is counted with its first line, and the record says that a row is missing."""
    result = imported(tmp_path, TABLE[0], BAD[reason], TABLE[3], on_error="skip")
    assert [(fault.reason, fault.rows, fault.first_row) for fault in result.faults] == [(reason, 1, 3)]
    assert dict(result.counts)["InputRefused"] == 1
    assert len(reductions(open_run(result.run))) == 2


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_a_figure_that_cannot_be_whole_is_left_out_with_its_line(tmp_path: Path, facts: dict[str, str]) -> None:
    """One that is further than a float's error from every lot or tick is a fault of its row, not of the import."""
    result = imported(tmp_path, TABLE[0], row(1, "0xb", **facts), TABLE[3], on_error="skip")
    assert [(fault.reason, fault.first_row) for fault in result.faults] == [("not a number", 3)]


@pytest.mark.parametrize("column", ["account_value_cash", "total_unrealized_pnl", "closed_pnl", "entry_price"])
def test_an_amount_that_no_event_can_hold_is_a_fault_of_its_row(tmp_path: Path, column: str) -> None:
    """It stops the import with file and line instead of a traceback."""
    with pytest.raises(ScenarioError, match=r"table\.csv:3: a figure is more than an event can hold"):
        imported(tmp_path, TABLE[0], row(1, "0xb", **{column: "9e14"}), TABLE[3])


@pytest.mark.parametrize(
    ("header", "rows", "told"),
    [
        ("a,b", (), "no column time_ms or time"),
        (HEADER, (), "there is no row that can be used"),
        (HEADER, (BAD["not a number"],), "no row that can be used"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, header: str, rows: tuple[str, ...], told: str) -> None:
    """Without its columns or without a row nothing is imported."""
    with pytest.raises(ScenarioError, match=told):
        imported(tmp_path, *rows, header=header, on_error="skip")


def test_a_cut_off_archive_is_refused(tmp_path: Path) -> None:
    """A gzip file that ends within its stream names the line that it was read up to."""
    path = tmp_path / "table.csv.gz"
    packed = gzip.compress("\n".join((HEADER, *TABLE)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    told = call("import", "adl-table", path, "-o", tmp_path / "t.run")
    assert told.exit_code == 2
    assert "table.csv.gz:" in told.stderr
    assert not (tmp_path / "t.run").exists()


@pytest.mark.parametrize("mark", ["AVAX", "AVAX=x", "=3", "AVAX=0", "BTC=3", "AVAX=22.0255555555555"])
def test_a_mark_that_fits_nothing_is_refused(tmp_path: Path, mark: str) -> None:
    """No price, no coin, or a coin that the file does not have."""
    imported(tmp_path, *TABLE)
    told = call("import", "adl-table", tmp_path / "table.csv", "-o", tmp_path / "t.run", "--mark", mark)
    assert told.exit_code == 2
    assert "--mark" in told.stderr


def test_the_same_bytes_give_the_same_head_and_a_mark_another(tmp_path: Path) -> None:
    """What is imported follows from the file and the options, not from where it stands."""
    heads = [imported(tmp_path, *TABLE, name=name).head for name in ("a.run", "b.run")]
    other = imported(tmp_path, *TABLE, name="c.run", marks={"AVAX": Decimal(22)}).head
    assert heads[0] == heads[1] != other


def test_the_batch_of_avax(tmp_path: Path) -> None:
    """50 reductions of 84,454.65 AVAX at 22.075, 49 of them whole; equity before is cash and profit as printed."""
    told = call(
        "import", "adl-table", real("hyperliquid-adl-batch-avax-2025-10-10.csv"), "-o", tmp_path / "a.run",
        "--mark", "AVAX=22.025",
    )  # fmt: skip
    assert told.exit_code == 0, told.stderr
    run = open_run(tmp_path / "a.run")
    taken = reductions(run)
    ledger = run.before(taken[0].seq)
    assert (len(taken), sum(event.body.size_lots for event in taken)) == (50, 8_445_465)
    held = [ledger.position(event.body.account, (0, 0)) for event in taken]
    assert [
        one is not None and one.size_lots == -event.body.size_lots for one, event in zip(held, taken, strict=True)
    ] == [
        *[True] * 49,
        False,
    ]
    assert equity(ledger, "0x4a96036f") == 5_273_587_045_527 + 66_704_338_350
    assert (ledger.markets[0].mark_ticks, taken[0].body.price_ticks) == (22_025, 22_075)


def test_the_sample_of_480_rows(tmp_path: Path) -> None:
    """480 reductions in 189 batches of 36 instants, sorted by time, each from the state of its own row."""
    told = call(
        "import",
        "adl-table",
        real("hyperliquid-adl-fills-sample-2025-10-10.csv.gz"),
        "-o",
        tmp_path / "s.run",
        "--json",
    )
    assert told.exit_code == 0, told.stderr
    run = open_run(tmp_path / "s.run")
    taken = reductions(run)
    assert (len(taken), len({event.cause for event in taken}), len({event.at_ns for event in taken})) == (480, 189, 36)
    for event in taken[::40]:
        report = run.event(event.links[0]).body
        assert isinstance(report, FillReported)
        held = run.before(event.seq).position(event.body.account, (event.body.instrument, 0))
        assert held is not None
        assert held.size_lots == report.start_lots
