"""Generates the page benchmarks/RESULTS.md from results.json."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.gpu_bounds import GPUS
from livedream.settings import CONTROLS

Row = Mapping[str, Any]
"""The output of `livedream bench --json`, and a key `random`: whether the weights were random."""
NOT_MEASURED = "-"

_INTRODUCTION = """\
`scripts/benchmark` ran the command of each row, listed below, and wrote this page and results.json beside it.
Each number is the median of rounds that took turns in one run. Compare within a row: machines are noisy.
""".splitlines()
_THROUGHPUT = """\
Frames per second: end to end into a sink that keeps nothing, encoded as H.264, the dreamer alone, and a plain dreamer
(float32, contiguous tensors, the whole network with a hook) with the same steps, sizes and settings.

""".splitlines()
_STEP = """\
One step at the full working size. The bound is the arithmetic at the rate of a large matrix product, plus each
activation and its gradient written and read at the rate of a large copy; both rates were measured in the same run. Only
activations that livedream writes are counted: a ReLU that is fused into a convolution is not.

""".splitlines()
_LATENCY = """\
Live at 30 fps without a governor. The age of frames at the sink, read from their pixels, and its median in the first
and the last tenth of the frames. Next, with enough steps to make the dreamer slower than the camera: the 95th
percentile, and the limit, which is two frames of that dreamer plus one step. Last, in a separate process: the time
from its start until the first dreamt frame is at the sink, and its peak memory.

""".splitlines()
_MASKS = """\
The cost of a mask: frames per second end to end with and without it, in turns; the extra milliseconds per frame, of
time and of processor time; the age of live frames with and without it.

""".splitlines()
_STABILITY = """\
Stability, in levels of 255: flicker, compared with that of the moving source. Strength: the objective in the dream
divided by that in the source.

""".splitlines()
_STILL = """\
A still scene, clean and with camera noise of sigma 3. First the difference from the source in luminance, and in the
share of pixels with a channel at 0 or 255, once the dream has grown, after 200 frames; then the drift: the largest
distance from there in any later frame. Flicker is how much the dream moves. Memory is its growth from frame 500 to the
end.

""".splitlines()
_LOOKS = """\
The dream minus the source, at 448x256: root mean square of chroma over that of luma (0 is grey, 1.41 independent
channels; photographs themselves have 0.2 to 0.5), and the slope of the power spectrum of luma against frequency,
log-log, 0.02 to 0.4 cycles per pixel (0 is white noise; photographs have -2.1 to -3.2). Then the share of pixels with a
channel at 0 or 255 beyond that of the source, and the strength, which is the mean absolute difference in levels of 255.
The video at frame 100; photographs of scikit-image as still scenes with camera noise of sigma 3 at frame 60, and as
stills.

""".splitlines()
_RECOGNITION = """\
Whether another network recognizes the objective in stills of 360x240: the share whose top class belongs to the group,
for stills dreamt from photographs and from noise (half each), and for their sources.

""".splitlines()
_BUSY = """\
Frames per second, or still dreams per second, alone and beside processes that keep one core busy each. In brackets: the
share of the speed alone, relative to the fair share, which is c / (c + k) on c cores beside k processes. GoogLeNet may
have random weights: the work is the same.

""".splitlines()
_PROCESS = """\
A video dreamt by `livedream run` and by `benchmarks/plain_video.py`, a loop built like the popular ones, as processes
from start to end: GoogLeNet with random weights, the same steps at the same sizes, 60 frames of 320x180, 12 steps each.

""".splitlines()
_GPU = """\
## On a GPU, measured

The rows of `scripts/benchmark --only GPU`, in float16, at a working height of 540: end to end into a sink that keeps
nothing, encoded as H.264 by x264 on the processor, the dreamer alone frame by frame, and the plain dreamer, which is
also on the GPU. The processor decodes the video and estimates its optical flow, on a processor with many cores for
several frames at a time.
""".splitlines()
_CALCULATED = """\
## On a GPU, calculated

One step in float16: the multiplications, and the bytes of the activations and their gradients, each written and read.
Then the milliseconds that these take at the rates that NVIDIA publishes (dense, float32 accumulation):
""".splitlines()
_BOUND = """\
These are bounds, not forecasts: no kernel reaches these rates, least of all a small one, and launch times are not
included. 448x256 is the working size of the preset `live`; 960x540 is half of 1920x1080 in each direction.

