"""What may be shown of an address, on both sides: no secret in it, and nothing else hidden."""

import pytest

from livedream import urls
from livedream.errors import ArgumentError
from livedream.urls import Address, redact, redact_text, register_secrets

PASSWORD, KEY = "PaSs7word", "K3y-9f2b-secret"

SECRETS = [
    ("rtsp://u:PaSs7word%40cam/1", "rtsp://..."),
    ("rtsp://u:PaSs7word", "rtsp://..."),
    ("http://u:PaSs7word@server/films/my-holiday.mp4?t=9", "http://server/.../my-holiday.mp4"),
    (f"http://server/d/{KEY}/my-holiday.mp4", "http://server/d/.../my-holiday.mp4"),
    (f"http://server/{KEY}.mp4", "http://server/..."),
    (f"rtmp://server/live/{KEY}/holiday.mp4", "rtmp://server/live/..."),
    ("rtsp://u:PaSs7word@cam:554/live", "rtsp://cam:554/live"),
    ("rtsp://u:PaSs7word@[::1]:554/live", "rtsp://[::1]:554/live"),
    ("RTSP://u:PaSs7word@cam/live", "RTSP://cam/live"),
    ("rtsps://PaSs7word@cam/1", "rtsps://cam/1"),
    ("http://u:PaSs7word@cam/video.mjpg", "http://cam/video.mjpg"),
    ("https://u:PaSs7word@cam/axis-cgi/mjpg/video.cgi", "https://cam/axis-cgi/mjpg/video.cgi"),
    ("http://cam/video.cgi?user=u&pwd=PaSs7word", "http://cam/video.cgi"),
    ("http://cam/video.cgi#PaSs7word", "http://cam/video.cgi"),
    ("udp://0.0.0.0:5000?passphrase=PaSs7word", "udp://0.0.0.0:5000"),
    ("srt://h:9000?streamid=K3y-9f2b-secret&passphrase=PaSs7word", "srt://h:9000"),
    # Passwords as cameras come with, not escaped.
    ("rtsp://u:PaSs7word#x@cam/1", "rtsp://cam/1"),
    ("rtsp://u:PaSs7word/x@cam/1", "rtsp://cam/1"),
    ("rtsp://u:x/PaSs7word@cam/1", "rtsp://cam/1"),
    ("rtsp://u:PaSs7word?x@cam/1", "rtsp://cam/1"),
    ("rtsp://u:x?PaSs7word@cam/1", "rtsp://cam/1"),
    ("rtsp://u:x@PaSs7word@cam/1", "rtsp://cam/1"),
    ("rtsp://u:12/PaSs7word@cam/1", "rtsp://cam/1"),
    ("rtsp://u:x@PaSs7word/x@cam/1", "rtsp://cam/1"),
    ("rtsp://u:PaSs7word %41@cam/1", "rtsp://cam/1"),
    ("rtsp://u:PaSs7word\n@cam/1", "rtsp://cam/1"),
    ("rtsp://u:'PaSs7word\"@cam/1", "rtsp://cam/1"),
    # Not quite addresses.
    ("rtsp:/u:PaSs7word@cam/1", "rtsp://cam/1"),
    ("rtsp:u:PaSs7word@cam/1", "rtsp://cam/1"),
    ("u:PaSs7word@cam/1", "...@cam/1"),
    ("u:PaSs7word@cam", "...@cam"),
    ("u:PaSs7word@10.0.0.7:554/1", "...@10.0.0.7:554/1"),
    ("//u:PaSs7word@cam/1", "//...@cam/1"),
    ("rtsp://[u:PaSs7word@cam/1", "rtsp://cam/1"),
    ("xyz://u:PaSs7word@cam/1", "xyz://cam/1"),
    # Keys of streams are a part of the path.
    ("rtmp://h/K3y-9f2b-secret", "rtmp://h/..."),
    ("rtmp://h/live/K3y-9f2b-secret", "rtmp://h/live/..."),
    ("rtmp://h/live/K3y-9f2b-secret/", "rtmp://h/live/..."),
    ("rtmp://u:PaSs7word@h/app/K3y-9f2b-secret?x=1", "rtmp://h/app/..."),
    ("rtmp://h/app/live", "rtmp://h/app/..."),
    ("rtmps://h:443/live2/K3y-9f2b-secret", "rtmps://h:443/live2/..."),
    ("rtsp://h/live/K3y-9f2b-secret", "rtsp://h/live/..."),
    ("rtsp://h/K3y-9f2b-secret/live", "rtsp://h/..."),
    ("rtsp://h:554/user=u_password=PaSs7word_channel=1_stream=0.sdp", "rtsp://h:554/..."),
    ("http://h/hls/K3y-9f2b-secret/index.m3u8", "http://h/hls/..."),
    ("rtsp://h/live/123456789012", "rtsp://h/live/..."),
]
"""Whatever else is typed with a secret in it, and what may be shown of it."""

HARMLESS = [
    *("a@b.mp4", "films/12:30@home.mp4", "me:you@sea.mkv", "film?.mp4", "C:\\me\\a@b.mp4", "C:/me/a@b.mp4"),
    *("D:\\x:y@z.mp4", "\\\\server\\share\\a@b.mp4", "/home/me@work/film.mp4", "guide:photo.jpg@fire6"),
    *(
        '0.5*guide:"my photo.jpg"@fire6 + mask:face.png',
        "class:goldfinch",
        "fire6 + 0.5*fire9:77",
        "screen:1280x720+0+0",
    ),
    *("virtual-camera:/dev/video10", "0", "window", "udp://0.0.0.0:5000", "rtsp://cam/h264/ch1/main/av_stream"[:17]),
    *("rtsp://cam:554/Streaming/Channels/101", "rtsp://[2001:db8::7]:554/1", "http://cam/mjpg/video.mjpg"),
    *("file:///home/me@work/film.mp4", "mailto:anna@example.org", "Anna <anna@example.org> at 12:30", "3:45 of 4:00"),
]


