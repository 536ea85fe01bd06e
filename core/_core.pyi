"""What the extension offers; `__init__.py` says when it is there."""

hashes: bool
"""Whether this processor has the instructions for SHA-256, without which neither of the roots may be asked for."""

def page_root(page: bytes, public: bytes, /) -> bytes | None:
    """The root of a page of up to 256 events; a byte of `public` for each says whether it names no account.

    None where the page is no msgpack list of as many values. As `events/record/pages.py` makes it.
    """

def tree_root(leaves: list[bytes], /) -> bytes:
    """The root over one leaf hash or more. As `events/record/merkle.py` makes it."""