""".splitlines()
_NO_GPU = """\
No row above was measured on a GPU. On a machine with one, `scripts/benchmark --only GPU` adds them, and
`LIVEDREAM_REQUIRE_CUDA=1 scripts/test tests/dream/test_cuda.py` runs the tests.
""".splitlines()


def page(
    rows: Mapping[str, Row],
    skipped: Mapping[str, str],
    looks: Mapping[str, Any] | None,
    popular: Mapping[str, Any] | None,
    gpu_bounds: Sequence[str],
    busy: Mapping[str, Any] | None = None,
    process: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the lines of the page.

    Args:
        rows: the measured rows, by name.
        skipped: the reasons why rows were not measured, by name.
        looks: the output of `livedream bench --looks --json`.
        popular: the table of popular.py, with command, date, machine and versions.
        gpu_bounds: the table of gpu_bounds.py.
        busy: the table of livedream.bench.busy, with command, date, machine and versions.
        process: the table of process.py, with command, date, machine and versions.
    """
    on_gpu = {name: row for name, row in rows.items() if row["peak_vram_mb"] is not None}
    on_cpu = {name: row for name, row in rows.items() if name not in on_gpu}
    lines = [
        "# Measurements",
        "",
        *_INTRODUCTION,
        "",
        *_tables(on_cpu),
        "",
        *_stability(on_cpu),
        "",
        *_still_scenes(on_cpu),
        "",
        "## The rows",
        "",
        "Each command, with the settings that differ from the defaults:",
        "",
        *map(_command, rows, rows.values()),
        *(f"- {name}: not measured, {reason}" for name, reason in skipped.items()),
    ]
    if looks is not None:
        lines += ["", *_looks(looks)]
    if busy is not None:
        lines += ["", *_busy(busy)]
    if process is not None:
        lines += ["", *_process(process)]
    if popular is not None:
        lines += ["", *_popular(popular)]
    if on_gpu:
        lines += ["", *_GPU, "", *_tables(on_gpu), "", *_stability(on_gpu)]
    lines += ["", *_calculated(gpu_bounds)]
    if not on_gpu:
        lines += ["", *_NO_GPU]
    return [*lines, ""]


def _tables(rows: Mapping[str, Row]) -> Iterator[str]:
    """Yield the machines, then the tables of throughput, steps, latency and masks, then the stages."""
    yield from _machines(rows)
    for table in (_throughput, _step, _latency):
        yield ""
        yield from table(rows)
    masked = {name: row for name, row in rows.items() if row.get("mask") is not None}
    if masked:
        yield ""
        yield from _masks(masked)
    yield from ("", "Milliseconds of each stage from end to end, median and 95th percentile:", "")
    for name, row in rows.items():
        yield f"- {name}: {', '.join(_stage(*stage) for stage in row['stages'].items())}"


def _machines(rows: Mapping[str, Row]) -> Iterator[str]:
    """Yield each combination of machine, versions and date, with the names of its rows if there are several."""
    runs: dict[str, list[str]] = {}
    for name, row in rows.items():
        runs.setdefault(f"{row['date']}, {row['machine']}; {_versions(row)}", []).append(name)
    for run, names in runs.items():
        yield f"- {run}{'' if len(runs) == 1 else ': ' + '; '.join(names)}"


def _throughput(rows: Mapping[str, Row]) -> Iterator[str]:
    yield from _THROUGHPUT
    yield from _table_head("what", "fps", "encoded", "bare", "baseline", "bare / baseline", "fps / bare")
    for name, row in rows.items():
        rates = (row[key] for key in ("fps", "fps_encoded", "fps_bare", "fps_baseline"))
        yield _table_row(
            name + " (random weights)" * row["random"],
            *(_number(rate, ".1f") for rate in rates),
            _number(_ratio(row["fps_bare"], row["fps_baseline"]), ".2f"),
            _number(_ratio(row["fps"], row["fps_bare"]), ".2f"),
        )


def _step(rows: Mapping[str, Row]) -> Iterator[str]:
    yield from _STEP
    yield from _table_head("what", "step ms", "bound ms", "roofline", "GFLOP", "million activations", "GFLOP/s", "GB/s")
    for name, row in rows.items():
        work = row["work"]
        yield _table_row(
            name,
            f"{row['step_ms']:.1f}",
            f"{row['bound_ms']:.1f}",
            f"{row['roofline']:.2f}",
            f"{work['gflop']:.2f}",
            f"{work['million_activations']:.1f}",
            f"{work['gflops_per_second']:.0f}",
            f"{work['gigabytes_per_second']:.1f}",
        )


def _latency(rows: Mapping[str, Row]) -> Iterator[str]:
    yield from _LATENCY
    yield from _table_head(
        "what", "age ms p50 / p95 / max", "tenths", "dropped", "too slow: p95 / allowed", "first frame s", "MB"
    )
    for name, row in rows.items():
        age, slow, vram = row["age_ms"], row["age_slow_ms"], row["peak_vram_mb"]
        yield _table_row(
            name,
            f"{age['p50']:.0f} / {age['p95']:.0f} / {age['max']:.0f}",
            "{:.0f}, {:.0f}".format(*row["age_tenths_ms"]),
            f"{row['dropped']}",
            f"{slow['p95']:.0f} / {slow['allowed']:.0f}" if slow else NOT_MEASURED,
            f"{row['first_frame_s']:.1f}",
            f"{row['peak_rss_mb']:.0f}" + ("" if vram is None else f", GPU {vram:.0f}"),
        )


