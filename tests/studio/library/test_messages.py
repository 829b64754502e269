"""Messages for other machines."""

from pathlib import Path

from livedream.studio.library.messages import with_names


def test_paths_become_names(tmp_path: Path) -> None:
    names = {tmp_path / "film.mp4": "beach.mp4", tmp_path / "film.mp4.part": "the unfinished dream", tmp_path: "files"}
    for path in (tmp_path / "film.mp4", Path("film.mp4")):
        assert with_names(f"{path}: no", names) == "beach.mp4: no"
    assert with_names(f"{tmp_path / 'film.mp4.part'}: no", names) == "the unfinished dream: no"
    assert with_names(f"{tmp_path}: no", names) == "files: no"
