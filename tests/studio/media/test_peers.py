"""WebRTC connections, with an aiortc client in the place of a browser."""

import asyncio
import gc
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.studio.media import peers as peers_module
from livedream.studio.media.broadcast import Broadcast
from livedream.studio.media.browser_camera import BrowserCameras
from livedream.studio.media.peers import MOST_PEERS, Peers, TooManyPeersError
from livedream.studio.media.view import View

SECONDS = 15


def frame(index: int, value: int) -> Frame:
    source = np.full((64, 96, 3), 20, np.uint8)
    return Frame(np.full((64, 96, 3), value, np.uint8), Fraction(index, 25), index, source=source)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


class Studio:
    """The server's side: peers, and a dream whose frames get brighter."""

    def __init__(self) -> None:
        self.broadcast, self.cameras = Broadcast(), BrowserCameras()
        self.peers = Peers(self.broadcast, self.cameras)
        self.index = 0

    async def dream(self) -> None:
        while True:
            self.broadcast.write(frame(self.index, 100 + self.index % 100))
            self.index += 1
            await asyncio.sleep(0.02)


@asynccontextmanager
async def studio() -> AsyncIterator[Studio]:
    made = Studio()
    dream = asyncio.create_task(made.dream())
    try:
        yield made
    finally:
        dream.cancel()
        await made.peers.close_all()


class Page:
    """A page that watches."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.times: list[dict[str, float]] = []
        self.peer = ""

    async def connect(self, studio: Studio, view: Callable[[], View] = View) -> None:
        self.connection.addTransceiver("video", "recvonly")
        channel = self.connection.createDataChannel("frames", ordered=False, maxRetransmits=0)
        channel.on("message", lambda text: self.times.append(json.loads(text)))
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await studio.peers.answer(self.connection.localDescription.sdp, "c-1", "watch", view)
        self.peer = answer.peer
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))

    @property
    def track(self) -> MediaStreamTrack:
        return self.connection.getReceivers()[0].track

    async def picture(self) -> np.ndarray:
        frame = await asyncio.wait_for(self.track.recv(), SECONDS)
        assert isinstance(frame, av.VideoFrame)
        return frame.to_ndarray(format="rgb24")

    async def close(self) -> None:
        await self.connection.close()


class Camera(MediaStreamTrack):
    """A camera that shows grey."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(0.02)
        made = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 150, np.uint8), format="rgb24")
        made.pts, made.time_base = self.count * 3000, Fraction(1, 90000)
        self.count += 1
        return made


def test_the_dream_arrives_with_the_times_of_its_capture() -> None:
    async def check() -> None:
        async with studio() as served:
            page = Page()
            await page.connect(served)
            picture = await page.picture()
            assert picture.shape == (64, 96, 3)
            assert 95 <= picture.mean() <= 205
            await until(lambda: len(page.times) >= 3)
            assert served.peers.count == 1
            pts = [each["pts"] for each in page.times]
            assert pts == sorted(set(pts))
            assert all(0 <= time.time() * 1000 - each["captured_ms"] < SECONDS * 1000 for each in page.times)
            await page.close()
            await until(lambda: served.peers.count == 0)
            assert served.broadcast.watched == 0

    asyncio.run(check())


def test_a_view_holds_from_the_next_frame_on() -> None:
    async def check() -> None:
        view = View()
        async with studio() as served:
            page = Page()
            await page.connect(served, lambda: view)
            assert (await page.picture()).mean() > 90
            view = View(1.0)
            deadline = time.monotonic() + SECONDS
            while (await page.picture()).mean() > 30:
                assert time.monotonic() < deadline
            await page.close()

    asyncio.run(check())


def test_h264_is_chosen_where_both_have_it() -> None:
    async def check() -> None:
        async with studio() as served:
            page = Page()
            await page.connect(served)
            media = page.connection.remoteDescription.sdp.partition("m=video")[2]
            assert media.index("H264/90000") < media.index("VP8/90000")
            await page.close()

    asyncio.run(check())


def test_a_lent_camera_arrives_and_its_end_ends_the_source() -> None:
    async def check() -> None:
        async with studio() as served:
            lender = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            lender.addTransceiver(Camera(), "sendonly")
            await lender.setLocalDescription(await lender.createOffer())
            answer = await served.peers.answer(lender.localDescription.sdp, "c-9", "lend")
            await lender.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
            source = await asyncio.to_thread(served.cameras.open, "c-9")
            assert source.size == (64, 48)
            frames: list[Frame] = []
            reader = threading.Thread(target=lambda: frames.extend(source))
            reader.start()
            await until(lambda: len(frames) >= 5)
            assert abs(frames[-1].pixels.mean() - 150) < 5
            await lender.close()
            await until(lambda: not reader.is_alive())
            reader.join()
            await until(lambda: served.peers.count == 0)
            assert served.cameras.lenders == ()

    asyncio.run(check())


