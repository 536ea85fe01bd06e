"""docs/tasks.md: each of the ten tasks is run as it stands, and its figure is the record's, found by other means."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import chdir
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from deleverage import Run, open_run
from deleverage.events.bodies.liquidation import LiquidationFilled
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.ledger import Ledger

from .support.command_line import ENVIRONMENT, call

for needed in ("duckdb", "pyarrow", "cryptography"):
    pytest.importorskip(needed)

PAGE = (Path(__file__).parents[1] / "docs" / "tasks.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- shown: tasks (\w+) -->\n```console\n(.*?)\n```", PAGE, re.DOTALL))
ATOMS = 10**6
REDUCTION = 6618


def commands_of(block: str) -> list[str]:
    """The commands of a block, each as it is typed; one may have several lines."""
    found: list[str] = []
    for line in BLOCKS[block].splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif found and found[-1].count('"') % 2:
            found[-1] += f"\n{line}"
    return found


def typed(command: str, environment: dict[str, str]) -> str:
    """What a command prints: one of this program in this process, which is soon there, and the rest in a shell."""
    own, _, rest = command.partition(" | ")
    given = ""
    if own.startswith("deleverage "):
        words, _, to = re.sub(r" 2> /dev/null", "", own).partition(" > ")
        done = call(*shlex.split(words)[1:], COLUMNS="96")
        assert done.exit_code == 0, done.stderr
        given, command = "" if to else done.stdout, rest or "cat"
    ended = subprocess.run(
        command, shell=True, input=given, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs the commands of a block, those of the record first, once each, and gives what they printed."""
    folder = tmp_path_factory.mktemp("tasks")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = ENVIRONMENT | {"COLUMNS": "96", "PATH": path}
    (folder / "batch.csv").write_text(re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)[0], encoding="utf-8")
    done: dict[str, str] = {}

    def run(*blocks: str) -> str:
        for block in ("record", *blocks):
            if block not in done:
                with chdir(folder):
                    done[block] = "".join(typed(command, environment) for command in commands_of(block))
        return done[blocks[-1]]

    run.__dict__["folder"] = folder
    return run


@pytest.fixture(scope="module")
def crash(printed: Callable[..., str]) -> Run:
    """The record of the page."""
    printed("record")
    return open_run(printed.__dict__["folder"] / "crash.run")


def told(printed: Callable[..., str], block: str, *figures: str, after: tuple[str, ...] = ()) -> None:
    """Each figure is printed today, and stands in the block of the page."""
    now = printed(*after, block)
    for figure in figures:
        assert figure in now, f"{figure!r} is not in {now}"
        assert figure in BLOCKS[block], f"{figure!r} is not on the page; run python docs/show.py 'tasks {block}'"


def amount(atoms: int, decimals: int = 6) -> str:
    """An amount as it is printed."""
    return format((Decimal(atoms) / ATOMS).quantize(Decimal(10) ** -decimals), ",f")


def reductions(run: Run) -> list[tuple[int, int, PositionDeleveraged]]:
    """Number, time and body of each."""
    return [(one.seq, one.at_ns, one.body) for one in run.events() if isinstance(one.body, PositionDeleveraged)]


def worth_atoms(ledger: Ledger, instrument: int, lots: int) -> int:
    """Of so many lots at the mark, of linear contracts."""
    market = ledger.markets[instrument]
    assert market.marked is not None
    return lots * market.marked.mark_ticks * market.listing.multiplier_atoms


def profits(ledger: Ledger, instrument: int, sign: int) -> dict[str, Fraction]:
    """Profit / |cost| x notional / equity of every trader in profit on that side, worked out here."""
    found = {}
    for account in ledger.accounts:
        held = [(key, one) for key, one in account.positions.items()]
        equity = account.balance_atoms + sum(worth_atoms(ledger, key[0], p.size_lots) - p.cost_atoms for key, p in held)
        for key, one in held:
            worth = worth_atoms(ledger, key[0], one.size_lots)
            profit = worth - one.cost_atoms
            if (
                key[0] == instrument
                and one.size_lots * sign > 0
                and profit > 0
                and equity > 0
                and account.kind == "user"
            ):
                score = Fraction(profit, abs(one.cost_atoms)) * Fraction(abs(worth), equity)
                found[ledger.name(account.account)] = score
    return found


def test_1_a_reduction_followed_the_rule(crash: Run, printed: Callable[..., str]) -> None:
    """The account that was taken has the highest score of all that could be, worked out from the ledger."""
    body = crash.event(REDUCTION).body
    assert isinstance(body, PositionDeleveraged)
    ledger = crash.at(seq=REDUCTION - 1)
    scores = profits(ledger, body.instrument, -1 if body.size_lots > 0 else 1)
    first = max(scores, key=lambda name: scores[name])
    score = Decimal(int(scores[first] * 10**9)).scaleb(-9)
    told(printed, "receipt", first, f"1 of {len(scores)}, with a score of {score}", "the receipt holds")


def test_2_who_lost_what(crash: Run, printed: Callable[..., str]) -> None:
    """Summed over the events of those minutes, each at the mark of its instant."""
    lost, since_ns, until_ns = Counter[str](), crash.event(0).at_ns, crash.event(crash.count - 1).at_ns
    since_ns = until_ns - 120 * 10**9
    for seq, at_ns, body in reductions(crash):
        if at_ns >= since_ns:
            ledger = crash.at(seq=seq - 1)
            lost[ledger.name(body.account)] += body.value_atoms - worth_atoms(ledger, body.instrument, body.size_lots)
    told(printed, "lost", *(f"{name}  {amount(atoms)}" for name, atoms in lost.most_common(3)))


