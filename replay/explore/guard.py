"""Who is served: whoever has the token, at this very address, and nobody through another page.

1. The token is the first part of every path, 32 random bytes that are made when the server starts; each request is held
   against it, in a time that does not depend on how much of it is right.
2. `Host` must be this server: a page elsewhere whose name was bound to 127.0.0.1 gets nothing (DNS rebinding). Where
   there is an `Origin`, it must be this server's.
3. The page may load what this server has and nothing else (the policy below) and is framed by nobody. Its address,
   which holds the token, goes to nobody as a referrer.
"""

from __future__ import annotations

from hmac import compare_digest

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Guard"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""What every answer has."""


class Guard:
    """Lets a request through to what it guards, with the token taken off its path."""

    def __init__(self, guarded: ASGIApp, token: str, hosts: frozenset[str]) -> None:
        """`hosts` are the names, with the port, at which it is served."""
        self._guarded, self._token, self._hosts = guarded, token, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse without saying anything of what is here."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await PlainTextResponse(refusal[1], refusal[0])(scope, receive, send_with_headers)
            return
        path = scope["path"].removeprefix(f"/{self._token}")
        await self._guarded({**scope, "path": path, "raw_path": path.encode()}, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """A status and what is said, or None for who is served."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 421, "this server is not at that address"
        origins = headers.getlist("origin")
        if any(origin.removeprefix("http://").lower() not in self._hosts for origin in origins):
            return 403, "a page elsewhere is not served"
        given, slash, _ = scope["path"].removeprefix("/").partition("/")
        if not compare_digest(given.encode("utf-8", "surrogateescape"), self._token.encode()) or not slash:
            return 403, "the address lacks the token that `deleverage explore` printed"
        return None
