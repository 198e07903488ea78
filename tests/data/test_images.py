"""Image files and arrays: the obvious is converted, the rest is refused by name."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from deocc_aug.data.images import check_image, read_image, read_mask

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
GREY = RGB[..., 0]


def _saved(path: Path, array: np.ndarray, mode: str | None = None, **options: object) -> Path:
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def test_rgb_comes_back_exactly(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_image(_saved(tmp_path / "a.png", RGB)), RGB)


def test_grey_palette_and_opaque_rgba_are_converted(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_image(_saved(tmp_path / "g.png", GREY)), np.repeat(GREY[..., None], 3, 2))
    np.testing.assert_array_equal(read_image(_saved(tmp_path / "a.png", RGB, "RGBA")), RGB)
    few = RGB // 128 * 255
    np.testing.assert_array_equal(read_image(_saved(tmp_path / "p.png", few, "P")), few)


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # turned a quarter to the right to be upright
    path = tmp_path / "a.jpg"
    Image.fromarray(RGB).save(path, exif=exif, quality=100)
    assert read_image(path).shape == (30, 20, 3)
    assert np.abs(read_image(path).astype(int) - cv2.imread(str(path))[..., ::-1]).mean() < 3  # as OpenCV turns it


def _transparent(path: Path) -> None:
    alpha = np.full((20, 30, 1), 255, np.uint8)
    alpha[3, 4] = 0
    _saved(path, np.concatenate([RGB, alpha], 2))


def _truncated(name: str, keep: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        whole = _saved(path.with_name(name), np.tile(RGB, (9, 9, 1))).read_bytes()
        path.write_bytes(whole[:int(len(whole) * keep)])

    return write


def _animated(path: Path) -> None:
    Image.fromarray(RGB).convert("P").save(path, format="GIF", save_all=True, append_images=[Image.fromarray(255 - RGB).convert("P")])


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda path: None, "is not there"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("hello"), "not an image"),
    "truncated JPEG": (_truncated("a.jpg", 0.7), "truncated"),
    "almost whole JPEG": (_truncated("a.jpg", 0.98), "truncated"),
    "truncated PNG": (_truncated("a.png", 0.7), "truncated"),
    "only a header": (_truncated("a.png", 0.0001), "truncated|not an image|empty"),
    "16-bit grey": (lambda path: cv2.imwrite(f"{path}", GREY.astype(np.uint16) * 257), "more than 8 bits"),
    "16-bit colour": (lambda path: cv2.imwrite(f"{path}", RGB.astype(np.uint16) * 257), "more than 8 bits"),
    "float": (lambda path: _saved(path, GREY.astype(np.float32), format="TIFF"), "floating-point"),
    "CMYK": (lambda path: _saved(path, RGB, "CMYK", format="JPEG"), "colour mode CMYK"),
    "transparent": (_transparent, "transparent pixels"),
    "animated": (_animated, "animated"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
@pytest.mark.parametrize("read", [read_image, read_mask])
def test_bad_files_are_refused_by_name(tmp_path: Path, read: Callable[[Path], object], kind: str) -> None:
    write, message = BAD_FILES[kind]
    path = tmp_path / "photo.png"
    write(path)
    with pytest.raises((ValueError, OSError), match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("inside", [1, 255, 40])
def test_masks_are_black_outside_and_one_colour_inside(tmp_path: Path, inside: int) -> None:
    mask = GREY > 100
    np.testing.assert_array_equal(read_mask(_saved(tmp_path / "m.png", mask.astype(np.uint8) * inside)), mask)
    np.testing.assert_array_equal(read_mask(_saved(tmp_path / "b.png", mask)), mask)
    assert not read_mask(_saved(tmp_path / "e.png", np.zeros((4, 5), np.uint8))).any()


def test_a_photo_is_no_mask(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="more than two colours"):
        read_mask(_saved(tmp_path / "a.png", RGB))


def test_arrays_that_are_right_are_not_copied() -> None:
    assert check_image(RGB) is RGB
    np.testing.assert_array_equal(check_image(GREY), np.repeat(GREY[..., None], 3, 2))


@pytest.mark.parametrize(("image", "came", "advice"), [
    ((RGB / 255).astype(np.float32), "float32", r"image \* 255"),
    (RGB.astype(np.uint16), "uint16", "257"),
    (RGB > 3, "bool", "Person"),
    (RGB.transpose(2, 0, 1), r"\(3, 20, 30\)", "transpose"),
    (np.concatenate([RGB, RGB[..., :1]], 2), r"\(20, 30, 4\)", "alpha"),
    (RGB[..., :1], r"\(20, 30, 1\)", "last axis"),
    (RGB[None], r"\(1, 20, 30, 3\)", "one image at a time"),
    (RGB[:0], r"\(0, 30, 3\)", "no pixels"),
    ("photo.png", "builtins.str", "read_image"),
    (Image.fromarray(RGB), "PIL", "np.asarray"),
    (None, "NoneType", "read_image"),
])
def test_arrays_that_are_wrong_are_refused_with_advice(image: object, came: str, advice: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)image is a?.*{came}.*{advice}"):
        check_image(image)
