"""Routes for the sources, and for links to other devices."""

import asyncio
import io
from typing import Annotated

import segno
from fastapi import APIRouter, Header, Request

from livedream.studio.server.access import LINK_SECONDS
from livedream.studio.server.context import Context
from livedream.studio.server.errors import ApiError, errors
from livedream.studio.server.models import Key, Link, SourceRequest, SourceRow, SourceRows, StateAnswer, TokenRequest


def router(context: Context) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api")
    session = context.session

    @routes.get("/sources", tags=["source"], summary="What can be dreamt", responses=errors())
    async def sources() -> SourceRows:
        choices = await asyncio.to_thread(session.offers.choices)
        return SourceRows(choices=[SourceRow(kind=each.kind, id=each.id, name=each.name) for each in choices])

    @routes.put("/source", tags=["source"], summary="Dream another source", responses=errors(409))
    async def use(wanted: SourceRequest) -> StateAnswer:
        choice = await asyncio.to_thread(session.offers.named, wanted.kind, wanted.id)
        if wanted.kind == "browser" and not context.clients.knows(wanted.id):
            raise ApiError(409, f"no page is called {wanted.id}", "reload the page")
        session.use(choice)
        return StateAnswer.model_validate(session.desk.publisher.current())

    @routes.post("/links", tags=["access"], summary="A one-time link for another device", responses=errors())
    async def link(request: Request) -> Link:
        url = context.address.link(context.access.new_token())
        return Link(url=url, qr=qr_code(url), minutes=round(LINK_SECONDS / 60))

    @routes.post("/session", tags=["access"], summary="Exchange a token for a key", responses=errors())
    async def exchange(wanted: TokenRequest, request: Request, user_agent: Annotated[str, Header()] = "") -> Key:
        key = context.access.redeem(wanted.token)
        if key is None:
            context.wrong_tokens.note(request.client.host if request.client else "")
            raise ApiError(401, "the token is wrong, used or too old", "use the newest link of the terminal")
        return Key(key=key)

    return routes


def qr_code(text: str) -> str:
    """Return `text` as a QR code: an SVG element, dark on light whatever the theme, with its quiet zone."""
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", scale=6, border=4, dark="#000", light="#fff", xmldecl=False)
    return out.getvalue().decode()
