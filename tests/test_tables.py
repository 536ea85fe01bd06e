"""A record as tables: every row held against the event that it is, by another way of scaling and naming."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Scenario, open_run, run
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Origin
from deleverage.events.errors import QueryError, RecordOverflowError
from deleverage.events.kinds import FOR_GOOD_NS
from deleverage.events.vocabulary import BODY_TYPES, TYPES_BY_NAME
from deleverage.replay.tables.arrays import decimals_of, times_of
from deleverage.replay.tables.columns import ENVELOPE, body_columns
from deleverage.replay.tables.declared import steps_of
from deleverage.replay.tables.fields import wholes_of
from deleverage.replay.tables.tables import tables_of
from deleverage.replay.why.grounds.graph import grounds_of
from deleverage.replay.why.names import RunNames
from deleverage.sim.quantities import LedgerScales, Scale, quantity_of

from .support.crash import SMALL_CRASH

WHOLE = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-1000, 1000))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small crash."""
    path = tmp_path_factory.mktemp("tables") / "small.run"
    run(Scenario.load(SMALL_CRASH), path)
    return path


@lru_cache(maxsize=1)
def rows_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables of events."""
    opened, found = open_run(path), dict[str, list[dict[str, Any]]]()
    for name, batch in tables_of(opened).batches(TYPES_BY_NAME, rows=1_000):
        found.setdefault(name, []).extend(batch.to_pylist() if "time" not in batch.schema.names else _dated(batch))
    return found


def _dated(batch: Any) -> list[dict[str, Any]]:
    """Rows with times as nanoseconds, which Python's own times do not hold."""
    pyarrow = pytest.importorskip("pyarrow")
    columns = [
        column.cast(pyarrow.int64()) if pyarrow.types.is_timestamp(column.type) else column for column in batch.columns
    ]
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist()


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_no_two_columns_of_a_table_have_one_name(body_type: type) -> None:
    """Names of fields and of the envelope stay apart once units are taken off them."""
    names = [*ENVELOPE, *(column.name for column in body_columns(body_type))]
    assert len({name.lower() for name in names}) == len(names)


def test_every_event_is_a_row_and_every_figure_its_own(recorded: Path) -> None:
    """Each quantity is the one that a state's scales give, each name the ledger's, nothing is lost or added."""
    past, rows = open_run(recorded), rows_of(recorded)
    ledger = past.at()
    scales, seen = LedgerScales(ledger), 0
    by_seq = {row["seq"]: (name, row) for name, some in rows.items() for row in some}
    for event in past.events():
        name, row = by_seq[event.seq]
        assert name == type(event.body).__name__
        assert (row["time"], row["cause"], tuple(row["links"])) == (event.at_ns, event.cause, event.links)
        assert row["origin"] == event.origin.name.lower()
        producer = past.producer_of(event)
        assert row["producer"] == (None if producer is None else f"{producer.handler}:{producer.policy}")
        for column in body_columns(type(event.body)):
            quantity, value = quantity_of(event.body, column.field, scales), getattr(event.body, column.field)
            if quantity is not None and column.kind.name in ("amount", "price", "size", "rate"):
                assert row[column.name] == Decimal(quantity.value)
                seen += 1
            elif column.kind.name == "account":
                assert row[column.name] == (None if value is None else ledger.name(value))
    assert len(by_seq) == past.count
    assert seen > past.count


def test_the_rows_of_a_span_are_those_of_the_whole(recorded: Path) -> None:
    """Types and points choose rows and change none of them."""
    past = open_run(recorded)
    wanted = [row for row in rows_of(recorded)["MarkPriced"] if 1_000 <= row["seq"] <= 2_000]
    found = [row for _, batch in tables_of(past).batches(["MarkPriced"], "1000", "2000") for row in _dated(batch)]
    assert found == wanted
    assert wanted


def test_a_schema_says_units_grounds_and_head(recorded: Path) -> None:
    """What a column is counted in stands in its metadata, where the table comes from in the table's."""
    past = open_run(recorded)
    schema = tables_of(past).schema("PositionDeleveraged")
    told = {key.decode(): text.decode() for key, text in schema.metadata.items()}
    assert told["head"] == past.head
    assert told["grounds"] == ", ".join(ground.name for ground in PositionDeleveraged.grounds)
    assert schema.field("value").metadata[b"unit"] == b"USDT"
    assert schema.field("size").metadata[b"unit"] == b"the instrument's"
    assert str(schema.field("time").type) == "timestamp[ns, tz=UTC]"


def test_grounds_are_those_that_why_names(recorded: Path) -> None:
    """Each decision's, found as the state moves on, as from the state of that decision alone; of a span its own."""
    run, found = open_run(recorded), defaultdict[int, list[tuple[int, str, str]]](list)
    last = next(event.seq for event in run.events() if isinstance(event.body, PositionDeleveraged)) + 40
    for _, batch in tables_of(run).batches(["grounds"], None, str(last)):
        for row in _dated(batch):
            found[row["seq"]].append((row["ground"], row["kinds"], row["sets"]))
    assert all(run.event(seq).origin is Origin.DECIDED for seq in found)
    for seq in (*range(last - 60, last + 1), *range(1_000, last, 97)):
        ledger = run.before(seq)
        alone = grounds_of(run, run.event(seq), ledger, RunNames(ledger), levels=1)
        assert found[seq] == [(one.step.seq, ", ".join(one.kinds), one.sets) for one in alone]
    (batches,) = [batch for _, batch in tables_of(run).batches(["grounds"], str(last), str(last))]
    assert [row["ground"] for row in _dated(batches)] == [ground for ground, _, _ in found[last]]
    assert "grounds" not in {name for name, _ in tables_of(run).batches(since=str(last))}


def test_what_is_no_table_is_refused(recorded: Path) -> None:
    """With the nearest names."""
    with pytest.raises(QueryError, match="there is no table 'MarkPrised'; the nearest are MarkPriced"):
        tables_of(open_run(recorded)).schema("MarkPrised")


@given(st.lists(WHOLE, max_size=30), st.lists(st.integers(0, 3), min_size=30, max_size=30), st.data())
@settings(max_examples=60, deadline=None)
def test_decimals_are_exact_whatever_the_steps(
    values: list[int | None], places: list[int], data: st.DataObject
) -> None:
    """Products beyond 64 bits, steps that are unlike, nulls: each is the number times its step."""
    texts = data.draw(
        st.lists(st.sampled_from(("1", "0.5", "0.0001", "1e-18", "100", "25", "1e-9")), min_size=4, max_size=4)
    )
    steps = steps_of([Scale(Decimal(text), text, "ticks") for text in texts], "several")
    factors = None if steps.only is not None else steps.factors_at(places[: len(values)])
    made = decimals_of(wholes_of(values), steps, factors).to_pylist()
    exact = [
        None if value is None else value * Decimal(texts[place]) for value, place in zip(values, places, strict=False)
    ]
    assert [None if one is None else Decimal(one) for one in made] == exact


def test_what_never_comes_has_no_time() -> None:
    """The last nanosecond that there is stands for never."""
    assert times_of(wholes_of([1_000, FOR_GOOD_NS, None])).to_pylist()[1:] == [None, None]


def test_a_number_of_more_than_64_bits_is_refused() -> None:
    """And never cut off."""
    with pytest.raises(RecordOverflowError, match="64 bits"):
        wholes_of([2**63])
