"""Formulas held against scores, and arithmetic that comes out: in the kit, in a run, in `why` and in `check`."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Scenario, explain, open_run, run
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.errors import HandlerError
from deleverage.events.record import RecordSettings
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.plugins.ranking_guard import guarded_ranking
from deleverage.handlers.policies.adl.choices import ADL_CHOICES
from deleverage.handlers.policies.formula import Formula
from deleverage.handlers.policies.profit_share import ProfitShare
from deleverage.handlers.policies.ranking import SCORE_MAX, Candidate, RankingPolicy
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.registry import SLOTS
from deleverage.handlers.testing import check_policy
from deleverage.handlers.testing.rankings import check_formula
from deleverage.handlers.testing.trial import Trial
from deleverage.replay.arithmetic import FigureScale, arithmetic_of
from deleverage.replay.run import Run

from .support.command_line import call
from .support.crash import SMALL_CRASH
from .test_score_formulas import CANDIDATES, FROM_ROWS, declared, told

LIE = '''
class L:
    """Says profit / equity, scores by notional."""
    formula = "profit / equity"
    def scores(self, candidates):
        return [c.notional for c in candidates]
'''
SHORT = "prices.duration_ns=40m"


def crash(folder: Path, policy: str) -> Run:
    """A short run of the small crash under a policy, opened with its plug-ins at hand."""
    scenario = Scenario.load(SMALL_CRASH, [SHORT, f"adl.policy={policy}"])
    run(scenario, folder / "a.run", settings=RecordSettings(durability="none"))
    return open_run(folder / "a.run", plugins=folder)


def reductions(record: Run) -> list[int]:
    """The numbers of the reductions by auto-deleveraging."""
    return [event.seq for event in record.events() if isinstance(event.body, PositionDeleveraged)]


@pytest.mark.parametrize("policy", FROM_ROWS, ids=told)
@settings(max_examples=60, deadline=None)
@given(
    candidate=CANDIDATES,
    decimals=st.integers(0, 8),
    lot_size=st.sampled_from(["1", "0.001", "10", "0.05", "2.5"]),
)
def test_what_is_printed_comes_out(policy: RankingPolicy, candidate: Candidate, decimals: int, lot_size: str) -> None:
    """Left of the equals sign stands a formula of plain numbers, none of them cut, which gives exactly the score."""
    (score,) = policy.scores([candidate])
    found = arithmetic_of(declared(policy), candidate, score, FigureScale(decimals, lot_size))
    assert found.holds
    assert Formula(found.filled).names == ()
    assert Formula(found.filled).score(()) == score
    assert "NOT" not in found.text
    other = score - 1 if score else 1
    assert not arithmetic_of(declared(policy), candidate, other, FigureScale(decimals, lot_size)).holds


@pytest.mark.parametrize(
    ("policy", "candidate", "text"),
    [
        (
            "profit-leverage",
            Candidate(7, 2_460_000_000, 3_540_000_000, -6_000_000_000, 3_460_000_000, -6),
            "2460 / |-6000| x 3540 / 3460 = 0.419479768, rounded down to nine decimals",
        ),
        (
            "profit-leverage",
            Candidate(7, 5, 5, 0, 5, 1),
            (
                "0.000005 / |0| x 0.000005 / 0.000005 = a division by zero, which counts as the greatest score, "
                "9,223,372,036.854775807"
            ),
        ),
        (
            "profit-share",
            Candidate(7, 10**18, 5, 5, 1, 1),
            "1000000000000 / 0.000001 = the greatest score, 9,223,372,036.854775807, or more",
        ),
        (
            "queue",
            Candidate(7, 2_460_000_000, 3_540_000_000, -6_000_000_000, 3_460_000_000, -6),
            "min(2460000000, 3460000000) x 10^-9 = 2.460000000, rounded down to nine decimals, in atoms and lots",
        ),
        (
            "contract-pro-rata",
            Candidate(7, 1, 1, 1, 1, -45),
            "|-45| x 10^-9 = 0.000000045, rounded down to nine decimals, in atoms and lots",
        ),
    ],
)
def test_the_words_of_the_arithmetic(policy: str, candidate: Candidate, text: str) -> None:
    """Units where the formula comes to the same in them; how it was rounded, or why it is the greatest."""
    kind: Any = next(one for one in FROM_ROWS if one.policy == policy)
    (score,) = kind.scores([candidate])
    assert arithmetic_of(declared(kind), candidate, score, FigureScale(6, "0.01")).text == text


def test_a_score_that_is_not_the_formulas_is_said() -> None:
    """Both are there, and that they differ."""
    candidate = Candidate(7, 1_000_000, 1, 1, 4_000_000, 1)
    found = arithmetic_of(declared(ProfitShare(NoParameters())), candidate, 5, FigureScale(6, "1"))
    assert found.text == "1 / 4 = 0.250000000, rounded down to nine decimals; it is NOT the score of 0.000000005"


def test_a_lie_is_refused_by_the_kit(tmp_path: Path) -> None:
    """In one line with the policy, the account's figures, what the formula gives, and the score."""
    (tmp_path / "lie.py").write_text(LIE, encoding="utf-8")
    said = (
        r"plug-in lie\.py:L: account \d+ with profit \d+, equity \d+ \(atoms, lots\) was given the score \d+, and the "
    )
    said += (
        r"declared formula profit / equity = \d+ / \d+ gives \d\.\d+ \(rounded down to nine decimals\), the score \d+"
    )
    with pytest.raises(AssertionError, match=said) as caught:
        check_policy(f"{tmp_path}/lie.py:L")
    assert "\n" not in str(caught.value)
    with pytest.raises(HandlerError, match=said):
        Trial(f"{tmp_path}/lie.py:L", "adl", {}).run()