OFFER = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n"
    "a=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=sendrecv\r\n"
)
OFFERS = [
    "",
    "garbage",
    "v=0",
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
    "v=0\r\nm=video\r\n",
    "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
    "v=0\r\nm=video x y z\r\na=rtpmap:96 VP8/90000\r\n",
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n",
    "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=sctp-port:x\r\n",
    OFFER.replace("VP8/90000", "AV9/90000"),
    "\x00" * 4000,
    "a=candidate:1\r\n" * 500,
]


@pytest.mark.parametrize("role", ["watch", "lend"])
@pytest.mark.parametrize("offer", OFFERS, ids=range(len(OFFERS)))
def test_an_offer_that_makes_no_sense_is_refused_and_leaves_nothing(offer: str, role: peers_module.Role) -> None:
    async def check() -> None:
        async with studio() as served:
            tasks = asyncio.all_tasks()
            with pytest.raises(ArgumentError, match="the offer cannot be read"):
                await served.peers.answer(offer, "c-1", role)
            await until(lambda: asyncio.all_tasks() <= tasks)
            assert (served.peers.count, served.broadcast.watched, served.cameras.lenders) == (0, 0, ())

    asyncio.run(check())


def test_the_same_offer_with_a_known_codec_is_answered() -> None:
    async def check() -> None:
        async with studio() as served:
            assert "m=video" in (await served.peers.answer(OFFER, "c-1", "watch")).sdp

    asyncio.run(check())


def test_offers_that_are_damaged_anywhere_are_refused_or_answered() -> None:
    async def check() -> None:
        random = np.random.default_rng(3)
        async with studio() as served:
            page = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            page.addTransceiver("video", "recvonly")
            page.createDataChannel("frames")
            await page.setLocalDescription(await page.createOffer())
            whole = page.localDescription.sdp
            refused = 0
            for _ in range(60):
                lines = whole.splitlines()
                place = int(random.integers(len(lines)))
                damage = int(random.integers(3))
                if damage == 0:
                    del lines[place:]
                elif damage == 1:
                    del lines[place]
                else:
                    lines[place] = lines[place][: int(random.integers(len(lines[place]) + 1))]
                try:
                    answer = await served.peers.answer("\r\n".join([*lines, ""]), "c-1", "watch")
                    await served.peers.close(answer.peer)
                except ArgumentError:
                    refused += 1
            assert refused > 5
            assert served.peers.count == 0
            await page.close()

    asyncio.run(check())


def test_connections_have_a_bound() -> None:
    async def check() -> None:
        async with studio() as served:
            pages = [Page() for _ in range(MOST_PEERS)]
            for page in pages:
                await page.connect(served)
            refused, one_more = Page(), Page()
            with pytest.raises(TooManyPeersError):
                await refused.connect(served)
            assert await served.peers.close(pages[0].peer)
            assert not await served.peers.close(pages[0].peer)
            await one_more.connect(served)
            for page in [*pages, refused, one_more]:
                await page.close()

    asyncio.run(check())


def test_a_page_that_does_not_connect_is_removed(monkeypatch) -> None:
    monkeypatch.setattr(peers_module, "CONNECTING_SECONDS", 0.3)

    async def check() -> None:
        async with studio() as served:
            page = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            page.addTransceiver("video", "recvonly")
            await page.setLocalDescription(await page.createOffer())
            await served.peers.answer(page.localDescription.sdp, "c-1", "watch")
            assert served.peers.count == 1
            await until(lambda: served.peers.count == 0 and served.broadcast.watched == 0)
            await page.close()

    asyncio.run(check())


def test_many_connections_leave_no_task_thread_or_descriptor() -> None:
    async def check() -> tuple[int, int, int]:
        async with studio() as served:

            async def one() -> None:
                page = Page()
                await page.connect(served)
                await page.picture()
                await page.close()
                await until(lambda: served.peers.count == 0)

            def left() -> tuple[int, int, int]:
                gc.collect()
                return len(asyncio.all_tasks()), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

            await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.05) for _ in range((os.cpu_count() or 1) + 4)))
            await one()
            await until(lambda: len(asyncio.all_tasks()) == 2)
            before = left()
            for _ in range(50):
                await one()
            await until(lambda: left() == before)
            return before

    assert asyncio.run(check())[0] == 2  # this one, and the dream


def test_the_end_of_the_server_closes_everything() -> None:
    async def check() -> None:
        async with studio() as served:
            page = Page()
            await page.connect(served)
            await page.picture()
            await served.peers.close_all()
            assert (served.peers.count, served.broadcast.watched) == (0, 0)
            await page.close()

    asyncio.run(check())
