"""Plug-ins in the rooms: prices, depth, a population and an actor of one's own, and what is said of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deleverage import Scenario, fork, open_run, run, verify
from deleverage.events.bodies.inputs import DepthQuoted, PriceTicked
from deleverage.events.bodies.run import Producer
from deleverage.events.errors import HandlerError, ScenarioError
from deleverage.handlers.plugins.rooms import INPUT_ROOMS
from deleverage.replay.fork.changes import Changes
from deleverage.replay.testing import check_room
from deleverage.sim.populations.base import OpeningAccount
from deleverage.sim.populations.own import OwnPopulation
from deleverage.sim.sources.base import InstrumentScale
from deleverage.sim.sources.own import Own, OwnDepth, OwnPrices

from .support.command_line import call
from .support.crash import SMALL_CRASH

ALL = """
import msgspec
from deleverage.handlers.draws import draw_below


class Falling:
    class Parameters(msgspec.Struct):
        steps: int = 30

    def __init__(self, parameters):
        self.steps = parameters.steps

    def prices(self, view):
        for step in range(self.steps):
            ticks = 1_000_000 - 20_000 * step + draw_below(view.seed, 0, "price", step, 1000)
            yield step * 10**10, {name: ticks for name in view.instruments}


class Book:
    def quotes(self, view):
        for place, name in enumerate(view.instruments):
            yield place, name, [(10, 1_000), (100, 20_000)], [(10, 1_000), (100, 20_000)]


class Crowd:
    class Parameters(msgspec.Struct):
        balance_atoms: int = 2_000_000_000

    def __init__(self, parameters):
        self.balance_atoms = parameters.balance_atoms

    def accounts(self, view):
        for place in range(8):
            yield view.account(f"t-{place}", self.balance_atoms, {name: 100 * (-1) ** place for name in view.markets})
