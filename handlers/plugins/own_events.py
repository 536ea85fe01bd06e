"""A plug-in's own types of events between its handler and the record: what it gives is recorded, what it hears is read.

1. A handler that gives or hears types of its own names them all in `reports`, `subscribes` or `observes`.
2. The bus, the ledger and the record know what they are recorded as (`events/bodies/plugins.py`), and nothing else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from ...events.bodies.plugins import PHRASES, PluginNoted, PluginPaid
from ...events.envelope import Event
from ...events.errors import ScenarioError
from ...events.ledger import LedgerState
from ...events.own import OwnEvent, check_declared, recorded_as
from ...events.vocabulary import Body
from ..protocol import Handler, Linked, Product
from .complaints import complaint
from .found import Found

__all__ = ["NONE_OWN", "OwnTypes", "is_own", "own_types", "recorded_kinds"]

_RECORDED = (PluginNoted, PluginPaid)
_CONTENT_DIGITS = 16


class OwnTypes(NamedTuple):
    """The types that a handler's plug-in declares, by tag and name, and how its content begins."""

    kinds: dict[tuple[int, str], type[OwnEvent]]
    content: str

    def heard(self, event: Event, kinds: tuple[Any, ...]) -> Event | None:
        """The event as a handler hears it that named these types; None for one of a type that it did not name.

        Raises msgspec.ValidationError where a type of this name has other fields.
        """
        if not isinstance(event.body, _RECORDED):
            return event
        kind = self.kinds.get((event.body.own_tag, event.body.own_name))
        if kind is None or kind not in kinds:
            return event if type(event.body) in kinds else None
        body: Any = msgspec.json.decode(event.body.data, type=kind)
        return msgspec.structs.replace(event, body=body)

    def recorded(self, product: Any, ledger: LedgerState, plugin: str) -> Product:
        """The product as it is recorded. Raises HandlerError for an account that is not there."""
        if isinstance(product, Linked):
            body: Any = self.recorded(product.body, ledger, plugin)
            return Linked(body, product.links)
        if not isinstance(product, OwnEvent):
            return product  # type: ignore[no-any-return]
        if self.kinds.get((product.tag, type(product).__name__)) is not type(product):
            raise complaint(plugin, f"handle() gave {type(product).__name__}, which `reports` of the handler lacks")
        try:
            msgspec.convert(msgspec.to_builtins(product), type(product))
            return recorded_as(product, self.content, ledger)
        except (LookupError, TypeError, ValueError) as error:
            raise complaint(plugin, f"handle() gave {product}: {type(error).__name__}: {error}") from error


NONE_OWN = OwnTypes({}, "")
"""Of a handler that declares none."""


def own_types(kind: type[Handler], found: Found) -> OwnTypes:
    """The types of its own that a handler names, which from now on are told in its words.

    Raises ScenarioError for a declaration that cannot be.
    """
    reports = getattr(kind, "reports", ())
    if not isinstance(reports, tuple):
        message = f"plug-in {found.name} ({found.origin}): {kind.__name__}.reports is {reports!r}; it must be a tuple"
        raise ScenarioError(message)
    named: list[Any] = [*reports, *filter(is_own, (*kind.subscribes, *kind.observes))]
    check_declared(named, f"plug-in {found.name} ({found.origin})")
    content = found.digest[:_CONTENT_DIGITS]
    kinds = {(one.tag, one.__name__): one for one in named}
    PHRASES.update({(*key, content): one for key, one in kinds.items()})
    return OwnTypes(kinds, content)


def is_own(kind: object) -> bool:
    """Whether this is a type of event that a plug-in declares."""
    return isinstance(kind, type) and issubclass(kind, OwnEvent)


def recorded_kinds(kinds: tuple[Any, ...]) -> tuple[type[Body], ...]:
    """The types that the bus delivers for these."""
    plain = [kind for kind in kinds if not is_own(kind)]
    return (*plain, *(_RECORDED if len(plain) < len(kinds) else ()))
