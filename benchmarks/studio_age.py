"""How old the picture is that a page of the studio shows: from a camera in Chromium, through the dream, and back.

    python -m benchmarks.studio_age                  # 60 seconds over WebRTC
    python -m benchmarks.studio_age 600 --jpeg       # ten minutes over the fallback

The camera of Chromium plays a film in which each frame has its number, in ten large black and white blocks. The page
reads the number twice: in a preview of the camera, and in the picture that comes back, with the divider at the right
edge, where the source shows that has come the whole way. The difference of the two moments is the age. Exposure and
the delay of a real screen are not in it. The studio and Chromium share the processors of one machine.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from livedream import demo_clip, open_source
from livedream.pipeline.meter import percentile

WIDTH, HEIGHT, RATE, FRAMES = 640, 360, 30, 300
BITS, BAND = 10, 64
"""Blocks of the number of a frame, and their height in pixels."""
SETTLED_SECONDS = 8.0
ARGUMENTS = (
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox", "--disable-gpu"),
    *("--allow-loopback-in-peer-connection", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
MEASURE = """
(() => {
    const [bits, seen] = [10, new Map()];
    window.ages = [];
    function reader(element) {
        const canvas = new OffscreenCanvas(bits * 4, 4), brush = canvas.getContext("2d", {willReadFrequently: true});
        return (width, height) => {
            brush.drawImage(element, 0, 0, width, height * 64 / 360, 0, 0, bits * 4, 4);
            const data = brush.getImageData(0, 2, bits * 4, 1).data;
            let number = 0;
            for (let bit = 0; bit < bits; bit++) {
                const value = (data[(bit * 4 + 1) * 4] + data[(bit * 4 + 2) * 4]) / 2;
                if (value > 150) number |= 1 << bit;
                else if (value > 100) return null;
            }
            return number;
        };
    }
    const ask = MediaDevices.prototype.getUserMedia;
    MediaDevices.prototype.getUserMedia = async function (wanted) {
        const stream = await ask.call(this, wanted);
        const preview = document.createElement("video");
        preview.muted = true;
        preview.srcObject = stream;
        await preview.play();
        const read = reader(preview);
        const look = (now, {width, height}) => {
            const number = read(width, height);
            if (number !== null) seen.set(number, performance.now());
            preview.requestVideoFrameCallback(look);
        };
        preview.requestVideoFrameCallback(look);
        return stream;
    };
    let last = null;
    function note(number) {
        if (number === null || number === last) return;
        last = number;
        const age = performance.now() - seen.get(number);
        if (age < 5000) window.ages.push(age);
    }
    window.followVideo = () => {
        const video = document.getElementById("video"), read = reader(video);
        const look = (now, {width, height}) => {
            note(read(width, height));
            video.requestVideoFrameCallback(look);
        };
        video.requestVideoFrameCallback(look);
    };
    window.followCanvas = () => {
        const canvas = document.getElementById("canvas"), read = reader(canvas);
        const look = () => {
            if (canvas.width > 1) note(read(canvas.width, canvas.height));
            requestAnimationFrame(look);
        };
        look();
    };
})();
"""


def write_camera(path: Path) -> None:
    """Write the film for the camera, Y4M."""
    with open_source(demo_clip) as clip:
        scene = [cv2.resize(frame.pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for frame in clip]
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            picture = scene[number % len(scene)].copy()
            picture[:BAND] = 0
            for bit in range(BITS):
                if number >> bit & 1:
                    picture[:BAND, bit * WIDTH // BITS : (bit + 1) * WIDTH // BITS] = 255
            film.write(b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).tobytes())


@contextmanager
def studio(folder: Path) -> Iterator[tuple[str, int]]:
    """Run `livedream studio` with its defaults; yield the link and the process id."""
    command = [sys.executable, "-m", "livedream", "studio", "--port", "0", "--no-browser", "--folder", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        link = next(found[0] for line in process.stdout if (found := re.search(r"http\S+token=\S+", line)))
        yield link, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def enter(page: Page, link: str, *, jpeg: bool) -> None:
    """Open the page, lend the camera, and move the divider to the right edge."""
    page.add_init_script(MEASURE)
    page.goto(link + ("&transport=jpeg" if jpeg else ""))
    page.get_by_role("button", name="Use my camera").click()
    page.wait_for_timeout(4000)
    page.get_by_role("slider", name=re.compile("Split")).press("End")
    page.wait_for_timeout(1000)
    page.evaluate("(jpeg) => jpeg ? followCanvas() : followVideo()", jpeg)
    page.wait_for_timeout(SETTLED_SECONDS * 1000)
    page.evaluate("() => { ages.length = 0; }")


def memory(pid: int) -> int:
    """Return the resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure(seconds: float, slices: int, *, jpeg: bool) -> list[dict[str, Any]]:
    """Return, for each slice of the time, p50 and p95 of the age in milliseconds, the rate, and the memory in MB."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as name,
        studio(Path(name) / "studio") as (link, pid),
        sync_playwright() as player,
    ):
        write_camera(Path(name) / "camera.y4m")
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        film = f"--use-file-for-fake-video-capture={name}/camera.y4m"
        browser = player.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, film])
        page = browser.new_page()
        enter(page, link, jpeg=jpeg)
        for _ in range(slices):
            page.wait_for_timeout(seconds / slices * 1000)
            ages = page.evaluate("() => ages.splice(0)")
            rows.append(
                {
                    "p50": round(percentile(ages, 50)),
                    "p95": round(percentile(ages, 95)),
                    "shown_fps": round(len(ages) / (seconds / slices), 1),
                    "studio_mb": memory(pid) >> 20,
                    "quality": page.evaluate("async () => (await (await fetch('/api/state')).json()).notices"),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
        browser.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("--slices", type=int, default=6)
    parser.add_argument("--jpeg", action="store_true", help="measure the fallback")
    given = parser.parse_args()
    rows = measure(given.seconds, given.slices, jpeg=given.jpeg)
    print(
        f"p95 of all slices: {[row['p95'] for row in rows]} ms; median {np.median([row['p95'] for row in rows]):.0f} ms"
    )


if __name__ == "__main__":
    main()