"""
OVERRIDES = [
    'prices={source="all.py:Falling", steps=20}',
    'depth={source="all.py:Book"}',
    'population={source="all.py:Crowd", balance=500}',
]
BTC, ETH = (InstrumentScale(place, name, Decimal(1), Decimal(1)) for place, name in enumerate(("BTC", "ETH")))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with the plug-ins' file, in which the test stands."""
    (tmp_path / "all.py").write_text(ALL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("room", [*INPUT_ROOMS, "actor"])
def test_what_a_room_begins_with_keeps_the_rules(tmp_path: Path, room: str) -> None:
    """`new-policy` writes a plug-in that the room's own kit passes as written."""
    written = call("new-policy", room, "own", "-o", tmp_path)
    assert "use it " in written.stdout
    check_room(f"{tmp_path / 'own.py'}:Own", room)
    assert f'check_room(f"{{PLUGIN}}:Own", "{room}")' in (tmp_path / "test_own.py").read_text(encoding="utf-8")


def test_a_run_of_them_is_recorded_by_content_and_verified_with_the_code_only(here: Path) -> None:
    """Producers at the end of the list; without the code, or with another, it is said plainly and nothing executed."""
    run(Scenario.load(SMALL_CRASH, OVERRIDES), "a.run")
    opened = open_run("a.run")
    rooms = opened.started.producers[-3:]
    assert [(one.handler, one.policy, one.parameters) for one in rooms] == [
        ("prices", "all.py:Falling", {"steps": 20}),
        ("depth", "all.py:Book", {}),
        ("population", "all.py:Crowd", {"balance_atoms": 500_000_000}),
    ]
    whole, absent = verify(Path("a.run"), plugins="."), verify(Path("a.run"))
    assert whole.sound
    (told,) = (check.text for check in whole.checks if check.check == "inputs")
    assert told.startswith(
        "20 prices of all.py:Falling, 3 depth of all.py:Book, 8 accounts of all.py:Crowd, made again"
    )
    assert absent.sound is None
    assert absent.refused is not None
    assert absent.refused.count("is not at hand; give --plugins DIR, a folder that holds all.py") == 3
    assert [check.ok for check in absent.checks if check.check == "decisions"] == [True]
    (here / "all.py").write_text(f"raise SystemExit  # {ALL!r}", encoding="utf-8")
    changed = call("verify", "a.run", "--plugins", ".")
    assert changed.exit_code == 2
    assert "plug-in prices:all.py:Falling was recorded with the content sha256:" in changed.stderr


@pytest.mark.usefixtures("here")
def test_a_record_whose_inputs_its_code_does_not_give_is_not_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price, a quote or an account that the code of this content does not give: each is found, and named."""
    source = {OwnPrices: "inputs", OwnDepth: "inputs", OwnPopulation: "accounts"}
    said = ("event .* is PriceTicked", "event .* is DepthQuoted", "account 't-0' did not begin")
    for (kind, name), told in zip(source.items(), said, strict=True):
        true = getattr(kind, name)
        with monkeypatch.context() as patched:
            patched.setattr(kind, name, lambda *given, true=true: map(_otherwise, true(*given)))
            run(Scenario.load(SMALL_CRASH, [*OVERRIDES, "end=2025-10-10T20:41:00Z"]), f"{kind.__name__}.run")
        found = verify(Path(f"{kind.__name__}.run"), plugins=".")
        assert found.sound is False
        assert found.fault is not None
        assert found.fault.check == "inputs"
        assert re.search(told, found.fault.text), found.fault.text


def _otherwise(given: Any) -> Any:
    """The same but for a tick, a lot or an atom."""
    if isinstance(given, OpeningAccount):
        return msgspec.structs.replace(given, balance_atoms=given.balance_atoms + 1)
    at_ns, body = given
    if isinstance(body, PriceTicked):
        return at_ns, PriceTicked(tuple((one, ticks + 1) for one, ticks in body.prices), body.provenance)
    assert isinstance(body, DepthQuoted)
    return at_ns, DepthQuoted(body.instrument, body.bids[:1], body.asks, body.provenance)


@pytest.mark.usefixtures("here")
def test_a_fork_needs_none_of_them_and_keeps_them() -> None:
    """Inputs are recorded: who has no code can fork, and who has it can verify the fork."""
    run(Scenario.load(SMALL_CRASH, OVERRIDES), "a.run")
    past = open_run("a.run")
    fork(past, past.last_seq("+00:01:00"), Changes(("adl.policy=queue",)), "b.run")
    rooms = [one.handler for one in open_run("b.run").producers_at(open_run("b.run").count - 1)]
    assert rooms[-3:] == ["prices", "depth", "population"]
    assert verify(Path("b.run"), plugins=".").sound


@pytest.mark.usefixtures("here")
def test_at_several_venues_each_hears_them() -> None:
    """One stream of prices for all of them, a population for each, made again from the record of both."""
    overrides = [
        *OVERRIDES[::2],
        "end=2025-10-10T20:41:00Z",
        'venues=[{name="b"}, {name="a", instruments=["ETH-PERP"]}]',
    ]
    run(Scenario.load(SMALL_CRASH, overrides), "a.run")
    assert [one.handler for one in open_run("a.run").started.producers][-3:] == [
        "prices",
        "population@b",
        "population@a",
    ]
    found = verify(Path("a.run"), plugins=".")
    assert found.sound, found.fault
    assert "8 accounts of all.py:Crowd, 8 accounts" in next(one.text for one in found.checks if one.check == "inputs")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("override", "told"),
    [
        ('prices={source="all.py:Falling", stepz=1}', r"\$\.prices: .*stepz"),
        ('prices={source="gone.py:Falling"}', r"\$\.prices\.source: there is no file 'gone\.py'"),
        ('prices={source="all.py:Book"}', r"Book lacks prices\(view\), which gives"),
        ('prices={source="all.py"}', r"name a class of it, all\.py:CLASS; it has Falling, Book, Crowd"),
        ('prices={source="wave"}', r"\$\.prices\.source: Invalid value 'wave'"),
    ],
)
def test_what_cannot_be_taken_in_is_said(override: str, told: str) -> None:
    """With the path in the scenario."""
    with pytest.raises(ScenarioError, match=told):
        Scenario.load(SMALL_CRASH, [override])


class Says:
    """A plug-in that gives what it was made of."""

    def __init__(self, *given: Any) -> None:
        self.given = given

    def prices(self, _view: Any) -> Iterator[Any]:
        """As it was made."""
        yield from self.given

    quotes = accounts = prices


def own(*given: Any) -> Own:
    """Such a plug-in, as a run has it."""
    return Own(Producer("prices", "says.py:Says", "1+sha256:00", {}, 0), Says(*given))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("nothing",), "'nothing' (str): 2 values in a tuple are due"),
        (((1, {"BTC": 1, "ETH": 2}),), "must begin with (0, {instrument: ticks}) of every instrument"),
        (((0, {"BTC": 1}),), "must begin with"),
        ((), "must begin with"),
        (((0, {"BTC": 1, "ETH": 0}),), "0 (int): for ETH; whole ticks above 0 are due"),
        (((0, {"BTC": 1, "ETH": 1.5}),), "1.5 (float): for ETH"),
        (((0, {"BTC": 1, "ETH": True}),), "True (bool): for ETH"),
        (((0, {"BTC": 1, "XRP": 1}),), "'XRP' (str): for an instrument; choose from BTC, ETH"),
        (((0.0, {"BTC": 1, "ETH": 1}),), "0.0 (float): for the time"),
    ],
)
def test_prices_that_cannot_be_are_the_plugins_fault(given: tuple[Any, ...], told: str) -> None:
    """In one line with its name and the value."""
    with pytest.raises(HandlerError) as caught:
        OwnPrices(own(*given), [BTC, ETH], start_ns=0, seed=1)
    assert f"plug-in says.py:Says: prices() {told if told.startswith('must') else f'gave {told}'}" in str(caught.value)


STEPS = st.lists(st.tuples(st.integers(-3, 20), st.integers(-1, 3)), max_size=6)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_prices_come_in_order_or_not_at_all(steps: list[tuple[int, int]]) -> None:
    """What is given is recorded as it is, up to the first that runs back in time or is no price: that is refused."""
    given = [(0, {"BTC": 1, "ETH": 1}), *((at, {"BTC": ticks}) for at, ticks in steps)]
    source = OwnPrices(own(*given), [BTC, ETH], start_ns=100, seed=1)
    right = len(given)
    for place, ((before, _), (at, prices)) in enumerate(pairwise(given), 1):
        if at < before or prices["BTC"] < 1:
            right = place
            break
    taken = []
    try:
        for at_ns, body in source.inputs(7):
            taken.append((at_ns, dict(body.prices)[0], body.provenance.row))  # type: ignore[union-attr]
    except HandlerError:
        assert right < len(given)
    else:
        assert right == len(given)
    assert taken == [(100 + at, prices["BTC"], row) for row, (at, prices) in enumerate(given[:right], 1)]


BANDS = st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 5)), max_size=4)


@given(BANDS)
def test_a_side_of_the_book_rests_or_is_refused(bands: list[tuple[int, int]]) -> None:
    """Nearest first, each further off than the last, cumulative and not negative: against the rule, band by band."""
    right = all(bps > 0 and lots >= 0 for bps, lots in bands)
    right &= all(near[0] < far[0] and near[1] <= far[1] for near, far in pairwise(bands))
    source = OwnDepth(own((0, "ETH", bands, ())), [BTC, ETH], start_ns=5, seed=1)
    if right:
        ((at_ns, quote),) = source.inputs(3)
        assert (at_ns, quote.instrument, quote.bids, quote.asks) == (5, 1, tuple(bands), ())
    else:
        with pytest.raises(HandlerError, match=r"says\.py:Says: quotes\(\) gave .* for ETH; bands are nearest first"):
            list(source.inputs(3))


def test_no_more_is_asked_for_than_the_limits_allow(here: Path) -> None:
    """A source without an end, and a population without one, are refused."""
    endless = "class On:\n def prices(self, view):\n  while True:\n   yield 0, dict.fromkeys(view.instruments, 1)\n"
    many = " def accounts(self, view):\n  n = 0\n  while n := n + 1:\n   yield view.account(f't{n}', 1, {})\n"
    (here / "on.py").write_text(endless + many, encoding="utf-8")
    for room, limit in (("prices", "inputs"), ("population", "accounts")):
        loaded = [f'{room}={{source="on.py:On"}}', f"limits.{limit}=20"]
        if room == "population":
            loaded.append("end=2025-10-10T20:40:10Z")
        with pytest.raises((HandlerError, ScenarioError), match=rf"more than 20;|20 are allowed|limits\.{limit}"):
            run(Scenario.load(SMALL_CRASH, loaded))
