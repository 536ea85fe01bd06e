"""A venue in several records by account: together they hold what one holds, under a head that is checked."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
import pytest

from deleverage.events.bodies.inputs import FillReported, TradeExecuted
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event
from deleverage.events.record import leaf_hash, read_shards, shard_of
from deleverage.events.record.shards import SHARDS_NAME
from deleverage.replay.importers.hyperliquid.importer import HyperliquidImporter, share_of
from deleverage.replay.importers.importing import ImportResult, run_import
from deleverage.replay.importers.sharded import import_shards
from deleverage.replay.run import Run, open_run
from deleverage.replay.verify.verification import verify

from .support.command_line import call
from .support.node_fills import block, trade, written

SEEDS = (1, 2, 3)
SHARDS = (2, 3, 7)
ACCOUNTS = [f"0x{number:040x}" for number in range(14)]
COINS = ("BTC", "SOL", "DOGE")


class Book:
    """What each account holds of each coin, so that start positions follow from one fill to the next."""

    def __init__(self, seed: int) -> None:
        self.chance, self.held = random.Random(seed), defaultdict[tuple[str, str], int](int)
        self.rest = {(who, coin): self.chance.randrange(-9, 9) for who in ACCOUNTS for coin in COINS}

    def trade(self, coin: str, buyer: str, seller: str, size: int, **both: Any) -> list[Any]:
        """One trade, with what both held before it."""
        facts = []
        for who, signed in ((buyer, size), (seller, -size)):
            held = self.rest[who, coin]
            facts.append({"address": who, "startPosition": f"{held}.0", "fee": f"0.0{self.chance.randrange(9)}"})
            self.rest[who, coin] = held + signed
        return trade(coin, f"{size}.0", f"{self.chance.randrange(95, 105)}.0", *facts, **both)

    def forced(self, whose: str, method: str) -> list[Any]:
        """What is forced of an account in one coin, against several others."""
        coin, told = self.chance.choice(COINS), {}
        if method == "deleveraged":
            told = {"dir": "Auto-Deleveraging"}
        fact = {"liquidatedUser": whose, "markPx": f"{self.chance.randrange(90, 99)}.0", "method": "market"}
        told["liquidation"] = fact | ({"method": "backstop"} if method == "backstop" else {})
        others = self.chance.sample([one for one in ACCOUNTS if one != whose], 3)
        sides = []
        for other in others:
            buys = self.chance.random() < 0.5
            sides += self.trade(coin, *((whose, other) if buys else (other, whose)), 1, **told)
        return sides

    def lines(self, blocks: int) -> Iterator[str]:
        """So many blocks: plain trades, in some of them liquidations, takeovers and deleveraging."""
        for number in range(1, blocks + 1):
            sides: list[Any] = []
            for _ in range(self.chance.randrange(1, 4)):
                buyer, seller = self.chance.choice(ACCOUNTS), self.chance.choice(ACCOUNTS)
                sides += self.trade(self.chance.choice(COINS), buyer, seller, self.chance.randrange(1, 4))
            if self.chance.random() < 0.3:
                method = self.chance.choice(("market", "backstop", "deleveraged"))
                sides += self.forced(self.chance.choice(ACCOUNTS), method)
            yield block(number, *sides, second=number)


@lru_cache
def fills(seed: int) -> Path:
    """A file of fills."""
    folder = Path(mkdtemp(prefix="deleverage-test-"))
    return written(folder, *Book(seed).lines(40))


@lru_cache
def together(seed: int) -> Run:
    """The whole of it in one record."""
    path = fills(seed)
    return open_run(run_import(HyperliquidImporter([str(path)]), path.with_name("whole.run")).run)


@lru_cache
def apart(seed: int, shards: int) -> tuple[Run, ...]:
    """The same in several, imported in this process."""
    path = fills(seed)
    make = partial(share_of, [str(path)], (), (), shards)
    return tuple(
        open_run(run_import(make(number), path.with_name(f"{shards}-{number}.run")).run) for number in range(shards)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three shards, as the command writes it."""
    path = tmp_path_factory.mktemp("shards") / "venue"
    done = call("import", "hyperliquid", fills(1), "--shards", 3, "--jobs", 1, "-o", path)
    assert done.exit_code == 0, done.stderr
    return path


