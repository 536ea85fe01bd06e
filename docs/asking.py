"""Small worlds, and every command asked about them with `--json`: what `draw_schemas.py` and its test look at.

Each world is made from a seed, so the schemas are drawn from some and held against others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deleverage.__main__ import main
from deleverage.tests.support.command_line import small_record, tear

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
LINES = {"log", "history", "watch", "sql"}
"""Those that print JSON Lines: a document is a line."""
TARGET = """\
trials = 2
batch = 2
seeds = [1]
held_out = [101]
[[parameters]]
key = "insurance_fund.balance"
low = 1_000
step = 1_000
high = 20_000
[[objectives]]
metric = "accounts_deleveraged"
[[constraints]]
metric = "loss_socialised"
at_most = 1_000_000
"""
TABLE = """\
seq,time_ms,coin,adl_price,user_prefix,adl_size,closed_pnl,position_size,entry_price,account_value_cash,\
total_unrealized_pnl,liquidated_user
0,1760130964831,AVAX,22.0,0xa,10.0,80.0,-10.0,30.0,100.0,80.0,0xdead
1,1760130964831,AVAX,22.0,0xb,10.0,80.0,-10.0,30.0,{}.0,80.0,0xdead
2,1760130964831,AVAX,22.0,0xc,10.0,80.0,-10.0,30.0,500.0,-15.25,0xdead
3,1760130964831,AVAX,22.0,0xd,4.0,32.0,-10.0,30.0,100.0,80.0,0xdead
"""
_BAD_DEBT = 7
"""A seed with which a small lending market is left with some."""
Printed = tuple[str, Any]
"""A command and a document that it printed."""


class Asking:
    """The commands, asked in a folder; whatever they print is kept as a document of the command."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.printed: list[Printed] = []

    def __call__(self, command: str, *arguments: object, codes: tuple[int, ...] = (0,)) -> list[Any]:
        """What the command prints as documents. Raises AssertionError if it ends with another code."""
        done = CliRunner().invoke(main, [*command.split(), *map(str, arguments), "--json"], catch_exceptions=False)
        assert done.exit_code in codes, f"{command} {arguments}: {done.stderr}"
        name = command.split(maxsplit=1)[0]
        documents = list(map(json.loads, done.stdout.splitlines())) if name in LINES else [json.loads(done.stdout)]
        self.printed += [(name, document) for document in documents]
        return documents

    def made(self, scenario: str, name: str, *settings: str) -> Path:
        """The record of a scenario."""
        path = self.folder / name
        given = [word for one in settings for word in ("--set", one)]
        file = SUPPORT / f"{scenario}.toml"
        self("run", file if file.exists() else scenario, "--seed", self.seed, *given, "-o", path)
        return path


def asked(folder: Path, seed: int) -> list[Printed]:
    """Every command with --json, about worlds of this seed. Some 8 s of one core."""
    ask = Asking(folder, seed)
    crash = ask.made("small-crash", "crash.run", "population.accounts=120")
    lines = ask("log", crash)
    reduction = [line for line in lines if line["type"] == "PositionDeleveraged"][-1]
    for part in (_of_a_crash, _what_is_proved, _what_else_was_possible):
        part(ask, crash, reduction)
    for part in (_of_other_worlds, _of_an_import, _of_many_runs, _of_a_torn_one):
        part(ask)
    return ask.printed


def _of_a_crash(ask: Asking, crash: Path, reduction: dict[str, Any]) -> None:
    """What happened in it."""
    account, at = reduction["values"]["account"], reduction["seq"]
    ask("log", crash, "--columns", "seq,at,account,size_lots", "--type", "PositionDeleveraged")
    ask("info", crash, "--types")
    for point in (0, 5, at, "+60m"):
        ask("state", crash, "--at", point)
    ask("history", crash, "--account", account)
    ask("sql", crash, "SELECT account, size FROM PositionDeleveraged LIMIT 3")
    trace = "--format", "perfetto", "--from", "+15m", "--to", "+16m"
    ask("export", crash, "-o", ask.folder / "tables", "--table", "MarkPriced", "--format", "csv")
    ask("export", crash, "-o", ask.folder / "trace", *trace)
    ask("watch", crash, "--every", "5m", "--until", "+25m")
    ask("why", crash, account)
    ask("why", crash, "--from", "+15m", "--to", "+20m")
    for kind in ("PositionDeleveraged", "LiquidationStarted", "MarginCalled", "MarkPriced", "ShortfallDeclared"):
        for line in ask("log", crash, "--type", kind)[:1]:
            ask("why", crash, line["seq"])
    other = ask.folder / "other.run"
    ask("fork", crash, "--at", "+15m", "--set", "adl.policy=profit-share", "-o", other)
    ask("fork", crash, "--at", "+60m")
    ask("info", other)
    ask("diff", crash, other)
    ask("pack", other, "-o", ask.folder / "other.pack")


