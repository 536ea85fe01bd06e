"""Scenarios with values that nobody means: one line that names the place, exit code 2, and never without end."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.run import Producer
from deleverage.events.errors import ScenarioError
from deleverage.events.record.manifest import read_manifest
from deleverage.handlers.registry import SLOTS
from deleverage.sim.limits import LimitSettings, check_timers
from deleverage.sim.listings import list_assets
from deleverage.sim.scenario import Scenario
from deleverage.sim.settings import AssetSettings
from deleverage.sim.toml_tree import DEPTH_MOST, TEXT_MOST, check_values
from deleverage.sim.units import INT64_MAX

from .support.command_line import call
from .support.hostile import TOML_VALUES, is_one_line, places, within

TOML = """
name = "small"
venue = "generic"
seed = 7
start = "2025-10-10T20:00:00Z"
end = "2025-10-10T20:00:30Z"
settle_ns = "1s"
assets = [{ name = "USDT", decimals = 6 }]

[[instruments]]
name = "BTC-PERP"
asset = "USDT"
kind = "linear"
tick_size = 0.1
lot_size = 0.001
start_price = 117_000
refill_half_life_ns = "30s"
impact_bps = 5000
tiers = [{ floor = 0, rate = 0.01 }, { floor = 1_000_000, rate = 0.02 }]

[prices]
source = "generator"
duration_ns = "20s"
interval_ns = "5s"
volatility = 0.05
correlation = 0.8
jumps_per_hour = 1
jump_mean = 0
jump_spread = 0
betas = { BTC-PERP = 1 }
phases = [{ from_ns = "5s", to_ns = "12s", move = -0.3, volatility_multiple = 5 }]

[depth]
source = "profile"
measure = "notional"
multiples = { BTC-PERP = 1 }
bands = [[10, 200_000], [100, 2_000_000]]
steps = [{ after_ns = "5s", multiple = 0.5 }]

[population]
source = "seeded"
accounts = 5
median_notional = 10_000
max_notional = 1_000_000
leverage = [[3, 5], [10, 3]]
tail = 1.2
leverage_spread = 0.2
long_share = 0.5
instruments = [1]
entry_spread = 0.05

[insurance_fund]
balance = 20_000

[limits]
inputs = 1_000
accounts = 100
"""


def written_as(place: tuple[str | int, ...]) -> str:
    """A place as a key of `--set`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


def slot_keys() -> list[tuple[str, tuple[str, ...]]]:
    """Every parameter of every policy, as a key and the other settings that it needs."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for slot, policies in SLOTS.items():
        found += [(slot, ()), (f"{slot}.policy", ()), (f"{slot}.latency_ns", ())]
        for name, choice in policies.items():
            fields = () if choice is None else choice.parameters.__struct_fields__
            found += [(f"{slot}.{field}", (f"{slot}.policy={name}",)) for field in fields]
    return found


ABSENT = (
    "prices.file",
    "prices.since",
    "prices.follow",
    "depth.file",
    "population.file",
    "population.groups",
    "mark.x",
)
KEYS: list[tuple[str, tuple[str, ...]]] = [
    *((written_as(place), ()) for place in places(tomllib.loads(TOML))),
    *((key, ()) for key in ABSENT),
    *slot_keys(),
]


FEW_VALUES = ("nan", "1e999999", "-1", "0", "0.5", str(2**63 - 1), str(2**63), "'x'", "[]", "true", "'9999999999d'")
"""For the parameters of policies, which are all checked in one place."""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenario, as a file."""
    path = tmp_path_factory.mktemp("hostile") / "small.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


def test_the_scenario_itself_is_sound(scenario: Path) -> None:
    """What the values are put into runs."""
    assert call("run", scenario).exit_code == 0


@pytest.mark.parametrize(("key", "others"), KEYS, ids=[f"{key}-{place}" for place, (key, _) in enumerate(KEYS)])
def test_a_value_is_taken_or_refused(scenario: Path, key: str, others: tuple[str, ...]) -> None:
    """Whatever stands at a key: it is loaded and checked, or a ScenarioError in one line says what is wrong."""
    for value in FEW_VALUES if others else TOML_VALUES:
        said = ""
        try:
            with within(20):
                Scenario.load(str(scenario), [*others, f"{key}={value}"]).resolve()
        except ScenarioError as error:
            said = str(error)
        assert "\n" not in said, value
        assert "Error" not in said, value


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(KEYS), st.sampled_from(TOML_VALUES))
def test_a_run_ends_in_a_summary_or_in_one_line(
    scenario: Path, chosen: tuple[str, tuple[str, ...]], value: str
) -> None:
    """With 0, or with 2 and the reason; with 1 only where a figure outgrows the record while it runs."""
    key, others = chosen
    options = [text for setting in (*others, f"{key}={value}") for text in ("--set", setting)]
    with within(60):
        result = call("run", scenario, *options)
    if result.exit_code:
        assert is_one_line(result, 2) or (is_one_line(result, 1) and "event " in result.stderr), result.stderr


