"""Routes for pictures to choose by: of presets, layers and channels."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from livedream.dream.objective.network_choice import AUTO, network_for
from livedream.studio.pictures.layers import LayerChoices, layer_choices
from livedream.studio.pictures.preset_pictures import Round
from livedream.studio.server.context import Context
from livedream.studio.server.errors import ApiError, errors
from livedream.studio.server.models import Name

_MODEL = Annotated[str, Query(pattern=r"^[a-z0-9_]{1,64}$", examples=["squeezenet"])]


class Waiting(BaseModel):
    """The answer as long as a picture is being made."""

    message: str
    """One line."""


def router(context: Context) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api")
    _preset_pictures(routes, context)
    _layers(routes, context)
    return routes


def _preset_pictures(routes: APIRouter, context: Context) -> None:
    pictures = context.preset_pictures

    @routes.get(
        "/presets/pictures", tags=["looks"], summary="How far the pictures of the presets are", responses=errors()
    )
    async def progress() -> Round:
        return pictures.progress()

    @routes.post(
        "/presets/pictures", tags=["looks"], summary="Show the present picture in every preset", responses=errors(409)
    )
    async def begin() -> Round:
        return await asyncio.to_thread(pictures.begin)

    @routes.get(
        "/presets/{name}/picture",
        tags=["looks"],
        summary="The present picture in a preset",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
            202: {"model": Waiting, "description": "The picture is being made."},
            **errors(404),
        },
    )
    async def picture(
        name: Annotated[Name, Path()], round: Annotated[int | None, Query(ge=0, description="has no effect")] = None
    ) -> Response:
        jpeg = pictures.picture(name)
        if jpeg is not None:
            return Response(jpeg, media_type="image/jpeg")
        if not pictures.awaits(name):
            raise ApiError(404, f"there is no picture of the preset {name}", "POST /api/presets/pictures makes them")
        text = Waiting(message=f"the picture of {name} is being made").model_dump_json()
        return Response(text, 202, media_type="application/json")


def _layers(routes: APIRouter, context: Context) -> None:
    session = context.session

    @routes.get("/layers", tags=["looks"], summary="What a network can dream of, with pictures", responses=errors())
    async def layers(model: _MODEL = AUTO) -> LayerChoices:
        network = network_for(session.desk.settings).name if model == AUTO else model
        # The first time it reads a file.
        return await asyncio.to_thread(layer_choices, network)
