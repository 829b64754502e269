"""The package from outside: what it exports, what importing it costs, which way its imports go."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import livedream

ROOT = Path(livedream.__file__).parent
AV = (
    *("container_source", "video", "stdin", "remote", "live/network_stream", "decoding/stream_errors"),
    *(
        f"decoding/{name}"
        for name in ("container", "timestamps", "color", "gamut", "dolby_vision", "shape", "side_data")
    ),
    *(f"decoding/{name}" for name in ("deinterlace", "video_track", "ending", "tap", "holes", "video_decoder")),
)
CV2 = (
    "__init__.py",
    *("capture/live/camera.py", "capture/live/devices.py"),
    "capture/live/screen.py",  # turns the order of the colours around: 1 ms a picture of 1920x1080, with numpy 15
    *("dream/motion/flow.py", "dream/image/resize.py", "sink/window/window_sink.py"),
)


def test_every_public_name_is_there() -> None:
    missing = [name for name in livedream.__all__ if not hasattr(livedream, name)]
    assert missing == []
    assert livedream.__all__ == sorted(livedream.__all__)


def loaded_after(statement: str) -> list[str]:
    program = f"import sys; {statement}; print(*sys.modules)"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()


def test_importing_loads_no_torch_and_cv2_before_av() -> None:
    modules = loaded_after("import livedream; livedream.open_source, livedream.open_sink; import av")
    assert "torch" not in modules
    assert modules.index("cv2") < modules.index("av")


@functools.cache
def imports() -> list[tuple[str, str]]:
    """Return (file, module) for every import of the package, also those inside functions."""
    found = []
    for path in ROOT.rglob("*.py"):
        file = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [(file, name.name) for name in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found += [(file, node.module)]
                found += [(file, f"{node.module}.{name.name}") for name in node.names]
    return found


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("torch", ("dream/", "models/", "visualize/", "bench/", "doctor/compute.py")),
        ("torchvision", ("models/",)),
        (
            "av",
            (*(f"capture/{name}.py" for name in AV), "sink/", "formats/timeline.py", "side_tracks.py", "studio/media/"),
        ),
        (
            "cv2",
            (
                "__init__.py",
                *("capture/live/camera.py", "capture/live/devices.py", "capture/live/screen.py"),
                "dream/dive.py",  # Lanczos' filter; torch has none
                "dream/motion/flow.py",
                "dream/motion/residual.py",  # the warp, four times as fast as torch's on a CPU
                "dream/image/resize.py",
                "dream/compute/threads.py",  # how many threads it takes
                "dream/stream/live_masks.py",  # the warp and the means, as for the residual
                "dream/image/mask_edges.py",  # the means of the guided filter
                *("dream/image/masks.py", "dream/image/still_mask.py"),  # resizing and blending
                "dream/image/person.py",  # a Gaussian blur; torch has none
                "dream/stream/frame_masks.py",  # a table of 256 values
                *("sink/window/window_sink.py", "sink/window/canvas.py", "sink/window/fade.py"),
                "bench/",
                "letterbox.py",  # resizes
                "capture/decoding/gamut.py",  # tables and matrix, 4 times as fast as numpy
                "sink/window/text_overlay.py",  # text at 0.03 ms a line; Pillow takes 0.7
                "controls/mirror.py",  # 0.25 ms a frame; numpy takes 8
                "studio/media/",  # resizes, and encodes JPEG
            ),
        ),
        ("pyvirtualcam", ("sink/virtual_camera.py",)),
        ("aiortc", ("studio/media/",)),
        ("aioice", ("studio/media/",)),
        ("fastapi", ("studio/server/",)),
        ("starlette", ("studio/server/",)),
        ("uvicorn", ("studio/server/",)),
        ("pydantic", ("studio/server/", "studio/library/")),
        ("fsspec", ("farm/",)),
        ("ray", ("farm/",)),
        ("click", ("cli/",)),
        ("rich", ("cli/",)),
        ("livedream.doctor", ("doctor/", "cli/")),  # looks into every room, as no other does
        ("livedream.cli", ("cli/", "__main__.py")),
        (
            "livedream.pipeline",
            ("pipeline/", "bench/", "controls/", "studio/", "farm/", "cli/", "api.py", "__init__.py"),
        ),
        (
            "livedream.capture",
            (
                *("capture/", "bench/", "pipeline/", "studio/", "farm/", "cli/", "doctor/", "api.py", "__init__.py"),
                "presets/__init__.py",  # the recipe inside a film or picture is a preset
            ),
        ),
        (
            "livedream.sink",
            (
                *("sink/", "bench/", "pipeline/", "controls/", "studio/", "farm/", "cli/", "doctor/", "api.py"),
                "__init__.py",
            ),
        ),
        (
            "livedream.dream",
            (
                "dream/",
                "visualize/",
                "bench/",
                "controls/",
                "pipeline/governor.py",
                "studio/",
                "farm/",
                "cli/",
                "doctor/",
                "api.py",
                "__init__.py",
            ),
        ),
        ("livedream.controls", ("controls/", "studio/", "cli/")),
        ("livedream.studio", ("studio/", "cli/")),
        ("livedream.farm", ("farm/", "studio/", "cli/")),
        ("livedream.visualize", ("visualize/", "bench/", "cli/", "__init__.py")),
    ],
)
def test_each_library_has_its_place(library, allowed) -> None:
    strangers = {
        file
        for file, module in imports()
        if (module == library or module.startswith(f"{library}.")) and not file.startswith(allowed)
    }
    assert strangers == set()
