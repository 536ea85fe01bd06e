"""Types of events that a plug-in declares: a class says all that is to be known of one, as in `events/bodies`.

    class NightCharged(OwnEvent):
        tag = 10_010
        grounds = (Ground.BALANCE,)
        posting = Payment("account", FEES)
        phrase = "{account} was charged {amount_atoms} for the night"

        account: AccountNumber
        amount_atoms: AccountAmount

1. `tag` is 10010 or above, and of each class its own. Fields have the kinds of `events/kinds.py`.
2. `posting` is a `Payment` between `account`, other fields that hold an account, and the venue's own accounts, of the
   asset that both settle in: the ledger books it as it books every payment. Without one it moves nothing.
3. The accounts that it names are `account`, the payer and the payee, and its instrument is `instrument`, so that
   whoever proves and finds events knows whose they are without the plug-in.
4. It is recorded as a `PluginNoted` or `PluginPaid` (`events/bodies/plugins.py`).
"""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from .bodies.declaring import FEES, LIQUIDITY, OUTSIDE, Payment
from .bodies.plugins import PluginNoted, PluginPaid, PluginsBody
from .errors import ScenarioError
from .grounds import Ground
from .kinds import kinds_of

if TYPE_CHECKING:
    from .ledger import LedgerState
    from .phrases import Names

__all__ = ["OWN_TAG_LEAST", "OwnEvent", "check_declared", "recorded_as"]

OWN_TAG_LEAST = 10_010
"""Below it are the tags of this package."""

_VENUES_OWN = {OUTSIDE: "outside", LIQUIDITY: "liquidity", FEES: "fees"}


class OwnEvent(msgspec.Struct, frozen=True):
    """A fact in the past tense, of a type that a plug-in declares."""

    tag: ClassVar[int]
    grounds: ClassVar[tuple[Ground, ...]]
    posting: ClassVar[Payment | None] = None
    phrase: ClassVar[str]

    @classmethod
    def told(cls, data: str, names: Names) -> str:
        """The phrase with the fields of `data`, in real units."""
        body = msgspec.json.decode(data, type=cls)
        words = {name: _worded(body, name, names) for name in cls.__struct_fields__}
        return cls.phrase.format_map(words)


def recorded_as(body: OwnEvent, content: str, ledger: LedgerState) -> PluginsBody:
    """What is recorded of it; `content` is the beginning of the hash of the plug-in. Raises what its fields make it."""
    kind, posting = type(body), type(body).posting
    rests_on, data = tuple(ground.name for ground in kind.grounds), msgspec.json.encode(body).decode()
    about = getattr(body, "account", None), getattr(body, "instrument", None)
    if posting is None:
        return PluginNoted(kind.tag, kind.__name__, content, rests_on, data, *about)
    payer, payee = _parties(body, posting, ledger)
    amount_atoms = getattr(body, posting.amount)
    return PluginPaid(
        own_tag=kind.tag,
        own_name=kind.__name__,
        content=content,
        rests_on=rests_on,
        data=data,
        payer=payer,
        payee=payee,
        amount_atoms=amount_atoms,
        account=about[0],
        instrument=about[1],
    )


def _parties(body: OwnEvent, posting: Payment, ledger: LedgerState) -> tuple[int, int]:
    """Who pays and who is paid: a venue's own account is that of the asset that the other one settles in."""
    subject = posting.payer if posting.payer not in _VENUES_OWN else posting.payee
    asset = ledger.accounts[getattr(body, subject)].asset
    payer, payee = (
        ledger.own(asset, _VENUES_OWN[party]) if party in _VENUES_OWN else getattr(body, party)
        for party in (posting.payer, posting.payee)
    )
    return payer, payee


def _complaint(kind: Any) -> str:
    """The first thing that is wrong with a declaration, in words; empty where nothing is."""
    if not (isinstance(kind, type) and issubclass(kind, OwnEvent)):
        return f"{kind!r} is no subclass of deleverage.events.own.OwnEvent"
    told, tag, posting = kind.__name__, getattr(kind, "tag", None), kind.posting
    if type(tag) is not int or tag < OWN_TAG_LEAST:
        return f"{told}.tag is {tag!r}; a plug-in's own tags are whole numbers from {OWN_TAG_LEAST} on"
    grounds = getattr(kind, "grounds", None)
    if not isinstance(grounds, tuple) or any(not isinstance(one, Ground) for one in grounds):
        return f"{told}.grounds is {grounds!r}; it must be a tuple of Ground"
    if posting is not None and not isinstance(posting, Payment):
        return f"{told}.posting is {posting!r}; it must be a Payment"
    return _fields(kind, told, posting) or _phrase(kind, told)


def _fields(kind: type[OwnEvent], told: str, posting: Payment | None) -> str:
    kinds = kinds_of(kind)
    accounts = [name for name, one in kinds.items() if one is not None and one.name == "account"]
    parties = () if posting is None else (posting.payer, posting.payee)
    own = [party for party in parties if party not in _VENUES_OWN]
    if posting is not None and (posting.stated or posting.asset or posting.amount not in kinds or not own):
        return f"{told}.posting: it pays the amount of a field, of the asset that both settle in, of or to an account"
    wrong = next((one for one in own if one not in accounts), None)
    if wrong is not None:
        return f"{told}.posting names {wrong!r}; name fields of kind AccountNumber, OUTSIDE, LIQUIDITY or FEES"
    hidden = next((one for one in accounts if one not in ("account", *own)), None)
    if hidden is not None:
        return f"{told}.{hidden} holds an account; call it `account`, or have it pay or be paid"
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    floating = next((one.name for one in info.fields if isinstance(one.type, msgspec.inspect.FloatType)), None)
    return f"{told}.{floating} is a floating-point number; use int or Decimal" if floating else ""


def _phrase(kind: type[OwnEvent], told: str) -> str:
    phrase = getattr(kind, "phrase", None)
    if not isinstance(phrase, str) or not phrase:
        return f"{told} lacks phrase, half a sentence with fields in braces"
    try:
        parts = [(name, spec, how) for _, name, spec, how in Formatter().parse(phrase) if name is not None]
    except ValueError as error:
        return f"{told}.phrase {phrase!r} cannot be read: {error}"
    wrong = next((name for name, spec, how in parts if spec or how or name not in kind.__struct_fields__), None)
    return "" if wrong is None else f"{told}.phrase names {{{wrong}}}; name fields: {', '.join(kind.__struct_fields__)}"


def _worded(body: OwnEvent, name: str, names: Names) -> str:
    """A field in real units, as far as its kind says what it is and the event whose scale that is."""
    value, kind = getattr(body, name), kinds_of(type(body))[name]
    scale = None if kind is None or not kind.of else getattr(body, kind.of, None)
    if kind is None or value is None:
        return f"{value}"
    if kind.name == "account":
        return names.account(value)
    if kind.name == "instrument":
        return names.instrument(value)
    if kind.name == "duration":
        return names.duration(value)
    worded = {"amount": names.money, "price": names.price, "size": names.units}.get(kind.name)
    return f"{value:,}" if worded is None or scale is None else worded(scale, value)


def check_declared(kinds: Any, where: str) -> None:
    """Raise ScenarioError for the first declaration among these that cannot be, or two of one tag."""
    seen = dict[int, str]()
    for kind in kinds:
        fault = _complaint(kind)
        if not fault and seen.setdefault(kind.tag, kind.__name__) != kind.__name__:
            fault = f"{kind.__name__} and {seen[kind.tag]} have the same tag {kind.tag}"
        if fault:
            message = f"{where}: {fault}"
            raise ScenarioError(message)
