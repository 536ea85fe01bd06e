"""What a plug-in's own types of events are recorded as. Tags 10000 to 10009; a plug-in's own tags come after them.

1. What such an event moves, whom it is about and what it rested on stands in it as in any other: whoever reads a record
   without the plug-in folds it, proves it and finds its grounds all the same. Only what it means is the plug-in's.
2. `own_tag` and `own_name` are what the plug-in calls the type, `content` the beginning of the hash of its file, `data`
   the fields as JSON. With that plug-in at hand it is told in the plug-in's words (`events/own.py`), else as it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from ..grounds import Ground
from ..kinds import AccountNumber, Count, InstrumentNumber, Kind
from .base import BodyBase
from .declaring import Payment

if TYPE_CHECKING:
    from ..phrases import Names

__all__ = ["PHRASES", "PluginNoted", "PluginPaid", "PluginsBody"]

PHRASES: dict[tuple[int, str, str], type] = {}
"""The types that plug-ins at hand declare, by own tag, own name and content: they say in words what is of them."""

_BY_NAME = {ground.name: ground for ground in Ground}

_PaidAmount = Annotated[int, Kind("amount", "atoms", of="payer")]


class PluginNoted(BodyBase, frozen=True, tag=10000):
    """An event of a type that a plug-in declares and that moves nothing; `rests_on` names its grounds."""

    grounds = (Ground.BALANCE, Ground.RULE)

    own_tag: Count
    own_name: str
    content: str
    rests_on: tuple[str, ...]
    data: str
    account: AccountNumber | None = None
    instrument: InstrumentNumber | None = None

    def rested_on(self) -> tuple[Ground, ...]:
        return tuple(_BY_NAME[name] for name in self.rests_on if name in _BY_NAME)

    def says(self, names: Names) -> str:
        return _own_words(self, names) or f"{_opaque(self, names)}: {self.data}"


class PluginPaid(BodyBase, frozen=True, tag=10001):
    """An event of a type that a plug-in declares: `payer` pays `payee`, of the asset that both settle in."""

    grounds = (Ground.BALANCE, Ground.RULE)
    posting = Payment("payer", "payee")

    own_tag: Count
    own_name: str
    content: str
    rests_on: tuple[str, ...]
    data: str
    payer: AccountNumber
    payee: AccountNumber
    amount_atoms: _PaidAmount
    account: AccountNumber | None = None
    instrument: InstrumentNumber | None = None

    def rested_on(self) -> tuple[Ground, ...]:
        return tuple(_BY_NAME[name] for name in self.rests_on if name in _BY_NAME)

    def says(self, names: Names) -> str:
        paid = f"{names.account(self.payer)} paid {names.money(self.payer, self.amount_atoms)} to "
        return _own_words(self, names) or f"{_opaque(self, names)}: {paid}{names.account(self.payee)} ({self.data})"


PluginsBody = PluginNoted | PluginPaid


def _own_words(body: PluginsBody, names: Names) -> str:
    """What the plug-in says of it; nothing where it is not at hand."""
    kind = PHRASES.get((body.own_tag, body.own_name, body.content))
    return "" if kind is None else kind.told(body.data, names)  # type: ignore[attr-defined]


def _opaque(body: PluginsBody, names: Names) -> str:
    about = "" if body.account is None else f" of {names.account(body.account)}"
    return f"{body.own_name}{about}, a type of its own ({body.own_tag}) of a plug-in that is not at hand"