def told(run: Run, event: Event, name: str) -> tuple[Any, ...]:
    """An event as its account sees it: names for numbers, a trade from its own side, without what a shard counts."""
    body, number = event.body, run.directory.find_account(name)
    fields = msgspec.structs.asdict(body) | {"liquidation_id": 0, "round": 0}
    if isinstance(body, TradeExecuted):
        sign = 1 if body.account == number else -1
        own = sign * body.size_lots, sign * body.value_atoms, body.price_ticks, body.instrument, body.trade_id
        return event.at_ns, "TradeExecuted", own
    for key in ("account", "counterparty", "against", "fund", "owner"):
        if fields.get(key) is not None and not (isinstance(body, AccountOpened) and key == "account"):
            fields[key] = run.directory.accounts[fields[key]].name
    if isinstance(body, AccountOpened):
        fields["account"] = 0
    return event.at_ns, type(body).__name__, event.origin, fields


def befell(run: Run, name: str) -> list[tuple[Any, ...]]:
    """All events that name an account."""
    return [told(run, event, name) for event in run.events_naming(run.directory.find_account(name))]


def own_runs(seed: int, shards: int) -> Iterator[tuple[str, Run]]:
    """Each account with the record that has it."""
    runs = apart(seed, shards)
    return ((name, runs[shard_of(name, shards)]) for name in ACCOUNTS)


@pytest.mark.parametrize("shards", SHARDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_account_has_in_its_shard_what_it_has_in_one_record(seed: int, shards: int) -> None:
    """Every event that names it, in the same order with the same figures, forced ones with their ranks."""
    for name, run in own_runs(seed, shards):
        assert befell(run, name) == befell(together(seed), name)


@pytest.mark.parametrize("shards", SHARDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_account_ends_as_it_does_in_one_record(seed: int, shards: int) -> None:
    """Balance and positions of all accounts, so also their sums: no money and no size is lost between shards."""
    whole = together(seed).at()
    for name, run in own_runs(seed, shards):
        ledger = run.at()
        one, other = ledger.account(name), whole.account(name)
        assert (one.balance_atoms, one.positions) == (other.balance_atoms, other.positions)
        ledger.check()


@pytest.mark.parametrize("shards", SHARDS)
def test_marks_are_the_same_everywhere(shards: int) -> None:
    """Each shard has all of them, so that it values what its accounts hold by itself."""

    def marks(run: Run) -> list[Any]:
        return [(event.at_ns, event.origin, event.body) for event in run.events() if type(event.body) is MarkPriced]

    for seed in SEEDS:
        assert {len(marks(run)) for run in apart(seed, shards)} == {len(marks(together(seed)))}
        assert all(marks(run) == marks(together(seed)) for run in apart(seed, shards))


def test_the_made_up_fills_have_what_is_claimed_of_them() -> None:
    """Liquidations, takeovers and rounds, and no break between start positions: else the tests above show little."""
    counts = Counter(type(event.body).__name__ for seed in SEEDS for event in together(seed).events())
    assert min(counts[kind] for kind in ("LiquidationFilled", "PositionTakenOver", "PositionDeleveraged")) > 5


def test_the_command_gives_what_its_shards_are(folder: Path) -> None:
    """Records in processes of their own, with the heads that an import in this one has."""
    shards = read_shards(folder)
    assert [shard.head for shard in shards.shards] == [run.head for run in apart(1, 3)]
    one, two, three = (leaf_hash(bytes.fromhex(shard.head)) for shard in shards.shards)
    assert shards.head == leaf_node(leaf_node(one, two), three).hex()


def leaf_node(left: bytes, right: bytes) -> bytes:
    """RFC 6962's inner node, written out."""
    return sha256(b"\1" + left + right).digest()


@pytest.mark.parametrize("command", ["history", "log", "state", "why"])
def test_a_question_about_an_account_finds_its_shard(folder: Path, command: str) -> None:
    """The answer is that of the record which has the account, and of no other."""
    name = ACCOUNTS[3]
    own = folder / read_shards(folder).shards[shard_of(name, 3)].run
    done, alone = (call(command, path, "--account", name) for path in (folder, own))
    assert done.exit_code == 0, done.stderr
    assert done.stdout == alone.stdout
    assert name in done.stdout


def test_a_receipt_from_the_shard_of_an_account(folder: Path, tmp_path: Path) -> None:
    """It is checked against the head of that shard, which the head over all vouches for."""
    name = ACCOUNTS[3]
    shard = read_shards(folder).shards[shard_of(name, 3)]
    run = open_run(folder / shard.run)
    seq = next(run.events_naming(run.directory.find_account(name))).seq
    done = call("receipt", folder, seq, "--account", name, "-o", tmp_path / "receipt.json")
    assert done.exit_code == 0, done.stderr
    assert call("check", tmp_path / "receipt.json", "--head", shard.head).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("state",), "3 records by account"),
        (("state", "--account", "7"), "numbers of its own"),
        (("info",), "3 records"),
    ],
)
def test_what_is_about_no_account_is_refused(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    """One line says that there are several, and what to give."""
    command, *options = arguments
    done = call(command, folder, *options)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())