def test_a_lie_ends_a_run(tmp_path: Path) -> None:
    """At the first ranking, with exit code 1, one line, and the record sealed up to there."""
    (tmp_path / "lie.py").write_text(LIE, encoding="utf-8")
    done = call("run", SMALL_CRASH, "--set", f"adl.policy={tmp_path}/lie.py:L", "-o", tmp_path / "a.run")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "the declared formula profit / equity = " in done.stderr
    record = open_run(tmp_path / "a.run")
    assert record.manifest.status == "failed"
    assert not reductions(record)


def test_a_lie_about_one_account_that_is_never_taken_is_found(tmp_path: Path) -> None:
    """All scores of a ranking are held against the formula, and not only those that somebody is reduced by."""
    text = LIE.replace("c.notional", "score_of(c.profit, c.equity) if c.profit % 7 else 0")
    (tmp_path / "lie.py").write_text(
        f"from deleverage.handlers.policies.ranking import score_of\n{text}", encoding="utf-8"
    )
    with pytest.raises(HandlerError, match="was given the score 0, and the declared formula profit / equity = "):
        crash(tmp_path, f"{tmp_path}/lie.py:L")


class Miscounting(ProfitShare):
    """A builtin policy whose formula is another."""

    formula = "profit / notional"


def test_the_engine_holds_builtin_scores_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that somebody is reduced by; the kit looks at all, and at drawn candidates."""
    choice = ADL_CHOICES["profit-share"]._replace(make=lambda given, engine: AdlEngine(Miscounting(given), engine))
    monkeypatch.setitem(SLOTS["adl"], "profit-share", choice)  # type: ignore[arg-type]
    trial = Trial("profit-share", "adl", {}, watched=False)
    with pytest.raises(HandlerError, match=r"policy profit-share: account .* formula profit / notional = "):
        trial.run()
    with pytest.raises(AssertionError, match="not by its formula: account 0 with"):
        check_formula(Miscounting(NoParameters()))


READING = """
from fractions import Fraction
class R:
    formula = "worth / equity"
    figures = ("worth",)
    def scores(self, candidates):
        raise NotImplementedError
    def scores_in(self, candidates, keys, ledger):
        return [abs(ledger.accounts[c.account].balance_atoms) * 10**9 // (2 * c.equity) for c in candidates]
    def figures_in(self, candidate, key, ledger):
        return {}
"""


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ("{'worth': Fraction(abs(ledger.accounts[candidate.account].balance_atoms), 2)}", ""),
        ("{'worth': ledger.accounts[candidate.account].balance_atoms}", "formula worth / equity = "),
        ("{}", r"figures_in\(\) gave None \(NoneType\) for worth of account \d+; a whole number or a Fraction is due"),
        ("{'worth': 0.5}", r"figures_in\(\) gave 0\.5 \(float\) for worth"),
        ("1 / 0", r"figures_in\(\) raised ZeroDivisionError"),
    ],
)
def test_figures_of_a_policys_own(tmp_path: Path, figures: str, said: str) -> None:
    """What it reads of the ledger has a name in the formula, and a value that is looked at."""
    (tmp_path / "r.py").write_text(READING.replace("return {}", f"return {figures}"), encoding="utf-8")
    if said:
        with pytest.raises(HandlerError, match=said):
            crash(tmp_path, f"{tmp_path}/r.py:R")
        return
    record = crash(tmp_path, f"{tmp_path}/r.py:R")
    ranking = explain(record, reductions(record)[0]).ranking
    assert ranking is not None
    assert Formula(ranking.filled or "").score(()) == ranking.score.number
    assert (ranking.arithmetic or "").endswith("rounded down to nine decimals, in atoms and lots")


def test_a_policy_without_a_formula_says_so(tmp_path: Path) -> None:
    """It runs, and `why` says that the score is what this code gave."""
    text = LIE.replace('    formula = "profit / equity"\n', "")
    (tmp_path / "plain.py").write_text(text, encoding="utf-8")
    check_policy(f"{tmp_path}/plain.py:L")
    record = crash(tmp_path, f"{tmp_path}/plain.py:L")
    seq = reductions(record)[0]
    shown = " ".join(call("why", record.path, str(seq), "--plugins", tmp_path).stdout.split())
    assert "in the order of the score that the code of plain.py:L gave" in shown
    assert "declares no formula: the score is what this code gave." in shown
    document = json.loads(call("why", record.path, str(seq), "--plugins", tmp_path, "--json").stdout)["ranking"]
    assert (document["formula"], document["filled"], document["arithmetic"]) == (None, None, None)
    assert (document["proved"], document["not_made_again"]) == (True, None)


class Weight(msgspec.Struct):
    """Something to set."""

    weight: Decimal = Decimal("1.5")


def test_a_formula_of_the_parameters_is_read_when_it_is_made() -> None:
    """A property, and numbers among the parameters under their names."""

    class Weighing:
        """Its formula follows from what is set."""

        figures = ()

        @property
        def formula(self) -> str:
            return "weight x profit / equity"

        def scores(self, candidates: Any) -> list[int]:
            return [c.profit * 3 * 10**9 // (2 * c.equity) for c in candidates]

    policy = guarded_ranking("it.py:It", "1", Weighing, Weighing(), Weight())
    assert policy.scores([Candidate(1, 5, 1, 1, 10, 1)]) == [750_000_000]
    with pytest.raises(HandlerError, match=r"weight 1\.25, profit 5, equity 10 \(atoms, lots\)"):
        guarded_ranking("it.py:It", "1", Weighing, Weighing(), Weight(Decimal("1.25"))).scores(
            [Candidate(1, 5, 1, 1, 10, 1)]
        )


@pytest.mark.parametrize(
    "policy", ["binance", "bitmex", "dydx", "hyperliquid", "wealth-pro-rata", "risk-aware-pro-rata"]
)
def test_why_and_check_print_what_comes_out(tmp_path: Path, policy: str) -> None:
    """In a run under each kind of builtin policy; `check` prints no formula that it cannot work out."""
    record = crash(tmp_path, policy)
    seq = reductions(record)[0]
    ranking = explain(record, seq).ranking
    assert ranking is not None
    assert ranking.filled is not None
    assert Formula(ranking.filled).score(()) == ranking.score.number != SCORE_MAX
    assert call("receipt", record.path, str(seq), "-o", tmp_path / "r.json").exit_code == 0
    shown = " ".join(call("check", tmp_path / "r.json", "--head", record.head).stdout.split())
    if policy in ("binance", "bitmex", "dydx"):
        assert "not worked out again" in shown
        assert (ranking.formula or "") not in shown
    else:
        assert f"{ranking.formula} {ranking.arithmetic}" in shown
