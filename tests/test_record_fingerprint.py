"""The fingerprints in a manifest: what changes them, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec import defstruct
from msgspec.inspect import StructType, type_info

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.listing import Tier
from deleverage.events.bodies.run import Producer, SourceTally
from deleverage.events.envelope import Event
from deleverage.events.record import fingerprint
from deleverage.events.vocabulary import BODY_TYPES


def test_the_schema_fingerprint_covers_every_struct() -> None:
    """Every body, and every struct that a body holds, is part of the vocabulary's fingerprint."""
    found = {node.cls for node in fingerprint._structs_in(type_info(Event))}
    assert found >= {Event, Tier, Producer, Provenance, SourceTally, *BODY_TYPES}


def declared(tag: int, *fields: tuple[str, Any]) -> str:
    """How a struct of these fields is spelled."""
    node = type_info(defstruct("Body", fields, tag=tag, array_like=True))
    assert isinstance(node, StructType)
    return fingerprint._declaration(node)


def test_the_schema_fingerprint_sees_a_change() -> None:
    """Another tag, name, order, type or choice is another declaration; a choice told in another order is the same."""
    declarations = [
        declared(1, ("a", int), ("b", str)),
        declared(2, ("a", int), ("b", str)),
        declared(1, ("b", str), ("a", int)),
        declared(1, ("a", int), ("c", str)),
        declared(1, ("a", int | None), ("b", str)),
        declared(1, ("a", int), ("b", Literal["x"])),
        declared(1, ("a", int), ("b", Literal["x", "y"])),
        declared(1, ("a", int), ("b", tuple[int, ...])),
        declared(1, ("a", int), ("b", tuple[str, ...])),
        declared(1, ("a", int), ("b", dict[str, int])),
    ]
    assert len(set(declarations)) == len(declarations)
    assert declared(1, ("a", None | int), ("b", Literal["y", "x"])) == declared(
        1, ("a", int | None), ("b", Literal["x", "y"])
    )


def test_the_code_fingerprint_sees_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed, added or renamed Python file of the rooms that decide changes it; nothing else does."""
    monkeypatch.setattr(fingerprint, "_PACKAGE", tmp_path)
    seen = []
    for name, text in (("events/a.py", "1"), ("events/a.py", "2"), ("sim/deep/b.py", ""), ("handlers/c.py", "2")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        seen.append(fingerprint.code_sha256.__wrapped__())
    (tmp_path / "events" / "a.py").rename(tmp_path / "events" / "d.py")
    seen.append(fingerprint.code_sha256.__wrapped__())
    assert len(set(seen)) == 5
    (tmp_path / "events" / "notes.txt").write_text("3")
    (tmp_path / "test_a.py").write_text("4")
    (tmp_path / "replay").mkdir()
    (tmp_path / "replay" / "a.py").write_text("5")
    assert fingerprint.code_sha256.__wrapped__() == seen[-1]
