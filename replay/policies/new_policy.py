"""The files that a new policy begins with: a commented class that works as written, and its test."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import NamedTuple

from ...events.errors import ScenarioError
from ...events.regular import make_folder
from ...handlers.registry import SLOTS
from .room_templates import ROOM_TEMPLATES, ROOM_TEST

__all__ = ["NewPolicy", "written"]


class NewPolicy(NamedTuple):
    """Where the class is, and what it is called."""

    file: Path
    kind: str


_ADL = Template('''"""$title: who is deleveraged first."""

import msgspec

from deleverage.handlers.policies.ranking import score_of


class $kind:
    """Say here what the rule is, and why. `deleverage policies` shows this sentence."""

    # The score in the names of the figures and parameters below, before it is scaled: every score is held against it,
    # and `deleverage why` fills the figures in. Without a formula the score is just what this code gives.
    formula = "profit x weight / equity"
    # Where the rule is written down.
    source = "my own"
    # Raise it when the same candidates get other scores. The file's hash is recorded beside it.
    version = "1"

    class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """What can be set: `--set adl.weight=2`. Whole numbers, Decimals and texts, each with a default."""

        weight: int = 1

    def __init__(self, parameters):
        self.weight = parameters.weight

    def scores(self, candidates):
        """One whole number from 0 to 2^63-1 per candidate, in their order; the highest is deleveraged first.

        Each candidate has, as whole numbers (money in atoms, size in lots):
            account   its number          profit   unrealised, of this position, above zero
            equity    of the account      notional of the position at the mark
            cost      signed entry value  size     signed, long above zero
        No float, no clock, no random numbers, nothing remembered: a score follows from the candidate alone.
        score_of(a, b) is floor(a / b x 10^9).
        """
        return [score_of(c.profit * self.weight, c.equity) for c in candidates]

    # Without the method below it is a queue: the first gives all it can, then the next. To share out otherwise, give
    # pairs of a place and its lots, in the order of the places; at most closing.most(place.candidate) each and
    # closing.lots in all.
    #
    # def allocate(self, closing, places):
    #     left = closing.lots
    #     for place in places:
    #         lots = min(left, (closing.most(place.candidate) + 1) // 2)
    #         if lots:
    #             left -= lots
    #             yield place, lots
''')

_HANDLER = Template('''"""$title: a handler for the slot `$slot`."""

from $module import $base


class $kind($base):
    """Say here what it does. `deleverage policies` shows this sentence."""

    # As written it decides as the builtin one does. It fills the slot `name`, hears the types in `subscribes`, and its
    # index, if it keeps one, is fed by those in `observes`: see deleverage/handlers/protocol.py.
    name = "$slot"
    # Raise it when the same inputs give other events. The file's hash is recorded beside it.
    version = "1"

    def handle(self, event, ledger, now_ns):
        """The events that follow from this one in this state: nothing else is read, nothing is written."""
        return super().handle(event, ledger, now_ns)
''')

_STEPS = Template('''"""$title: how a liquidation goes on, step by step."""

from $module import $base


class $kind($base):
    """Say here what the rule is, and why. `deleverage policies` shows this sentence."""

    # As written it decides as the builtin one does: see deleverage/handlers/policies/liquidation/step.py.
    formula = "say the rule in one line"
    # Where the rule is written down.
    source = "my own"
    # Raise it when the same inputs give other events. The file's hash is recorded beside it.
    version = "1"

    def hands_over(self, situation, *, unfilled):
        """Why the account goes to the waterfall now, or None; `unfilled`: the last order found no depth."""
        return super().hands_over(situation, unfilled=unfilled)

    def pause_ns(self, situation):
        """How long to wait after the order that is done; 0 for not at all."""
        return super().pause_ns(situation)

    def step(self, situation):
        """The next order, a Step: at least one lot, at most situation.lots."""
        return super().step(situation)
''')

_STRATEGY = Template('''"""$title: what a strategic trader does about a cascade."""

from $module import $base


class $kind($base):
    """Say here what it does, and why. `deleverage policies` shows this sentence."""

    # As written it decides as the builtin one does: see deleverage/handlers/living/strategist.py.
    formula = "say the rule in one line"
    # Where the rule is written down.
    source = "my own"
    # Raise it when the same observations give other orders. The file's hash is recorded beside it.
    version = "1"

    def lots(self, seen):
        """How many lots to trade now, negative to sell, 0 for none; `seen` is all that it may know."""
        return super().lots(seen)
''')

_MODEL = Template('''"""$title: what maintenance margin it asks for."""

from $module import $base


class $kind($base):
    """Say here what it does, and why. `deleverage policies` shows this sentence."""

    # As written it decides as the builtin one does: see deleverage/handlers/margin_rules.py.
    formula = "say the rule in one line"
    # Where the rule is written down.
    source = "my own"
    # Raise it when the same measurements give other rates. The file's hash is recorded beside it.
    version = "1"

    def rate_ppm(self, seen):
        """The rate of the first tier, in millionths of the notional; `seen` is all that it may know."""
        return super().rate_ppm(seen)
''')

_TEST = Template('''"""$title keeps the rules that every policy must keep."""

from pathlib import Path

from deleverage.handlers.testing import check_policy

POLICY = Path(__file__).with_name("$file")


def test_it_conforms():
    """It conserves, takes only what is there, says the same again in another process, and comes to an end."""
    check_policy(f"{POLICY}:$kind", "$slot")
''')


_TEMPLATES = {
    "adl": _ADL,
    "liquidation": _STEPS,
    "strategist": _STRATEGY,
    "margin_rules": _MODEL,
    **ROOM_TEMPLATES,
}
"""What a policy of a builtin engine begins with, by slot; in any other slot it is a handler."""


def written(slot: str, name: str, folder: Path) -> tuple[NewPolicy, Path]:
    """Write a policy of that name, or a room's plug-in, and its test.

    Raises ScenarioError for a bad name or a file that is there.
    """
    stem = re.sub(r"\W+", "_", name).strip("_").lower()
    if not stem.isidentifier() or keyword.iskeyword(stem):
        message = f"{name!r} cannot be the name of a policy; give letters and digits, such as my-rule"
        raise ScenarioError(message)
    policy, test = NewPolicy(folder / f"{stem}.py", _class_name(stem)), folder / f"test_{stem}.py"
    for path in (policy.file, test):
        if path.exists():
            message = f"{path} is there already; nothing is written over, give another name or another folder with -o"
            raise ScenarioError(message)
    words = {
        "title": stem.replace("_", " ").capitalize(),
        "slot": slot,
        "kind": policy.kind,
        "file": policy.file.name,
        **({} if slot in ROOM_TEMPLATES else _base(slot)),
    }
    template, its_test = _TEMPLATES.get(slot, _HANDLER), ROOM_TEST if slot in ROOM_TEMPLATES else _TEST
    make_folder(folder, folder)
    for path, text in ((policy.file, template), (test, its_test)):
        with path.open("x", encoding="utf-8") as file:
            file.write(text.substitute(words))
    return policy, test


def _class_name(stem: str) -> str:
    return "".join(word.capitalize() for word in stem.split("_"))


def _base(slot: str) -> dict[str, str]:
    """Module and name of the class of a slot's default policy, within its engine if it has one."""
    choice = next(choice for choice in SLOTS[slot].values() if choice is not None)
    handler = choice.make(choice.parameters())
    inner = (getattr(handler, name) for name in ("steps", "strategy", "model") if hasattr(handler, name))
    kind = type(next(inner, handler))
    return {"module": kind.__module__, "base": kind.__name__}
