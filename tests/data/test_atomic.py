"""A file is whole or not there."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deocc_aug.data.atomic import atomic_file, output_folder, write_json, write_png
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
    (out / ".a.png.0123.part").write_bytes(b"half")
    (out / "kept.png").write_bytes(b"whole")
    output_folder(out)
    assert [path.name for path in out.iterdir()] == ["kept.png"]


def test_a_file_is_no_output_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OSError, match="out is a file"):
        output_folder(tmp_path / "out")
    with pytest.raises(OSError, match="cannot be written to"):
        output_folder(tmp_path / "out" / "deeper")


def test_an_unwritable_output_folder_is_refused() -> None:
    with pytest.raises(OSError, match="output folder /proc/deocc cannot be written to"):
        output_folder(Path("/proc/deocc"))