NAMED = [
    ("instruments[0].tiers[0].rate=nan", "instruments[0].tiers[0].rate: NaN is not a finite number"),
    ("instruments[0].tiers[0].rate=-inf", "instruments[0].tiers[0].rate: -Infinity is not a finite number"),
    ("instruments[0].tiers[0].rate=1e999999", "instruments[0].tiers[0].rate: 1.000e+999999 is out of range"),
    ("instruments[0].tiers[0].rate='nan'", "$.instruments[0].tiers[0]: rate must lie between 0 and 1, not NaN"),
    ("instruments[0].lot_size=1e999999999999", "instruments[0].lot_size: 1.000e+999999999999 is out of range"),
    ("insurance_fund.balance=inf", "insurance_fund.balance: Infinity is not a finite number"),
    (f"seed={'9' * 5000}", "--set seed: it has a number of too many digits"),
    (f"seed={2**63}", "seed: a whole number of more than 64 bits"),
    (f"name={'[' * 500}", "--set name: its lists and tables lie too deep within one another"),
    ("name=\udcff", "name: '\\udcff' is no Unicode text"),
    ("settle_ns='40000d'", "$.settle_ns: 3456000000000000000 ns are more than a hundred years"),
    ("prices.interval_ns=1", "$.limits.inputs: with 'generator' (jump diffusion) the sources make 20,000,00"),
    ("population.accounts=1000000000000", "$.population: 1,000,000,000,000 accounts or more take some 1,600,000.0 GB"),
    (
        "funding.interval_ns=1",
        "$.funding.interval_ns: a timer every 1 ns up to 2025-10-10T20:00:21Z is more than 1,000",
    ),
    ("insurance_fund.sale_interval_ns=125", "$.insurance_fund.sale_interval_ns: a timer every 125 ns"),
    ("limits.inputs=0", "$.limits: inputs must lie between 1 and"),
    ("limits.input=5", "$.limits: Object contains unknown field `input`"),
    (f"prices.phases=[{','.join(['{from_ns=1,to_ns=2}'] * 1001)}]", "$.prices.phases"),
    (f"depth.bands=[{','.join(['[10,1]'] * 1001)}]", "length <= 1000"),
]


@pytest.mark.parametrize(("setting", "said"), NAMED, ids=range(len(NAMED)))
def test_the_line_names_the_place_and_what_to_do(scenario: Path, setting: str, said: str) -> None:
    """What is wrong, where, in one line, before anything is written."""
    result = call("run", scenario, "--set", setting, "-o", scenario.with_name("never.run"))
    assert is_one_line(result, 2), result.stderr
    assert said in result.stderr
    assert not scenario.with_name("never.run").exists()


def test_an_event_that_no_bytes_stand_for_ends_the_run_with_a_sealed_record(scenario: Path, tmp_path: Path) -> None:
    """A figure that outgrows 64 bits on the way is said with its event; the record is sealed up to the one before."""
    run = tmp_path / "a.run"
    fund = "insurance_fund.capital_bps=9223372036854775807"
    fall = "prices.phases=[{from_ns='5s',to_ns='12s',move=-0.9}]"
    options = ("--set", fund, "--set", fall, "--set", "population.accounts=60")
    result = call("run", scenario, *options, "-o", run)
    assert is_one_line(result, 1), result.stderr
    assert "(ShortfallDeclared) holds a figure of more than 64 bits" in result.stderr
    assert "the record ends before it" in result.stderr
    failed = read_manifest(run)
    assert (failed.status, failed.head is not None) == ("failed", True)
    assert failed.error is not None
    assert "holds a figure of more than 64 bits" in failed.error
    served = call("log", run)
    assert (served.exit_code, len(served.stdout.splitlines())) == (0, failed.count)


