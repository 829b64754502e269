"""Whether what is sent comes back: when two addresses are one place."""

import pytest

from livedream.capture import feedback_loop
from livedream.capture.demo import DemoSource
from livedream.capture.feedback_loop import refuse_loop
from livedream.errors import ArgumentError
from livedream.urls import same_place


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("udp://0.0.0.0:5000", "udp://127.0.0.1:5000", True),
        ("udp://:5000", "udp://localhost:5000?pkt_size=1316", True),
        ("udp://@239.0.0.1:5000", "udp://239.0.0.1:5000", True),
        ("udp://127.0.0.1:5000", "udp://127.0.0.1:5001", False),
        ("udp://127.0.0.1:5000", "udp://192.0.2.7:5000", False),
        ("rtmp://cam/live", "rtmp://anna:secret@cam/live", True),
        ("rtmp://cam/live", "rtmp://cam/other", False),
        ("rtsp://cam/live", "udp://cam/live", False),
        ("/dev/video2", "/dev/video2", True),
        ("/dev/video2", "out.mp4", False),
    ],
)
def test_same_place(one: str, other: str, same: bool) -> None:
    assert same_place(one, other) is same
    assert same_place(other, one) is same


@pytest.mark.parametrize(
    ("place", "devices", "target", "loops_back"),
    [
        pytest.param("udp://:5000", [], "udp://127.0.0.1:5000", True, id="udp"),
        pytest.param("OBS Virtual Camera", [], "virtual-camera", True, id="obs"),
        pytest.param("/dev/video9", ["video9"], "virtual-camera", True, id="v4l2loopback"),
        pytest.param("/dev/video9", ["video9"], "/dev/video9", True, id="device"),
        pytest.param("/dev/video9", ["video8", "video9"], "virtual-camera:/dev/video9", True, id="named"),
        pytest.param("/dev/video9", ["video9", "video8"], "virtual-camera", False, id="another-loopback"),
        pytest.param("/dev/video0", ["video9"], "virtual-camera", False, id="real-camera"),
        pytest.param(None, [], "out.mp4", False, id="demo"),
    ],
)
def test_own_output_as_source(place, devices, target, loops_back, tmp_path, monkeypatch) -> None:
    for device in devices:
        (tmp_path / device).mkdir()
    monkeypatch.setattr(feedback_loop, "LOOPBACKS", tmp_path)
    with DemoSource() as source:
        source.place = place
        if not loops_back:
            refuse_loop(source, target)
            return
        with pytest.raises(ArgumentError, match=f"demo shows the output that is sent to {target}"):
            refuse_loop(source, target)
