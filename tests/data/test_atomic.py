"""A file is whole or not there."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deocc_aug.data.atomic import atomic_file, keep_apart, output_folder, write_json, write_png
from deocc_aug.data.images import read_image


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "a.bin") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, float("nan"))
    assert path.read_text() == '{\n "a": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_png_keeps_every_pixel(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)


def test_an_output_folder_is_made_and_swept(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    assert output_folder(out) == out
    (out / f".a.png.{'0123456789abcdef' * 2}.part").write_bytes(b"half")
    (out / "kept.png").write_bytes(b"whole")
    (out / ".film.mkv.part").write_bytes(b"somebody else's")
    output_folder(out)
    assert sorted(path.name for path in out.iterdir()) == [".film.mkv.part", "kept.png"]


def test_what_is_read_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"photo")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    keep_apart([tmp_path / "a.png"], [tmp_path / "b.png", tmp_path / "out" / "a.png"])
    for written in (tmp_path / "a.png", tmp_path / "link.png", tmp_path / "out" / ".." / "a.png"):
        with pytest.raises(ValueError, match=r"a\.png would be written over"):
            keep_apart([tmp_path / "a.png"], [written])


def test_a_file_is_no_output_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OSError, match="out is a file"):
        output_folder(tmp_path / "out")
    with pytest.raises(OSError, match="cannot be written to"):
        output_folder(tmp_path / "out" / "deeper")


def test_an_unwritable_output_folder_is_refused() -> None:
    with pytest.raises(OSError, match="output folder /proc/deocc cannot be written to"):
        output_folder(Path("/proc/deocc"))