def test_the_limits_are_no_part_of_what_a_scenario_is(scenario: Path) -> None:
    """The same run under other limits has the same head, and a limit that is raised lets it run."""
    heads = set()
    for limit in ("limits.inputs=1000", "limits.inputs=2000000", "limits.accounts=6"):
        result = call("run", scenario, "--set", limit)
        heads.add(result.stdout.splitlines()[-1])
    assert len(heads) == 1
    assert call("run", scenario, "--set", "limits.inputs=9").exit_code == 0
    refused = call("run", scenario, "--set", "limits.inputs=6")
    assert "the sources make 7 inputs or more, and 6 are allowed" in refused.stderr
    assert call("run", scenario, "--set", "limits.accounts=4").exit_code == 2


def test_a_dry_run_says_how_much_there_will_be(scenario: Path) -> None:
    """As text and as JSON; what comes behind the end is not counted, nor is anything run."""
    result = call("run", scenario, "--dry-run", "--set", "end='2025-10-10T20:00:10Z'")
    assert result.stdout.splitlines() == [
        "small, seed 7: checked, not run",
        "from         2025-10-10T20:00:00Z",
        "inputs       5, of 1,000 at most (limits.inputs)",
        "accounts     5, of 100 at most (limits.accounts), some 0 MB",
    ]
    document: dict[str, Any] = json.loads(call("run", scenario, "--dry-run", "--json").stdout)
    assert (document["inputs"], document["accounts"], document["limits"]["inputs"]) == (7, 5, 1_000)


def test_rows_of_a_file_are_counted_up_to_the_limit(scenario: Path, tmp_path: Path) -> None:
    """A file that holds more inputs than there may be is refused behind so many; so is one of accounts."""
    header = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    rows = "".join(
        f"x,BTC,{1_760_126_400_000_000 + n * 10**6},{1_760_126_400_000_001 + n * 10**6},{n},buy,117000,1\n"
        for n in range(30)
    )
    prices, accounts = tmp_path / "trades.csv", tmp_path / "accounts.csv"
    prices.write_text(header + rows, encoding="utf-8")
    lines = "".join(f"a{n},100,,,\n" for n in range(30))
    accounts.write_text(f"account,balance,instrument,size,entry_price\n{lines}", encoding="utf-8")
    taken = call("run", scenario, "--set", f"prices.file={prices}", "--set", "limits.inputs=32", "--dry-run")
    assert "inputs       32, of 32" in taken.stdout, taken.stderr
    refused = call("run", scenario, "--set", f"prices.file={prices}", "--set", "limits.inputs=31")
    assert is_one_line(refused, 2)
    assert "with 'trades.csv' (tardis trades) the sources make 32 inputs or more" in refused.stderr
    source = f'population={{source="csv",file="{accounts}"}}'
    refused = call("run", scenario, "--set", source, "--set", "limits.accounts=29", "-o", tmp_path / "a.run")
    assert is_one_line(refused, 2)
    assert "accounts.csv:31: more than 29 rows of accounts" in refused.stderr
    assert not (tmp_path / "a.run").exists()


