"""Which codecs each type of file can contain, which encoders make them, and how one scale of quality maps to each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from livedream.documented import Documented
from livedream.errors import ArgumentError, unknown
from livedream.formats.suffixes import CONTAINERS
from livedream.hints import option

QUALITY = 75
"""The default quality. It keeps the fine patterns of a dream: crf 16 with x264, and its equivalents elsewhere."""
HELD_BACK = Fraction(13, 25)
"""Seconds of frames that an encoder may hold back to look ahead. They are lost when the process is killed, with the
frames since the last key frame and those in its threads. At 25 fps that is 42 frames with SVT-AV1, the most of all; two
seconds may be lost. With four fifths of a second it was 55."""
FEW = Fraction(20)
"""Frames per second below which an encoder does not look ahead: its B-frames alone would take too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding(metaclass=Documented):
    """How to encode a video.

        open_sink("dream.mp4", source, encoding=Encoding(codec="h265", quality=80))

    Args:
        codec: `auto` (the first that the type of file can contain), a codec (h264, h265, av1, ffv1, ...) or an encoder
            (h264_nvenc).
        quality: From 0 (small) to 100 (indistinguishable from the original). None means 75; it must be None for a codec
            whose quality is fixed.
        hardware: `off` (the default) encodes in software. `auto` uses the first hardware encoder of the codec that
            encodes a frame of this size on this machine; `nvenc`, `qsv`, `amf`, `videotoolbox` and `vaapi` use only
            that one. If none works, the software encoder is used.

    Raises:
        ArgumentError: The codec or the hardware is unknown, or the quality is out of range.
    """

    codec: str = "auto"
    quality: int | None = None
    hardware: str = "off"

    def __post_init__(self) -> None:
        names = dict.fromkeys(("auto", *CODECS, *(encoder.name for encoder in ENCODERS)))
        if self.codec not in names:
            raise unknown("codec", self.codec, names)
        if self.hardware not in HARDWARE:
            raise unknown("hardware", self.hardware, dict.fromkeys(HARDWARE))
        if self.hardware != "off" and self.codec not in ("auto", *CODECS):
            raise ArgumentError(
                f"{self.codec} names one encoder, so hardware {self.hardware} has no effect",
                f"leave out {option('hardware')}, or name a {option('codec')} such as h264",
            )
        if self.quality is not None and not 0 <= self.quality <= 100:
            raise ArgumentError(
                f"quality must be from 0 to 100, got {self.quality}",
                f"0 is smallest, 100 is as good as the original, {QUALITY} is the default",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """One encoder of FFmpeg, and the options that set its quality.

    In the values of the options, `{quality}` becomes the encoder's own number, and `{held}` the number of frames that
    it may hold back.
    """

    name: str
    codec: str
    scale: tuple[float, float] | None = None
    """Its own numbers for quality 0 and 100, with linear interpolation between them. None: its quality is fixed."""
    pix_fmt: str = "yuv420p"
    """Its pixel format. YUV is BT.709 in limited range; otherwise it is RGB."""
    options: Mapping[str, str] = field(default_factory=dict)
    file: Mapping[str, str] = field(default_factory=dict)
    """More options, for small files, where frames may wait."""
    slow: Mapping[str, str] = field(default_factory=dict)
    """The same for less than `FEW` frames per second: nothing is held back."""
    live: Mapping[str, str] = field(default_factory=dict)
    """More options, for speed, where frames must not wait."""
    maker: str = ""
    """The hardware interface that it uses, one of `MAKERS`; empty for software. A hardware encoder is used only on
    request."""

    @property
    def hardware(self) -> bool:
        """Whether it needs special hardware."""
        return bool(self.maker)

    def settings(self, quality: int | None, rate: Fraction, live: bool) -> dict[str, str]:
        """Return its options for a quality from 0 to 100, a rate in frames per second, and live or waiting frames."""
        numbers = {
            "quality": round(_between(self.scale or (0, 0), QUALITY if quality is None else quality)),
            "held": min(25, max(5, int(rate * HELD_BACK))),  # x265 needs more than its four B-frames
        }
        options = {**self.options, **(self.live if live else self.slow if rate < FEW else self.file)}
        return {option: value.format(**numbers) for option, value in options.items()}


def _between(ends: tuple[float, float], percent: int) -> float:
    return ends[0] + (ends[1] - ends[0]) * percent / 100


@dataclass(frozen=True, slots=True)
class _Maker:
    """A hardware interface, whose encoders take the same options."""

    codecs: Sequence[str]
    """The codecs that it encodes, by FFmpeg's names."""
    scale: tuple[float, float]
    options: Mapping[str, str]
    live: Mapping[str, str]
    """More options where frames must not wait: the encoder returns each frame at once."""
    av1_scale: tuple[float, float] | None = None
    """The scale of its AV1 encoder, if it differs."""


# None uses B-frames: then an encoder can be replaced at any key frame, as --resume does, and it holds back few frames.
# Where FFmpeg lets an encoder choose between an I-frame and a key frame (IDR), forced ones are key frames.
_MAKERS: dict[str, _Maker] = {
    "nvenc": _Maker(
        ("h264", "hevc", "av1"),
        (42, 12),
        {"preset": "p4", "rc": "vbr", "cq": "{quality}", "b": "0", "bf": "0", "forced-idr": "1"},
        {"tune": "ll", "delay": "0"},
        av1_scale=(63, 15),
    ),
    "qsv": _Maker(
        ("h264", "hevc", "av1"),
        (42, 12),
        {"preset": "medium", "global_quality": "{quality}", "bf": "0", "forced_idr": "1"},
        {"async_depth": "1"},
    ),
    "amf": _Maker(
        ("h264", "hevc", "av1"),
        (42, 12),
        {"rc": "cqp", "qp_i": "{quality}", "qp_p": "{quality}", "bf": "0", "forced_idr": "1"},
        {"usage": "lowlatency"},
        av1_scale=(200, 40),  # the quantiser index of AV1, 0 to 255
    ),
    "videotoolbox": _Maker(
        ("h264", "hevc"),
        (0, 11800),  # 0 to 100, each FF_QP2LAMBDA, 118
        {"flags": "+qscale", "global_quality": "{quality}", "bf": "0"},
        {"realtime": "1"},
    ),
    "vaapi": _Maker(
        ("h264", "hevc", "av1"),
        (42, 12),
        {"rc_mode": "CQP", "global_quality": "{quality}", "bf": "0"},
        {"async_depth": "1"},
        av1_scale=(200, 40),
    ),
}
MAKERS = tuple(_MAKERS)
"""Hardware interfaces by the suffix of their encoders' names, in the order in which `auto` tries them."""
HARDWARE = ("off", "auto", *MAKERS)
"""The values of `Encoding.hardware`."""


def _hardware() -> list[Encoder]:
    """Return the encoders of all hardware interfaces. All take NV12, which is yuv420p in another memory layout."""
    return [
        Encoder(
            name=f"{codec}_{name}",
            codec="h265" if codec == "hevc" else codec,
            pix_fmt="nv12",
            options=maker.options,
            scale=maker.av1_scale if codec == "av1" and maker.av1_scale else maker.scale,
            slow=maker.live,
            live=maker.live,
            maker=name,
        )
        for name, maker in _MAKERS.items()
        for codec in maker.codecs
    ]


# The scales were measured on 40 frames of the demo clip's dream (480x270, preset live; mean PSNR of RGB in dB):
#   quality    0     25     50     75    100
#   x264     24.0   26.7   29.9   33.5   36.2
#   x265     23.8   26.8   30.1   33.3   35.8
#   SVT-AV1  25.0   29.6   31.2   33.2   36.2
#   VP9      24.8   28.0   31.1   33.8   35.9
#   ProRes   28.9   33.1   35.3   35.3   37.4
# Those of libaom and of hardware are derived from similar encoders, not measured.
ENCODERS: tuple[Encoder, ...] = (
    Encoder(
        name="libx264",
        codec="h264",
        scale=(40, 8),
        # Measured on dreams of the demo clip (1280x720, presets film and live), as CPU time per frame with 2 threads
        # and as SSIM against size: medium took 48 ms, more than the dream itself. Plain veryfast took 20.3 ms. Without
        # B-frames, which do not help where textures crawl and there is a key frame every 0.8 s, it took 14.0 ms, and
        # files of the same SSIM were 7% smaller. Partitions of P-frames (p8x8) made them 3% smaller for a quarter more
        # time. The present options take 11.6 ms, and at crf 16 files are as large as before, with an SSIM of 0.9892
        # instead of 0.9885; superfast takes as long, for files 17% larger. A lookahead of more than 5 frames, other
        # modes of adaptive quantization, more references and the tunes gained less than 1%, or cost time.
        options={
            "crf": "{quality}",
            "preset": "veryfast",
            "partitions": "i8x8,i4x4",
            "subq": "3",
            "motion-est": "dia",
        },
        file={"bf": "0", "rc-lookahead": "5"},
        slow={"bf": "0", "rc-lookahead": "2"},
        live={"tune": "zerolatency"},
    ),
    Encoder(
        name="libx265",
        codec="h265",
        scale=(44, 12),
        options={"crf": "{quality}", "forced-idr": "1"},
        file={"preset": "medium", "x265-params": "log-level=error:rc-lookahead={held}"},
        slow={"preset": "medium", "tune": "zerolatency", "x265-params": "log-level=error"},
        live={"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=error"},
    ),
    Encoder(
        name="libsvtav1",
        codec="av1",
        scale=(63, 5),
        options={"crf": "{quality}"},
        # Two levels: with three it holds back 12 frames more. One thread per stage (lp=1): with more, SVT-AV1 4.1
        # sometimes mixes up packets ("no frame in undisplayed queue"), and the video ends there. With 8 processes that
        # wrote short videos on 2 cores this hit 3 of them within 200 s; with lp=1 none of 12,243 videos. It costs 18%
        # on 2 cores (63 instead of 77 frames per second at 1280x720).
        file={"preset": "8", "svtav1-params": "lookahead={held}:hierarchical-levels=2:lp=1"},
        slow={"preset": "8", "svtav1-params": "pred-struct=1:lookahead=0"},
        # Not the low-delay mode (pred-struct=1): SVT-AV1 4.1 then waits for a packet that never comes, after some
        # hundred frames on a busy machine, unless its threads are real-time. One thread per stage, as above (no packets
        # mixed up in 385 videos).
        live={"preset": "11", "svtav1-params": "lookahead=0:hierarchical-levels=2:lp=1"},
    ),
    Encoder(
        name="libaom-av1",
        codec="av1",
        scale=(63, 5),
        options={"crf": "{quality}", "row-mt": "1"},
        file={"cpu-used": "6", "lag-in-frames": "{held}"},
        slow={"cpu-used": "6", "lag-in-frames": "0"},
        live={"usage": "realtime", "cpu-used": "9", "lag-in-frames": "0"},
    ),
    Encoder(
        name="libvpx-vp9",
        codec="vp9",
        scale=(63, 9),
        options={"crf": "{quality}", "b": "0", "row-mt": "1"},
        file={"deadline": "good", "cpu-used": "3", "lag-in-frames": "{held}"},
        slow={"deadline": "good", "cpu-used": "3", "lag-in-frames": "0"},
        live={"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    ),
    Encoder(  # its four profiles: proxy, LT, standard, HQ
        name="prores_ks", codec="prores", scale=(0, 3), pix_fmt="yuv422p10le", options={"profile": "{quality}"}
    ),
    Encoder(name="ffv1", codec="ffv1", pix_fmt="bgr0", options={"level": "3", "slicecrc": "1"}),
    Encoder(name="gif", codec="gif", pix_fmt="pal8"),
    *_hardware(),
)
"""All encoders; those of one codec in order of preference."""

CODECS = tuple(dict.fromkeys(encoder.codec for encoder in ENCODERS))
"""All codecs."""


def find_encoders(suffix: str, encoding: Encoding) -> tuple[Encoder, ...]:
    """Return the encoders to try for a type of file, best first: hardware, if it is asked for, then software.

    Args:
        suffix: The suffix of the file.
        encoding: The codec, the quality and the hardware that are asked for.

    Raises:
        ArgumentError: That type of file cannot contain the codec, or the quality of the codec is fixed.
    """
    supported = CONTAINERS[suffix]
    wanted = supported[0] if encoding.codec == "auto" else encoding.codec
    named = [encoder for encoder in ENCODERS if encoder.name == wanted]
    of_codec = [encoder for encoder in ENCODERS if encoder.codec == wanted]
    makers = MAKERS if encoding.hardware == "auto" else (encoding.hardware,)
    encoders = tuple(named) or (
        *(encoder for maker in makers for encoder in of_codec if encoder.maker == maker),
        *(encoder for encoder in of_codec if not encoder.hardware),
    )
    if encoders[0].codec not in supported:
        homes = ", ".join(end for end, codecs in CONTAINERS.items() if encoders[0].codec in codecs)
        hint = f"choose from {', '.join(supported)}, or write {encoders[0].codec} into {homes}"
        raise ArgumentError(f"{suffix} cannot contain {encoding.codec}", hint)
    if encoders[0].scale is None and encoding.quality is not None:
        raise ArgumentError(
            f"the quality of {encoders[0].codec} is fixed",
            f"leave out {option('quality')}, or choose another {option('codec')}",
        )
    return encoders