def test_3_a_signed_report_is_checked(crash: Run, printed: Callable[..., str]) -> None:
    """It tells every reduction of the record, and one changed figure breaks the signature."""
    told(printed, "signed", "the signature holds", crash.head, f"{crash.count:,} events")
    file = printed.__dict__["folder"] / "report.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    assert [one["seq"] for one in document["report"]["deleveraged"]] == [seq for seq, *_ in reductions(crash)]
    document["report"]["events"] += 1
    file.write_text(json.dumps(document), encoding="utf-8")
    check = commands_of("signed")[-1].partition("|")[0]
    refused = subprocess.run(check, shell=True, cwd=file.parent, env=ENVIRONMENT, capture_output=True, check=False)
    assert refused.returncode == 1


def test_4_the_overhang(crash: Run, printed: Callable[..., str]) -> None:
    """Open interest is all long lots at the mark, and the largest position is somebody's."""
    ledger = crash.at(time="+30m")
    lots = [
        (account, p.size_lots) for account in ledger.accounts for key, p in account.positions.items() if key[0] == 1
    ]
    interest = sum(worth_atoms(ledger, 1, one) for _, one in lots if one > 0)
    largest = max(abs(worth_atoms(ledger, 1, one)) for _, one in lots)
    told(printed, "overhang", amount(interest, 2), amount(largest, 2))


def test_5_the_smallest_shock(printed: Callable[..., str]) -> None:
    """Nobody is reduced in what it began from; in the shock that was kept somebody is, and its past is the same."""
    printed("shock")
    opened = open_run(printed.__dict__["folder"] / "opened.run")
    ledger = opened.at()
    every = [(p.size_lots, account, key[0]) for account in ledger.accounts for key, p in account.positions.items()]
    lots, account, instrument = max(every, key=lambda one: abs(worth_atoms(ledger, one[2], one[0])))
    shock = open_run(printed.__dict__["folder"] / "shock.run")
    assert not reductions(opened)
    assert all(shock.event(seq) == opened.event(seq) for seq in range(0, opened.count - 1, 100))
    seq, _, body = reductions(shock)[0]
    name = shock.at().name(body.account)
    told(printed, "shock", f"{seq}\t", f"\t{name}\t")
    told(printed, "shock", ledger.name(account.account), amount(abs(worth_atoms(ledger, instrument, lots)), 2))
    told(printed, "shock", "on the same ray")


def test_6_another_rule_on_the_same_crash(crash: Run, printed: Callable[..., str]) -> None:
    """Reductions and accounts, counted in both records; the lab has the first seed's alike."""
    printed("rule")
    other = open_run(printed.__dict__["folder"] / "other.run")
    both = [reductions(one) for one in (crash, other)]
    counts = [[len(one), len({body.account for *_, body in one})] for one in both]
    line = [
        " +".join([name, *(str(one[place]) for one in counts)]) for place, name in enumerate(("reductions", "accounts"))
    ]
    for found in line:
        assert re.search(found, printed("rule")), found
        assert re.search(found, BLOCKS["rule"]), found
    told(printed, "lab", f"profit-leverage      {counts[0][1]} ")


def test_7_the_order_within_an_instant(crash: Run, printed: Callable[..., str]) -> None:
    """What is told as recorded is the sum of the instant's reductions at the mark."""
    last_ns, taken = crash.event(crash.count - 1).at_ns, defaultdict[str, int](int)
    for seq, at_ns, body in reductions(crash):
        if at_ns == last_ns:
            ledger = crash.at(seq=seq - 1)
            taken[ledger.name(body.account)] += abs(worth_atoms(ledger, body.instrument, body.size_lots))
    most = max(taken, key=lambda name: taken[name])
    told(printed, "order", most, amount(taken[most], 2))


def test_8_parquet(crash: Run, printed: Callable[..., str]) -> None:
    """Fills and their worth by instrument, summed over the events."""
    fills = [one.body for one in crash.events() if isinstance(one.body, LiquidationFilled)]
    assert len(fills) > 100
    for instrument in {one.instrument for one in fills}:
        own = [abs(one.value_atoms) for one in fills if one.instrument == instrument]
        told(printed, "parquet", str(len(own)), amount(sum(own)).replace(",", ""))


def test_9_a_venues_file_is_judged(printed: Callable[..., str]) -> None:
    """The first that departs from the order of profit over cost times worth over equity, worked out from the file."""
    lines = (printed.__dict__["folder"] / "batch.csv").read_text(encoding="utf-8").splitlines()[1:]
    scores = {}
    for line in lines:
        _, _, _, price, user, _, _, size, entry, cash, profit, _ = line.split(",")
        lots, at, cost = (abs(Fraction(one)) for one in (size, price, entry))
        scores[user] = (cost / at) * (lots * at) / (Fraction(cash) + Fraction(profit))
    order = sorted(scores, key=lambda user: -scores[user])
    place = next(n for n, user in enumerate(scores) if user != order[n])
    departs, due = list(scores)[place], order[place]
    told(printed, "venue", f"departed at fill {place + 1}", f"from {departs} (score", f"from {due} (score")


def test_10_a_second_before(crash: Run, printed: Callable[..., str]) -> None:
    """The balance and the position of that second, folded from the record; at the end they are others."""
    ledger = crash.at(time="2025-10-10T21:24:59Z")
    account = ledger.accounts[ledger.account_ids["trader-338"]]
    lots = account.positions[2, 0].size_lots
    told(printed, "second", amount(account.balance_atoms), f"short {Decimal(-lots) / 10}", after=("signed",))
    assert crash.at().accounts[account.account].positions[2, 0].size_lots != lots
