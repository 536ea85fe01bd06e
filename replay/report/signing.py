"""A report signed by whoever stands behind it: Ed25519 over the record's head and the report's own digest.

    {"format": "deleverage signed report", "version": 1, "report": {...},
     "signature": {"algorithm": "Ed25519", "public_key": hex, "value": hex, "time_stamp": null}}

1. Signed are the bytes `deleverage report 1`, a newline, the head (32 bytes) and SHA-256 over the report as JSON with
   its keys in order and without spaces. So any JSON tool may write the file anew.
2. A signature says who stands behind a report, and nothing about when. `time_stamp` is the place for a token of a time
   stamping authority (RFC 3161) over the signature's bytes, in base64: who has one puts it there. It is not covered by
   the signature, and not checked here.
3. Keys are PEM files: PKCS #8 for the private one, SubjectPublicKeyInfo for the public one (`openssl genpkey -algorithm
   ed25519`, `openssl pkey -pubout`). They are the business of the extra `sign`, which brings the package cryptography.
"""

from __future__ import annotations

import json
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ...events.errors import QueryError, RecordDamagedError
from ...events.regular import read_regular
from ..receipt.values import ensure, read_json

__all__ = ["SIGNED", "SignedReport", "check_signed", "signed"]

SIGNED = "deleverage signed report"
_VERSION = 1
_DOMAIN = b"deleverage report 1\n"
_KEY_BYTES_MOST = 1 << 16

_TO_MAKE_ONE = "`openssl genpkey -algorithm ed25519 -out key.pem` makes one"
_TO_EXTRACT_ONE = "`openssl pkey -in key.pem -pubout -out public.pem` writes it"


class SignedReport(NamedTuple):
    """A report whose signature holds, and the public key by which it does, as hex."""

    report: dict[str, Any]
    public_key: str


def signed(report: dict[str, Any], key: Path) -> dict[str, Any]:
    """The report with its signature. Raises QueryError where the key cannot be read, or the extra is not installed."""
    private = _loaded(key, "load_pem_private_key", "Ed25519PrivateKey", _TO_MAKE_ONE, password=None)
    raw: bytes = private.public_key().public_bytes_raw()
    value: bytes = private.sign(_message(report))
    signature = {"algorithm": "Ed25519", "public_key": raw.hex(), "value": value.hex(), "time_stamp": None}
    return {"format": SIGNED, "version": _VERSION, "report": report, "signature": signature}


def check_signed(data: bytes, head: bytes, signer: Path) -> SignedReport:
    """What a signed report says, where it holds under the head and by the signer's public key.

    Raises RecordDamagedError for what does not hold, QueryError for no signed report or no key.
    """
    public = _loaded(signer, "load_pem_public_key", "Ed25519PublicKey", _TO_EXTRACT_ONE)
    raw: bytes = public.public_bytes_raw()
    try:
        document = read_json(data)
        ensure(document["version"] == _VERSION, f"it is of version {document['version']}, and this program knows 1")
        report, signature = document["report"], document["signature"]
        told, value = bytes.fromhex(signature["public_key"]), bytes.fromhex(signature["value"])
        message = _message(report)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"it is not laid out as a signed report is ({error})"
        raise RecordDamagedError(text) from error
    ensure(report["head"] == head.hex(), f"it is a report under the head {report['head']}, not under {head.hex()}")
    ensure(told == raw, f"it is signed by the key {told.hex()}, not by that of {signer}, {raw.hex()}")
    try:
        public.verify(value, message)
    except import_module("cryptography.exceptions").InvalidSignature as error:
        text = "its signature does not hold: the report is not what was signed"
        raise RecordDamagedError(text) from error
    return SignedReport(report, raw.hex())


def _message(report: dict[str, Any]) -> bytes:
    written = json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _DOMAIN + bytes.fromhex(report["head"]) + sha256(written.encode("utf-8", "surrogatepass")).digest()


def _loaded(path: Path, loader: str, kind: str, advice: str, **options: Any) -> Any:
    """A key from a file."""
    if find_spec("cryptography") is None:
        message = "signatures need the package cryptography: pip install 'deleverage[sign]'"
        raise QueryError(message)
    serialization = import_module("cryptography.hazmat.primitives.serialization")
    ed25519 = import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
    try:
        key = getattr(serialization, loader)(read_regular(path, _KEY_BYTES_MOST, follow=True), **options)
    except OSError as error:
        message = f"{path}: the key cannot be read ({error.strerror}); {advice}"
        raise QueryError(message) from error
    except (ValueError, TypeError, import_module("cryptography.exceptions").UnsupportedAlgorithm) as error:
        message = f"{path}: it is no Ed25519 key in PEM without a password; {advice}"
        raise QueryError(message) from error
    if not isinstance(key, getattr(ed25519, kind)):
        message = f"{path}: it is a key of another kind than Ed25519, or the other half; {advice}"
        raise QueryError(message)
    return key
