"""The page in a real browser, as a person uses it: from the link to the file that they keep."""

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from livedream import open_source
from tests.studio.browser.command import RunningStudio
from tests.studio.browser.program import Program
from tests.studio.browser.reading import picture, state, until_picture, until_state
from tests.studio.browser.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

GROUND = "() => getComputedStyle(document.body).backgroundColor"

pytestmark = [pytest.mark.needs_browser, pytest.mark.timeout(240)]


@pytest.fixture
def studio(shared_studio: RunningStudio) -> RunningStudio:
    """One studio for the file; a test that needs one of its own starts it."""
    return shared_studio


def use_camera(page: "Page") -> None:
    page.get_by_role("button", name="Use my camera").click()
    until_state(page, "state.source.kind === 'browser' && state.phase === 'running'")


def turn(page: "Page", name: str, value: float) -> None:
    """Type a value into the box of a control."""
    page.get_by_role("tab", name="Controls").click()
    box = page.locator(f"#control-{name}")
    box.fill(str(value))
    box.press("Tab")
    until_state(page, f"state.settings.{name} === {value}")


@pytest.mark.parametrize("transport", ["webrtc", "jpeg"])
def test_someone_sees_themselves_dreaming(
    studio: RunningStudio, page: "Page", camera_film: Path, transport: str
) -> None:
    query = "?transport=jpeg" if transport == "jpeg" else ""
    studio.enter(page, f"/{query}")
    picture(page)  # the demo dreams already
    use_camera(page)
    assert page.get_by_text("is on").is_visible()  # the light of the camera
    pill = page.locator(".pill-text")
    wait_until(page, r"() => / ms/.test(document.querySelector('.pill-text').textContent)")
    assert re.search(r"\d+ fps · \d+ ms · [\d.]+ Mbit/s", pill.inner_text())

    # With the divider at the right edge the source comes back.
    with open_source(camera_film) as film:
        moments = np.stack([cv2.resize(frame.pixels, (64, 36), interpolation=cv2.INTER_AREA) for frame in film][::3])

    def from_source(shown: np.ndarray) -> float:
        """How far the picture is from the nearest moment of the film before the camera, in levels of 255."""
        return float(np.abs(moments - shown).mean((1, 2, 3)).min())

    divider = page.get_by_role("slider", name=re.compile("Split"))
    divider.press("End")
    until_picture(page, lambda shown: from_source(shown) < 8, "the person before the camera")
    divider.press("Home")
    turn(page, "strength", 4)
    until_picture(page, lambda shown: from_source(shown) > 20, "the dream")
    turn(page, "strength", 0)
    until_picture(page, lambda shown: from_source(shown) < 8, "the source at strength 0")


def test_a_slider_moves_the_picture_at_once(studio: RunningStudio, page: "Page", program: Program) -> None:
    """In front of a photograph nothing else moves, so that the first other picture is the answer."""
    photo = io.BytesIO()
    Image.fromarray(data.astronaut()[:288]).save(photo, "png")
    program.dream_file("photo.png", photo.getvalue())
    studio.enter(page)
    turn(page, "strength", 0)
    until_picture(page, lambda shown: True, "a picture")
    page.wait_for_timeout(1500)  # the quality of the video settles
    before = picture(page)
    assert np.abs(picture(page) - before).mean() < 2
    milliseconds = page.evaluate(
        """async (before) => {
            const read = () => {
                const video = document.getElementById("video"), small = new OffscreenCanvas(64, 36);
                const brush = small.getContext("2d", {willReadFrequently: true});
                brush.drawImage(video, 0, 0, 64, 36);
                const data = brush.getImageData(0, 0, 64, 36).data;
                let sum = 0;
                for (let i = 0; i < data.length; i++) if (i % 4 < 3) sum += Math.abs(data[i] - before[i]);
                return sum / (64 * 36 * 3);
            };
            const slider = document.querySelector('[aria-label="Strength"][type="range"]');
            const began = performance.now();
            slider.value = "1000";
            slider.dispatchEvent(new Event("input", {bubbles: true}));
            while (performance.now() - began < 5000) {
                await new Promise((resolve) => requestAnimationFrame(resolve));
                if (read() > 4) return performance.now() - began;
            }
            return null;
        }""",
        [value for pixel in before.reshape(-1, 3).tolist() for value in (*pixel, 255)],
    )
    assert milliseconds is not None and milliseconds < 500


