"""What the page's server refuses: other names of this machine, and whatever a browser would load from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
_HOSTS = ("127.0.0.1", "localhost")
# A browser loads nothing from other machines: neither fonts nor scripts that gradio's page names.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:; "
    "frame-ancestors 'none'; form-action 'self'"
)


class OnlyHere:
    """Middleware (ASGI): answer requests to 127.0.0.1 and localhost only, and forbid browsers to load from elsewhere.

    A page of a stranger could give its own name this machine's address (DNS rebinding), and read the answers: its name
    is then not one of these.

    Args:
        app: The server's application.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        """Answer a request."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if headers.get(b"host", b"").decode("latin-1").rpartition(":")[0] not in _HOSTS:
            await send({"type": "http.response.start", "status": 421, "headers": []})
            await send({"type": "http.response.body", "body": b"This page is for this machine only.\n"})
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message.get("headers", []), policy]}
            await send(message)

        await self.app(scope, receive, answer)
