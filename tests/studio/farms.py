"""The progress of a farm with three films, as `livedream farm` tells it."""

import json
import time


def progress(manifest: str, *, finished: bool = False, updated: float | None = None) -> str:
    """Return it as JSON."""
    films = [
        ("first-dream.mp4", 400, 400, 4, 4, "complete", None),
        ("second-dream.mp4", 1000, 250, 10, 2, "dreaming", None),
        ("third-dream.mp4", 600, 0, 6, 0, "failed", "shard 15 ended its worker three times: out of memory?"),
    ]
    keys = ("name", "frames", "done", "shards", "shards_done", "state", "error")
    return json.dumps(
        {
            "manifest": manifest,
            "films": [dict(zip(keys, film, strict=True)) for film in films],
            "workers": 2,
            "fps": 43.21,
            "frames": 2000,
            "done": 650,
            "seconds_left": 200.4,
            "updated": time.time() if updated is None else updated,
            "finished": finished,
        }
    )