def test_a_look_a_snapshot_and_a_recording(studio: RunningStudio, page: "Page") -> None:
    studio.enter(page)
    picture(page)
    page.locator('[data-name="neon"]').click()
    until_state(page, "state.preset === 'neon'")
    page.get_by_role("button", name="Snapshot").click()
    page.get_by_text("Snapshot saved in the library").wait_for()
    page.get_by_role("button", name="Record").click()
    until_state(page, "state.recording")
    page.wait_for_timeout(1200)
    page.locator('[data-action="record"]').click()
    page.get_by_text("Recording saved in the library").wait_for()
    page.get_by_role("tab", name="Library").click()
    page.get_by_role("button", name=re.compile("^Play .*mp4")).click()
    played = "() => { const film = document.querySelector('dialog video'); return film && film.currentTime > 0.3; }"
    wait_until(page, played)
    assert page.evaluate("() => document.querySelector('dialog video').videoWidth") == 1280
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Open .*png")).click()
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    with Image.open(download.value.path()) as saved:
        assert saved.size == (1280, 720)
    # The third button of a person who regrets.
    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    until_state(page, "state.preset === 'live'")


def test_a_reload_lends_the_camera_again(studio: RunningStudio, page: "Page") -> None:
    studio.enter(page)
    use_camera(page)
    lender = state(page)["source"]["lender"]
    page.reload()
    again = until_state(page, f"state.source.lender && state.source.lender !== '{lender}' && state.phase === 'running'")
    assert again["source"]["kind"] == "browser"
    page.get_by_role("button", name="Stop").first.click()
    until_state(page, "state.source.kind === 'demo' && state.phase === 'running'")


def test_two_pages_and_the_clean_picture_share_one_dream(studio: RunningStudio, new_page) -> None:
    one, control, out = new_page(), new_page(viewport={"width": 390, "height": 844}), new_page()
    studio.enter(one)
    studio.enter(control, "/control")
    studio.enter(out, "/out?fit=cover")
    turn(one, "strength", 2.5)
    control.get_by_role("tab", name="Controls").click()
    wait_until(control, "() => document.getElementById('control-strength')?.value === '2.5'")
    turn(control, "strength", 0.25)
    wait_until(one, "() => document.getElementById('control-strength')?.value === '0.25'")
    assert control.locator("video").count() == 0
    assert out.locator("button:visible, input:visible").count() == 0
    picture(out)
    box = out.locator("#video").bounding_box()
    assert box is not None
    assert (round(box["width"]), round(box["height"])) == (1280, 720)


def test_a_photograph_becomes_a_dream(studio: RunningStudio, page: "Page", tmp_path: Path) -> None:
    Image.fromarray(data.coffee()[:120, :160]).save(tmp_path / "coffee.png")
    studio.enter(page)
    page.get_by_role("tab", name="Library").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload").click()
    chooser.value.set_files(tmp_path / "coffee.png")
    page.get_by_role("button", name="Open coffee.png").wait_for()
    job = page.evaluate(
        """async () => {
            const files = await (await fetch("/api/files")).json();
            const job = await fetch("/api/jobs", {method: "POST", headers: {"content-type": "application/json"},
                body: JSON.stringify({file: files.find((file) => file.kind === "upload").id, preset: null})});
            return job.json();
        }"""
    )
    assert job["state"] in ("waiting", "running")
    page.reload()  # the job goes on
    page.get_by_role("tab", name="Library").click()
    wait_until(
        page,
        "async () => (await (await fetch('/api/jobs')).json()).some((job) => job.state === 'done')",
        seconds=120,
    )
    page.get_by_role("button", name=re.compile(r"^Open coffee-dream|^Open .*dream.*png")).wait_for()


