"""The answer as one JSON document. Names are those of `answer.py`; nothing is rounded, drawn together or left out."""

from __future__ import annotations

import msgspec

from .answer import Answer, Befallen
from .forced import Forced

__all__ = ["answer_document", "befallen_document", "forced_document"]


def answer_document(answer: Answer) -> bytes:
    """The keys of `answer.py`, indented."""
    return msgspec.json.format(msgspec.json.encode(answer))


def befallen_document(found: Befallen) -> bytes:
    """`account, name, instrument, between, befell, others`, then the keys of the answer; null where nothing befell."""
    whole = msgspec.to_builtins(found)
    answer = whole.pop("answer") or dict.fromkeys(Answer.__struct_encode_fields__)
    return msgspec.json.format(msgspec.json.encode(whole | answer))


def forced_document(found: Forced) -> bytes:
    """`from_seq, to_seq, order, accounts`: all of them, with the names of `forced.py`."""
    return msgspec.json.format(msgspec.json.encode(found))
