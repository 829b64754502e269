"""The two pages that need no key: for strangers, and the step from a link to the page."""

import html
from urllib.parse import parse_qsl, urlencode

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{head}
<title>livedream studio</title>
</head>
<body>
<main>
<h1>livedream studio</h1>
<p>{text}</p>
</main>
</body>
</html>
"""


def stranger(text: str) -> ASGIApp:
    """Return the page for a browser without a key."""
    return HTMLResponse(_PAGE.format(head="", text=html.escape(text)), status_code=401)


def moved(cookie: str) -> ASGIApp:
    """Return the answer to a link with a token: the cookie, and the way to the same address without the token.

    Not a redirect: a browser that follows a link from another site sends no `SameSite=Strict` cookie along a redirect,
    but does when the page itself moves on.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        rest = [(name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "token"]
        path = html.escape(scope["path"] + (f"?{urlencode(rest)}" if rest else ""))
        head = f'<meta http-equiv="refresh" content="0;url={path}">'
        text = f'<a href="{path}">Open the studio</a>'
        response = HTMLResponse(_PAGE.format(head=head, text=text), headers={"set-cookie": cookie})
        await response(scope, receive, send)

    return answer