def test_what_to_dream_of_is_chosen_by_its_picture(studio: RunningStudio, page: "Page") -> None:
    studio.enter(page)
    page.get_by_role("tab", name="Controls").click()
    page.get_by_role("button", name="Choose").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("searchbox").fill("bird")
    dialog.get_by_role("button", name="birds").first.click()
    dialog.get_by_role("button", name="Dream it").click()
    until_state(page, "state.settings.layers.includes('birds')")
    page.keyboard.press("Control+z")
    until_state(page, "!state.settings.layers.includes('birds')")


def test_a_link_carries_a_look(studio: RunningStudio, new_page) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    studio.enter(page)
    turn(page, "strength", 3.5)
    page.get_by_role("tab", name="Looks").click()
    page.get_by_role("button", name="More for this look").click()
    page.get_by_role("menuitem", name=re.compile("link")).click()
    page.get_by_text(re.compile("copied", re.IGNORECASE)).first.wait_for()
    link = page.evaluate("() => navigator.clipboard.readText()")
    assert "#look=" in link
    turn(page, "strength", 1)
    page.goto(link)
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Apply|Use")).click()
    until_state(page, "state.settings.strength === 3.5")


def test_a_camera_that_cannot_be_had_says_what_to_do(studio: RunningStudio, page: "Page") -> None:
    studio.enter(page)
    for name, words in (
        ("NotAllowedError", "address bar"),
        ("NotFoundError", "Connect one"),
        ("NotReadableError", "Close that program"),
    ):
        page.add_init_script(
            f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('no', '{name}'); }}"
        )
        page.reload()
        page.get_by_role("button", name="Use my camera").click()
        page.get_by_text(re.compile(words)).wait_for()
        assert state(page)["source"]["kind"] == "demo"


def test_a_studio_that_has_gone_is_told_and_comes_back(start_studio, new_page_of) -> None:
    studio = start_studio()
    page = new_page_of(studio, "WebSocket|ERR_|Failed to load")
    studio.enter(page)
    picture(page)
    port = studio.url.rpartition(":")[2]
    studio.stop()
    page.get_by_role("alert").filter(has_text=re.compile("lost|gone|again", re.IGNORECASE)).wait_for()
    again = start_studio("--port", port, "--folder", str(studio.folder))
    page.get_by_role("alert").filter(has_text=re.compile("lost|gone|again", re.IGNORECASE)).wait_for(state="hidden")
    assert again.url == studio.url
    picture(page)


def test_nothing_keeps_people_out(studio: RunningStudio, new_page, axe) -> None:
    page = new_page(color_scheme="light", reduced_motion="reduce")
    studio.enter(page)
    picture(page)

    def check_dark_and_light() -> None:
        for scheme in ("dark", "light"):  # only the style sheets ask for it
            before = page.evaluate(GROUND)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            wait_until(page, f"(before) => ({GROUND})() !== before", before)
            axe(page)

    for tab in ("Looks", "Controls", "Library"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)
        check_dark_and_light()
    for key in ("?",):
        page.keyboard.press(key)
        page.get_by_role("dialog").wait_for()
        check_dark_and_light()
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Open on a phone").click()
    page.get_by_role("dialog").locator("svg").first.wait_for()
    check_dark_and_light()


def test_it_works_on_a_phone(studio: RunningStudio, new_page, axe) -> None:
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, device_scale_factor=2)
    studio.enter(page)
    picture(page)
    page.get_by_role("button", name="Use my camera").tap()
    until_state(page, "state.source.kind === 'browser' && state.phase === 'running'")
    for tab in ("Looks", "Controls", "Library"):
        page.get_by_role("tab", name=tab).tap()
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), f"{tab} is too wide"
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, [role=tab]")].filter((element) => {
            const box = element.getBoundingClientRect();
            const shown = element.checkVisibility({visibilityProperty: true}) && box.width;
            return shown && Math.min(box.height, box.width) < 43.5;
        }).map((element) => element.outerHTML.slice(0, 120))"""
    )
    assert small == [], "too small for a finger"
    axe(page)
