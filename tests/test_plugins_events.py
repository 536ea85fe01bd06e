"""Types of events that a plug-in declares: recorded, folded, proved and found without it, told in its words with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage import Scenario, open_run, run, verify
from deleverage.events.bodies.plugins import PluginPaid
from deleverage.events.errors import HandlerError, ScenarioError
from deleverage.events.record import RecordSettings
from deleverage.handlers.testing import check_policy

from .support.command_line import call
from .support.crash import SMALL_CRASH

NIGHTS = '''
import msgspec

from deleverage.events.bodies.declaring import FEES, Payment
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.grounds import Ground
from deleverage.events.kinds import AccountAmount, AccountNumber
from deleverage.events.own import OwnEvent
from deleverage.handlers.protocol import Handler


class NightCharged(OwnEvent):
    tag = 10_010
    grounds = (Ground.BALANCE, Ground.RULE)
    posting = Payment("account", FEES)
    phrase = "{account} paid {amount_atoms} for the night"

    account: AccountNumber
    amount_atoms: AccountAmount


class NightBegan(OwnEvent):
    tag = 10_011
    grounds = (Ground.RULE,)
    phrase = "a night began, for {text}"

    text: str = "all"


class Nights(Handler):
    """Charges two accounts at every price, and hears of it."""

    name = "profit_cap"
    subscribes = (PriceTicked, NightCharged)
    reports = (NightCharged, NightBegan)

    class Parameters(msgspec.Struct):
        charge_atoms: int = 1_000

    def handle(self, event, ledger, now_ns):
        if isinstance(event.body, NightCharged):
            assert event.body.amount_atoms == self.settings.charge_atoms
            return []
        rich = [one for one in ledger.accounts if one.kind == "user" and one.balance_atoms > 10**6]
        return [NightBegan(), *(NightCharged(one.account, self.settings.charge_atoms) for one in rich[:2])]
'''
SHORT = ("profit_cap.policy=nights.py:Nights", "end=2025-10-10T20:40:30Z", "settle_ns=0")


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A short run with them, the plug-in moved out of the way into the folder `rules`."""
    (tmp_path / "nights.py").write_text(NIGHTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    run(Scenario.load(SMALL_CRASH, SHORT), "a.run", settings=RecordSettings(durability="none"))
    (tmp_path / "rules").mkdir()
    (tmp_path / "nights.py").rename(tmp_path / "rules" / "nights.py")
    return tmp_path / "a.run"


def test_without_the_plugin_a_record_is_read_folded_and_proved(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a state is missing: what such an event pays stands in it. What it means is not told."""
    monkeypatch.setattr("deleverage.events.bodies.plugins.PHRASES", {})
    opened = open_run(record)
    paid = [event for event in opened.events() if isinstance(event.body, PluginPaid)]
    assert len(paid) == 8
    first = paid[0]
    before, after = opened.at(seq=first.seq - 1), opened.at(seq=first.seq)
    assert isinstance(first.body, PluginPaid)
    moved = [
        after.accounts[n].balance_atoms - before.accounts[n].balance_atoms for n in (first.body.payer, first.body.payee)
    ]
    assert moved == [-1_000, 1_000]
    after.check()
    found = verify(record)
    assert found.sound is None
    whole = [check.check for check in found.checks if check.ok]
    assert whole == ["blocks", "head", "order", "fold", "laws", "beside"]
    told = " ".join(call("why", record, first.seq).stdout.split())
    assert "NightCharged of trader-163, a type of its own (10010) of a plug-in that is not at hand" in told
    assert "PluginPaid own_tag=10010 own_name=NightCharged" in call("log", record).stdout
    receipt = call("receipt", record, first.seq, "-o", record.parent / "r.json")
    assert receipt.exit_code in (0, 2), receipt.stderr


def test_with_the_plugin_it_is_verified_and_told_in_its_words(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only from the folder that the reader gives, and with its grounds: the balance, and the rule."""
    monkeypatch.setattr("deleverage.events.bodies.plugins.PHRASES", phrases := {})
    monkeypatch.setattr("deleverage.handlers.plugins.own_events.PHRASES", phrases)
    assert verify(record, plugins="rules").sound
    seq = next(event.seq for event in open_run(record).events() if isinstance(event.body, PluginPaid))
    told = " ".join(call("why", record, seq, "--plugins", "rules").stdout.split())
    assert "trader-163 paid 0.001000 USDT for the night" in told
    assert "the balance of trader-163" in told
    assert "the rule, profit_cap:nights.py:Nights" in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("tag = 10_010", "tag = 10_009", "tags are whole numbers from 10010 on"),
        ("tag = 10_010", "tag = 10_011", "NightBegan and NightCharged have the same tag 10011"),
        ('Payment("account", FEES)', 'Payment("acount", FEES)', "posting names 'acount'"),
        ('Payment("account", FEES)', 'Payment("account", FEES, "gone")', "it pays the amount of a field"),
        ("{account} paid", "{acount} paid", r"phrase names \{acount\}; name fields: account, amount_atoms"),
        ("(Ground.RULE,)", "('RULE',)", r"grounds is \('RULE',\)"),
        ('text: str = "all"', "trader: AccountNumber = 1\n    text: str = 'all'", "trader holds an account; call it"),
        ('text: str = "all"', "text: float = 1.0", "text is a floating-point number"),
        ('phrase = "a night began, for {text}"', "", "lacks phrase"),
        ("reports = (NightCharged, NightBegan)", "reports = (Payment,)", "is no subclass of deleverage.events.own"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    """As it is loaded, in one line with what is wrong."""
    assert NIGHTS.count(old) == 1
    (tmp_path / "nights.py").write_text(NIGHTS.replace(old, new), encoding="utf-8")
    with pytest.raises(ScenarioError, match=rf"plug-in nights\.py:Nights .*{told}"):
        Scenario.load(SMALL_CRASH, [f"profit_cap.policy={tmp_path}/nights.py:Nights"])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("reports = (NightCharged, NightBegan)", "reports = (NightCharged,)", "NightBegan, which `reports`"),
        ("self.settings.charge_atoms) for", "-1) for", "amount_atoms -1; a payment is not negative"),
        ("self.settings.charge_atoms) for", "'x') for", "ValidationError: Expected `int`"),
        ("NightCharged(one.account", "NightCharged(10**6", "IndexError"),
    ],
)
def test_an_event_that_cannot_be_is_the_plugins_fault(tmp_path: Path, old: str, new: str, told: str) -> None:
    """In one line that names it; nothing of it reaches the record."""
    assert NIGHTS.count(old) == 1
    (tmp_path / "nights.py").write_text(NIGHTS.replace(old, new), encoding="utf-8")
    with pytest.raises(HandlerError, match=rf"plug-in nights\.py:Nights: handle\(\) gave .*{told}"):
        run(Scenario.load(SMALL_CRASH, [f"profit_cap.policy={tmp_path}/nights.py:Nights", *SHORT[1:]]))


def test_the_kit_takes_it(tmp_path: Path) -> None:
    """A handler with types of its own conserves, is pure, primed and deterministic like any other."""
    (tmp_path / "nights.py").write_text(NIGHTS, encoding="utf-8")
    check_policy(f"{tmp_path}/nights.py:Nights", "profit_cap", charge_atoms=7)
