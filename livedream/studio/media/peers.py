"""The WebRTC connections to the pages: the dream to them, and their cameras from them."""

import asyncio
import contextlib
import functools
import json
import secrets
from collections.abc import Callable
from typing import Literal, NamedTuple

import av
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamTrack

from livedream.errors import ArgumentError
from livedream.studio.media.aiortc_changes import change_aiortc
from livedream.studio.media.broadcast import Broadcast
from livedream.studio.media.browser_camera import BrowserCameras
from livedream.studio.media.offers import checked_offer
from livedream.studio.media.tracks import DreamTrack, drain
from livedream.studio.media.view import View

MOST_PEERS = 16
"""How many connections there may be: each one that watches encodes for itself."""
CONNECTING_SECONDS = 15.0
"""How long a page may take to connect after the answer."""
FRAMES_CHANNEL = "frames"
"""The data channel on which a page hears when each frame was captured. The page opens it."""
MOST_WAITING = 16_384
"""Bytes that may wait on that channel; a page that does not take them loses the times, not the frames."""

Role = Literal["watch", "lend"]
"""What a page wants: to see the dream, or to lend its camera."""
_REFUSED = (
    *(ValueError, TypeError, LookupError, AttributeError, AssertionError),
    *(InternalError, InvalidAccessError, InvalidStateError, OperationError),
)
"""What aiortc raises for an offer that it cannot read."""


class Answer(NamedTuple):
    """What a page gets for its offer."""

    sdp: str
    peer: str
    """The id of the connection."""


class TooManyPeersError(Exception):
    """There are MOST_PEERS connections already."""


class _Peer:
    """One connection."""

    def __init__(self, role: Role, client: str) -> None:
        self.id = secrets.token_hex(16)
        self.role = role
        self.client = client
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel: RTCDataChannel | None = None
        self.track: DreamTrack | None = None
        self.drain: asyncio.Task[None] | None = None
        self.attendant: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        self.ended = asyncio.Event()
        self.connection.on("connectionstatechange", self._note_state)
        self.connection.on("datachannel", self._note_channel)

    def _note_state(self) -> None:
        state = self.connection.connectionState
        if state == "connected":
            self.connected.set()
        elif state in ("failed", "closed"):
            self.connected.set()
            self.ended.set()

    def _note_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == FRAMES_CHANNEL:
            self.channel = channel

    def tell(self, pts: int, captured_ms: float) -> None:
        """Tell the page when a frame was captured."""
        channel = self.channel
        if channel is not None and channel.readyState == "open" and channel.bufferedAmount < MOST_WAITING:
            channel.send(json.dumps({"pts": pts, "captured_ms": round(captured_ms, 1)}))

    async def close(self) -> None:
        """End everything that belongs to the connection."""
        if self.drain is not None:
            self.drain.cancel()
            await asyncio.wait([self.drain])
        if self.track is not None:
            self.track.stop()
        await self.connection.close()


class Peers:
    """The connections of a studio. All methods belong to the event loop of the server.

    Args:
        broadcast: what pages see.
        cameras: where their cameras go.
    """

    def __init__(self, broadcast: Broadcast, cameras: BrowserCameras) -> None:
        change_aiortc()
        self._broadcast = broadcast
        self.cameras = cameras
        self._peers: dict[str, _Peer] = {}
        self._opening = 0

    @property
    def count(self) -> int:
        """How many connections there are."""
        return len(self._peers)

    async def answer(
        self,
        sdp: str,
        client: str,
        role: Role,
        view: Callable[[], View] = View,
        address: str = "127.0.0.1",
    ) -> Answer:
        """Accept the offer of a page.

        Args:
            sdp: the offer, with all candidates.
            client: the page.
            role: what it wants.
            view: returns how the page looks at the dream at any time.
            address: the IP address of the page.

        Raises:
            ArgumentError: the offer cannot be read.
            TooManyPeersError: there are too many connections.
        """
        if len(self._peers) + self._opening >= MOST_PEERS:
            raise TooManyPeersError
        self._opening += 1
        peer = _Peer(role, client)
        negotiated = False
        try:
            answer = await self._negotiate(peer, checked_offer(sdp, address), view)
            negotiated = True
        except _REFUSED as error:
            raise ArgumentError("the offer cannot be read", "send the SDP of an RTCPeerConnection") from error
        finally:
            self._opening -= 1
            if not negotiated:
                await peer.close()
        self._peers[peer.id] = peer
        peer.attendant = asyncio.create_task(self._attend(peer), name="livedream-peer")
        return Answer(answer, peer.id)

    async def _negotiate(self, peer: _Peer, sdp: str, view: Callable[[], View]) -> str:
        """Set up a connection, and return the SDP of its answer."""
        connection = peer.connection
        if peer.role == "watch":
            peer.track = DreamTrack(self._broadcast.watch(asyncio.get_running_loop()), view, peer.tell)
            connection.addTransceiver(peer.track, "sendonly").setCodecPreferences(_preferred_codecs())
        else:
            connection.on("track", lambda track: self._lend(peer, track))
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    def _lend(self, peer: _Peer, track: MediaStreamTrack) -> None:
        if track.kind == "video" and peer.drain is None:
            lend = functools.partial(self.cameras.lend, peer.client)
            peer.drain = asyncio.create_task(drain(track, lend), name="livedream-lender")

    async def _attend(self, peer: _Peer) -> None:
        """Wait for the end of a connection, and close it."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CONNECTING_SECONDS):
                    await peer.connected.wait()
                await peer.ended.wait()
        finally:
            try:
                await peer.close()
            finally:
                del self._peers[peer.id]

    async def close(self, peer: str) -> bool:
        """Close a connection; return whether there was one."""
        found = self._peers.get(peer)
        if found is None or found.attendant is None:
            return False
        found.connected.set()
        found.ended.set()
        await asyncio.wait([found.attendant])
        return True

    async def close_all(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(self.close(peer) for peer in list(self._peers)))


def _preferred_codecs() -> list[RTCRtpCodecCapability]:
    """Return the codecs for the dream, the cheapest first. H.264 is, see QuickH264Encoder, where x264 is there."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    if "libx264" not in av.codecs_available:
        codecs = [codec for codec in codecs if codec.name != "H264"]
    return sorted(codecs, key=lambda codec: ("H264", "VP8", "rtx").index(codec.name))