def _masks(rows: Mapping[str, Row]) -> Iterator[str]:
    yield from _MASKS
    yield from _table_head("what", "fps", "without", "ms per frame", "CPU ms", "age ms p50 / p95", "without")
    for name, row in rows.items():
        mask = row["mask"]
        yield _table_row(
            name,
            f"{row['fps']:.1f}",
            f"{mask['fps_unmasked']:.1f}",
            f"{mask['ms']:+.1f}",
            f"{mask['cpu_ms']:+.1f}",
            *(f"{age['p50']:.0f} / {age['p95']:.0f}" for age in (row["age_ms"], mask["age_ms"])),
        )


def _stability(rows: Mapping[str, Row]) -> Iterator[str]:
    yield from _STABILITY
    yield from _table_head("what", "flicker", "of the source", "ratio", "strength")
    for name, row in rows.items():
        yield _table_row(
            name,
            _number(row["flicker"], ".2f"),
            _number(row["flicker_source"], ".2f"),
            _number(_ratio(row["flicker"], row["flicker_source"]), ".2f"),
            _number(row["strength"], ".1f"),
        )


def _still_scenes(rows: Mapping[str, Row]) -> Iterator[str]:
    yield from _STILL
    yield from _table_head(
        "what", "frames", "luminance", "its drift", "clipped", "its drift", "flicker", "of the source", "memory"
    )
    for name, row in rows.items():
        for scene, drift in row["drift"].items():
            yield _table_row(
                f"{name}, {scene}",
                f"{row['still']}",
                f"{drift['luminance_grown']:+.2f}",
                f"{drift['luminance']:+.2f}",
                f"{drift['clipped_grown']:+.2%}",
                f"{drift['clipped']:+.2%}",
                f"{drift['flicker']:.2f}",
                f"{drift['flicker_source']:.2f}",
                _number(drift["rss_growth"], "+.2%"),
            )
        if not row["drift"]:
            yield _table_row(name, *[NOT_MEASURED] * 8)


def _command(name: str, row: Row) -> str:
    changed = {
        control.name: row["settings"][control.name]
        for control in CONTROLS
        if row["settings"].get(control.name, control.default) != control.default
    }
    settings = ", ".join(f"{control} {value}" for control, value in changed.items()) or "all defaults"
    return f"- {name}: `{row['command']}`: {row['description']}; {settings}"


def _looks(looks: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Looks", "", f"`{looks['command']}`. {_provenance(looks)}", "", *_LOOKS)
    yield from _table_head("what", "chroma / luma", "slope", "clipped", "strength")
    for look in looks["looks"]:
        yield _table_row(
            f"{look['preset']}, {look['scene']}",
            f"{look['chroma_over_luma']:.2f}",
            f"{look['slope']:.2f}",
            f"{look['clipped']:+.2%}",
            f"{look['strength']:.1f}",
        )
    yield ""
    yield from _RECOGNITION
    yield from _table_head("what", "dreamt by", "judged by", "stills", "recognized", "sources")
    for result in looks["recognition"]:
        yield _table_row(
            result["group"],
            result["dreamer"],
            result["judge"],
            f"{result['stills']}",
            f"{result['recognised'] / result['stills']:.0%}",
            f"{result['before'] / result['stills']:.0%}",
        )


def _provenance(measured: Mapping[str, Any]) -> str:
    """Return date, machine and versions of a measurement."""
    return f"{measured['date']}, {measured['machine']}; {_versions(measured)}."


def _versions(measured: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in measured["versions"].items())


def _busy(busy: Mapping[str, Any]) -> list[str]:
    return ["## Beside busy processes", "", f"`{busy['command']}`. {_provenance(busy)}", "", *_BUSY, *busy["table"]]


def _process(process: Mapping[str, Any]) -> list[str]:
    source = f"`{process['command']}`. {_provenance(process)}"
    return ["## From start to end", "", source, "", *_PROCESS, *process["table"]]


def _popular(popular: Mapping[str, Any]) -> list[str]:
    return [
        "## Compared with popular implementations",
        "",
        "The same network, weights, size and steps, in float32 on the CPU; medians of rounds that took turns.",
        f"`{popular['command']}`. The last row needs `pip install torch-lucent`.",
        _provenance(popular),
        "",
        *popular["table"],
    ]


def _calculated(gpu_bounds: Sequence[str]) -> list[str]:
    return [
        *_CALCULATED,
        "; ".join(f"{gpu.name} {gpu.teraflops:g} TFLOP/s and {gpu.gigabytes_per_second:g} GB/s" for gpu in GPUS) + ".",
        *_BOUND,
        *gpu_bounds,
    ]


def _table_head(*columns: str) -> Iterable[str]:
    return _table_row(*columns), f"|---|{'--:|' * (len(columns) - 1)}"


def _table_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _stage(name: str, times: Mapping[str, float]) -> str:
    return f"{name} {times['p50']:.1f}/{times['p95']:.1f}"


def _number(value: float | None, format_spec: str) -> str:
    return NOT_MEASURED if value is None else format(value, format_spec)


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    return numerator / denominator if numerator is not None and denominator else None