@pytest.mark.parametrize(("typed", "shows"), SECRETS)
def test_no_secret_is_shown(typed: str, shows: str) -> None:
    assert redact(typed) == shows
    assert redact(shows) == shows  # what has been shown may pass through again


@pytest.mark.parametrize("typed", HARMLESS)
def test_what_is_harmless_is_shown_as_it_is(typed: str) -> None:
    assert redact(typed) == typed
    assert redact_text(f"no such file: {typed}") == f"no such file: {typed}"


@pytest.mark.parametrize("typed", [typed for typed, _ in SECRETS])
@pytest.mark.parametrize(
    "sentence", ["[Errno 5] I/O error: '{}'", "{}: refused, try 2", "guide:{}@fire6", "{0} -> {0}"]
)
def test_no_secret_is_left_in_a_sentence(typed: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "_secrets", {})
    register_secrets(typed)
    for text in (sentence.format(typed), sentence.format(repr(typed)), sentence.format(str(typed.encode()))):
        assert PASSWORD not in redact_text(text) and KEY not in redact_text(text), redact_text(text)


@pytest.mark.parametrize(
    "typed", [typed for typed, _ in SECRETS if not set(typed) & set(" \n'\"") and "http" not in typed]
)
def test_no_secret_is_left_that_nobody_has_named(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in what FFmpeg says of an address that it was led to."""
    monkeypatch.setattr(urls, "_secrets", {})
    text = redact_text(f"error opening '{typed}', code 5")
    assert PASSWORD not in text and KEY not in text
    assert text.startswith("error opening '") and text.endswith("', code 5")


@pytest.mark.parametrize("scheme", ["", "rtsp://", "rtmp://"])
def test_common_words_are_credentials_like_any_others(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was registered, and `user:password` is how manuals write it."""
    monkeypatch.setattr(urls, "_secrets", {})
    text = redact_text(f"cannot open {scheme}user:password@camera/live")
    assert "user" not in text and "password" not in text and text.endswith("camera/live")


def test_our_own_hints_stay() -> None:
    for hint in (
        "write them before the host of the address: USER:PASSWORD@",
        "download https://download.pytorch.org/models/vgg16-397923af.pth and save it as /tmp/vgg16-397923af.pth",
        "write udp://127.0.0.1:5000",
    ):
        assert redact_text(hint) == hint


@pytest.mark.parametrize(
    ("typed", "understood", "host", "port"),
    [
        ("rtsp://u:p@cam:554/1", "rtsp://u:p@cam:554/1", "cam", 554),
        ("rtsp://u:p#q@cam/1", "rtsp://u:p%23q@cam/1", "cam", None),
        ("rtsp://u:p?q@cam/1", "rtsp://u:p%3Fq@cam/1", "cam", None),
        ("rtsp://u:p/q@cam/1", "rtsp://u:p%2Fq@cam/1", "cam", None),
        ("rtsp://u:p@q@cam/1", "rtsp://u:p%40q@cam/1", "cam", None),
        ("rtsp://u:p#q@r@cam/video@2", "rtsp://u:p%23q%40r@cam/video@2", "cam", None),
        ("rtsp://u:p%40q@cam/1", "rtsp://u:p%40q@cam/1", "cam", None),  # escaped by who typed it
        ("rtsp://u:100%@cam/1", "rtsp://u:100%25@cam/1", "cam", None),
        ("http://cam:80/v?mail=a@b", "http://cam:80/v?mail=a@b", "cam", 80),
        ("rtsp://cam/video@2x", "rtsp://cam/video@2x", "cam", None),
        ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234", "239.0.0.1", 1234),
        ("RTSP://[2001:DB8::7]:554/1", "rtsp://[2001:db8::7]:554/1", "2001:db8::7", 554),
    ],
)
def test_ffmpeg_is_given_what_was_meant(typed: str, understood: str, host: str, port: int | None) -> None:
    address = Address.parse(typed)
    assert (str(address), address.host, address.port) == (understood, host, port)


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "rtsp://[::1/1",
            "http://[cam]/x",
            "udp://[",
            "rtsp://u:PaSs7word@[x/1",
            "rtsp://h:99999/1",
            "rtsp://h:port/",
        ),
        *("http://h/a b", "http://h/x\r\nX-Evil: 1", "1://h", "no address"),
    ],
)
def test_what_is_no_address_is_one_line(typed: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Address.parse(typed)
    assert PASSWORD not in str(caught.value) and caught.value.hint


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://bucket/out/film-7f3a9c.mkv", "s3://bucket/out/film-7f3a9c.mkv"),
        ("gs://bucket/a?token=secret", "gs://bucket/a"),
        ("s3://key:secret@bucket/film.mkv", "s3://bucket/film.mkv"),
        ("rtmp://host/live/7f3a9c81d2", "rtmp://host/live/..."),
    ],
)
def test_the_paths_of_object_stores_hold_no_keys(address: str, shown: str) -> None:
    assert redact(address) == shown