def test_the_head_over_all_is_what_head_asks_for(folder: Path) -> None:
    """`--head` of a folder is that of the merge; the head of one shard, or any other, is refused."""
    shards = read_shards(folder)
    asked = partial(call, "state", folder, "--account", ACCOUNTS[0], "--head")
    assert asked(shards.head).exit_code == 0
    assert asked(shards.shards[0].head).exit_code == 1


def test_verify_looks_at_every_shard_and_the_merge(folder: Path) -> None:
    """All of them are sound, and so is what they are under."""
    found = verify(folder)
    assert found.sound
    assert [check.check for check in found.checks] == ["merge", "0000.run", "0001.run", "0002.run"]
    assert (found.head, found.events) == (read_shards(folder).head, read_shards(folder).count)


def altered(folder: Path, to: Path, change: dict[str, Any]) -> Path:
    """The same shards, with something changed in what is said of the first."""
    to.mkdir()
    document = json.loads((folder / SHARDS_NAME).read_text())
    for shard in document["shards"]:
        (to / shard["run"]).symlink_to(folder / shard["run"])
    document["shards"][0] |= change
    (to / SHARDS_NAME).write_text(json.dumps(document))
    return to


@pytest.mark.parametrize("change", [{"head": "0" * 64}, {"count": 1}, {"run": "../away.run"}], ids=str)
def test_what_is_said_wrongly_of_a_shard_is_found(folder: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    """Another head does not lead to the one over all, another count is not that of the record, no name leads away."""
    done = call("verify", altered(folder, tmp_path / "other", change))
    assert done.exit_code == 1
    assert "merge" in done.stdout


def test_a_shard_that_was_exchanged_is_found(folder: Path, tmp_path: Path) -> None:
    """A sound record in the place of another does not have the head that is said of it."""
    other = altered(folder, tmp_path / "other", {})
    (other / "0001.run").unlink()
    (other / "0001.run").symlink_to(folder / "0002.run")
    done = call("verify", other)
    assert done.exit_code == 1
    assert "0001.run" in done.stderr
    told = call("state", other, "--account", next(one for one in ACCOUNTS if shard_of(one, 3) == 1))
    assert told.exit_code == 1


def test_a_bad_file_leaves_nothing_behind(tmp_path: Path) -> None:
    """A shard that cannot be imported ends all of it, with the file and the line."""
    bad, output = written(tmp_path, block(1, *trade("BTC", "1.0", "ten"))), tmp_path / "venue"
    done = call("import", "hyperliquid", bad, "--shards", 2, "--jobs", 1, "-o", output)
    assert done.exit_code == 2
    assert "fills.jsonl:1" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["fills.jsonl"]


def test_one_result_for_all_shards(tmp_path: Path) -> None:
    """The figures of an import into shards are the sums of theirs."""
    make = partial(share_of, [str(fills(2))], (), (), 2)
    result: ImportResult = import_shards(make, tmp_path / "venue", 2, jobs=1)
    assert result.events == sum(shard.events for shard in result.shards) == read_shards(tmp_path / "venue").count
    assert dict(result.counts)["FillReported"] >= dict(counts_of(together(2)))["FillReported"]


def test_sql_asks_all_shards_at_once(folder: Path) -> None:
    """A table has the rows of each, with the shard in front: in its own an account has all of its fills."""
    pytest.importorskip("duckdb")
    question = "SELECT account, count(*) AS fills FROM FillReported WHERE shard = {} GROUP BY account"
    fills_of: dict[str, int] = {}
    for number in range(3):
        done = call("sql", folder, question.format(number), "--json")
        assert done.exit_code == 0, done.stderr
        rows = map(json.loads, done.stdout.splitlines())
        fills_of |= {row["account"]: row["fills"] for row in rows if shard_of(row["account"], 3) == number}
    whole = Counter(
        run.directory.accounts[event.body.account].name
        for run in [together(1)]
        for event in run.events(type="FillReported")
        if isinstance(event.body, FillReported)
    )
    assert fills_of == whole
    empty = call("sql", folder, "SELECT count(shard) AS times FROM LoopUnwound", "--json")
    assert json.loads(empty.stdout) == {"times": 0}


def counts_of(run: Run) -> Counter[str]:
    """How many events of each type."""
    return Counter(type(event.body).__name__ for event in run.events())