FILES = {
    "deep arrays": "x = " + "[" * 200_000 + "]" * 200_000,
    "deep keys": ".".join(["a"] * 3_000) + " = 1",
    "deep tables": "[" + ".".join(["a"] * 3_000) + "]\nb = 1",
    "a number without end": "x = " + "9" * 100_000,
    "an exponent without end": "x = 1e" + "9" * 30,
    "no number": 'name = "x"\nx = nan',
    "no text": "name = \x00",
    "a table for a name": "[name]\nx = 1",
    "nothing": "",
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    """Nested without end, or with numbers without end: one line that names the file or the place in it."""
    path = tmp_path / "odd.toml"
    path.write_text(FILES[name], encoding="utf-8")
    with within(20):
        result = call("run", path)
    assert is_one_line(result, 2), result.stderr
    assert "odd.toml" in result.stderr or "$" in result.stderr


def test_bytes_that_are_no_text_and_files_that_are_too_long_are_refused(tmp_path: Path) -> None:
    """A scenario is UTF-8, and no longer than 16 MiB."""
    path = tmp_path / "odd.toml"
    path.write_bytes(b"name = '\xff'")
    assert "odd.toml: cannot be read as UTF-8 text (invalid start byte at byte 8)" in call("run", path).stderr
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with within(20):
        result = call("run", path)
    assert is_one_line(result, 2)
    assert "it has more than 16,777,216 bytes" in result.stderr


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b", "\udcff", "/dev/null", "~nobody/x"])
def test_a_name_that_no_file_has_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a scenario, and as any file that it names."""
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["run", name],
        ["run", "calm", "--set", f"prices.file='{name}'"],
        ["run", "calm", "--set", f"adl.policy='{name}.py'"],
        ["lab", name, "-o", "x"],
    ):
        result = call(*arguments)
        assert is_one_line(result, 2), (arguments, result.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "calm", "--set", f"instruments[{'9' * 5_000}].x=1"], "is not a key; write it like"),
        (["run", "calm", "--set", "instruments[\u0661].name=x"], "is not a key; write it like"),
        (["run", "calm", "--set", "instruments[99].name=x"], "--set instruments[99].name: there is no 99"),
        (["lab", "calm", "--seeds", str(10**12), "-o", "x"], "1,000,000,000,000 cells are more than the 1,000,000"),
        (["lab", "calm", "--jobs", str(10**9), "-o", "x"], "is not in the range 1<=x<=1024"),
        (["verify", "x", "--jobs", str(10**9)], "is not in the range 1<=x<=1024"),
        (["new-policy", "adl", "x" * 5_000], "File name too long"),
    ],
    ids=range(7),
)
def test_counts_and_places_without_end_are_refused(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of cells, processes, and indices in a key: one line and exit code 2."""
    monkeypatch.chdir(tmp_path)
    with within(20):
        result = call(*arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr


def test_a_fork_that_would_set_timers_without_end_is_refused(tmp_path: Path, scenario: Path) -> None:
    """A limit holds for what a fork changes as well."""
    run = tmp_path / "a.run"
    assert call("run", scenario, "-o", run).exit_code == 0
    with within(60):
        result = call("fork", run, "--at", "+00:00:05", "--set", "funding.interval_ns=1", "--set", "adl.latency_ns=nan")
        assert is_one_line(result, 2)
        result = call("fork", run, "--at", "+00:00:05", "--set", "funding.interval_ns=1")
    assert result.exit_code in (0, 2)


@pytest.mark.parametrize(
    ("most", "over"),
    [
        (INT64_MAX, INT64_MAX + 1),
        (-INT64_MAX, -INT64_MAX - 1),
        (Decimal("9e60"), Decimal("1e61")),
        (Decimal("1e-60"), Decimal("9e-61")),
        (Decimal("1." + "1" * 119), Decimal("1." + "1" * 120)),
        ("x" * TEXT_MOST, "x" * (TEXT_MOST + 1)),
    ],
    ids=["63 bits", "63 bits below zero", "largest", "smallest", "digits", "text"],
)
def test_a_value_of_exactly_the_most_is_taken(most: Any, over: Any) -> None:
    """What is as large, as small or as long as it may be passes, and the next beyond does not."""
    check_values({"key": most}, "$")
    with pytest.raises(ScenarioError, match=r"\$\.key: "):
        check_values({"key": over}, "$")


def test_tables_of_exactly_the_most_depth() -> None:
    """Sixteen within one another are taken, and one more is not."""
    nested: Any = 1
    for _ in range(DEPTH_MOST):
        nested = [nested]
    check_values(nested, "$")
    with pytest.raises(ScenarioError, match="tables and lists are 16 deep here"):
        check_values([nested], "$")


@pytest.mark.parametrize(("limit", "code"), [("inputs=7", 0), ("inputs=6", 2), ("accounts=5", 0), ("accounts=4", 2)])
def test_a_limit_of_exactly_what_is_made(scenario: Path, limit: str, code: int) -> None:
    """Seven inputs and five accounts are made where so many are allowed, and nothing where one is missing."""
    assert call("run", scenario, "--set", f"limits.{limit}").exit_code == code


@pytest.mark.parametrize(("period_ns", "taken"), [(9, False), (10, True), (11, True)])
def test_a_period_that_just_makes_the_limit(period_ns: int, taken: bool) -> None:
    """In a hundred nanoseconds ten timers are taken where there may be ten inputs, and eleven are not."""
    producer, limits = Producer("funding", "interval", "1", {"interval_ns": period_ns}), LimitSettings(inputs=10)
    if taken:
        check_timers([producer], 1_000, 1_100, limits)
    else:
        with pytest.raises(ScenarioError, match=r"\$\.funding\.interval_ns: a timer every 9 ns"):
            check_timers([producer], 1_000, 1_100, limits)


@pytest.mark.parametrize(("decimals", "taken"), [(-1, False), (0, True), (18, True), (19, False)])
def test_decimals_of_an_asset(decimals: int, taken: bool) -> None:
    """From none to eighteen."""
    settings = msgspec.structs.replace(Scenario.load("calm").settings, assets=(AssetSettings("USDT", decimals),))
    if taken:
        assert list_assets(settings)[0].decimals == decimals
    else:
        with pytest.raises(ScenarioError, match=f"{decimals} is not between 0 and 18"):
            list_assets(settings)