def _what_is_proved(ask: Asking, crash: Path, reduction: dict[str, Any]) -> None:
    """Receipts, signatures and verdicts on the record."""
    (told,) = ask("receipt", crash, reduction["seq"], "-o", ask.folder / "receipt.json")
    ask("check", ask.folder / "receipt.json", "--head", told["head"])
    ask("check", ask.folder / "receipt.json", "--head", "0" * 64, codes=(1,))
    ask("receipt", crash, "--everyone", "--jobs", 1, "-o", ask.folder / "receipts")
    ask("why", crash, "--everyone", "--jobs", 1, "-o", ask.folder / "pages")
    ask("verify", crash)
    private, public = _keys(ask)
    ask("report", crash, "--regulator", "-o", ask.folder / "report.json", "--sign", private)
    ask("report", crash, "--regulator")
    ask("check", ask.folder / "report.json", "--head", told["head"], "--signer", public)


def _keys(ask: Asking) -> tuple[Path, Path]:
    """A private and a public key, as files."""
    key, pem = Ed25519PrivateKey.from_private_bytes(bytes([ask.seed] * 32)), serialization.Encoding.PEM
    private, public = ask.folder / "key.pem", ask.folder / "key-public.pem"
    whole = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(whole)
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def _what_else_was_possible(ask: Asking, crash: Path, reduction: dict[str, Any]) -> None:
    """Other orders, other draws, other shocks."""
    account = reduction["values"]["account"]
    ask("fair", crash, "--orders", 2, "--jobs", 1)
    ahead = "--process", "walk", "--horizon", "1m", "--instants", 2, "--draws", 2, "--jobs", 1
    ask("fate", crash, "--account", account, *ahead)
    ask("fate", crash, "--fund", *ahead)
    few = "--within", "20s", "--hold", "30s", "--resolution", 500, "--mixtures", 0, "--jobs", 1
    ask("stress", f"{crash}@+10m", *few)


def _of_other_worlds(ask: Asking) -> None:
    """A calm one, several assets, options, a chain, a price that trades make."""
    ask("scenarios")
    ask("policies")
    ask("new-policy", "adl", "my-rule", "-o", ask.folder / "rules")
    ask("run", "calm", "--dry-run")
    ask("run", "lending", "--seed", _BAD_DEBT, "--set", "population.accounts=60")
    living = ask.made("small-living", "living.run", "population.accounts=80")
    for world, few in (("calm", "accounts=20"), ("lending", "accounts=60"), ("options", ""), ("two-assets", "")):
        made = ask.made(world, f"{world}.run", *([f"population.{few}"] if few else []))
        ask("state", made)
        ask("info", made)
    ask("state", ask.made("depeg", "depeg.run"), "--at", "+20m")
    ask("split", living, "--jobs", 1)


def _of_an_import(ask: Asking) -> None:
    """A batch written by hand, in the layout of a reconstructed table."""
    table, record = ask.folder / "table.csv", ask.folder / "venue.run"
    table.write_text(TABLE.format(20 + ask.seed), encoding="utf-8")
    ask("import adl-table", table, "--mark", "AVAX=22", "-o", record)
    for command in ("info", "state", "verify", "audit", "verdict"):
        ask(command, record)
    ask("bridge", record, "-o", ask.folder / "incident")


def _of_many_runs(ask: Asking) -> None:
    """A lab of two rules, and a calibration of two trials."""
    few = "--set", "population.accounts=40", "--jobs", 1
    varied = "--vary", "adl.policy=profit-leverage,profit-share", "--seeds", 1
    ask("lab", SUPPORT / "small-crash.toml", *few, *varied, "-o", ask.folder / "lab")
    target = ask.folder / "target.toml"
    target.write_text(TARGET, encoding="utf-8")
    crash = SUPPORT / "small-crash.toml"
    ask("calibrate", crash, *few, "--target", target, "-o", ask.folder / "fund", codes=(0, 1))


def _of_a_torn_one(ask: Asking) -> None:
    """A record whose last block was cut."""
    torn = small_record(ask.folder)
    tear(torn)
    for command in ("info", "verify"):
        ask(command, torn, codes=(0, 1, 2, 3))
    ask("recover", torn, codes=(0, 1))


def by_command(printed: list[Printed]) -> Iterator[tuple[str, list[Any]]]:
    """The documents of each command, together."""
    for name in dict.fromkeys(name for name, _ in printed):
        yield name, [document for command, document in printed if command == name]
