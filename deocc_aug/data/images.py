"""Images and masks as arrays: what has an obvious meaning is converted, the rest is refused with what to do."""
from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from deocc_aug.types import Image, Mask

_TO_RGB = ("RGB", "L", "1", "P", "RGBA", "LA", "PA")


def check_image(image: object) -> Image:
    """The image as (H, W, 3) uint8 RGB; a grey (H, W) uint8 image is repeated over the three channels.

    An array that is already right comes back as it is, not copied.

    Raises:
        ValueError: any other type, dtype or shape; the message says what to do.
    """
    wanted = "an RGB uint8 array of shape (H, W, 3)"
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image is a {type(image).__module__}.{type(image).__qualname__}: pass {wanted} (a file's: "
                         "deocc_aug.data.images.read_image(path); a PIL image's: np.asarray(image.convert('RGB')))")
    came = f"image is {image.dtype} of shape {image.shape}"
    if image.dtype != np.uint8:
        raise ValueError(f"{came}: pass {wanted}; {_to_uint8(image.dtype)}")
    if image.size == 0:
        raise ValueError(f"{came}, which holds no pixels: pass {wanted}")
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    if image.ndim == 3 and image.shape[2] == 3:
        return image
    raise ValueError(f"{came}: pass {wanted}{_to_rgb(image.shape)}")


def _to_uint8(dtype: np.dtype) -> str:
    if dtype == np.bool_:
        return "a mask belongs into Person, not here"
    if dtype.kind == "f":
        return "for values in [0, 1]: (image * 255).round().astype(np.uint8)"
    if dtype == np.uint16:
        return "for the full 16-bit range: (image / 257).round().astype(np.uint8)"
    return "bring its values to 0..255 and call .astype(np.uint8)"


def _to_rgb(shape: tuple[int, ...]) -> str:
    if len(shape) == 4:
        return ", one image at a time (Deoccluder.batch takes a list of them)"
    if len(shape) == 3 and shape[2] == 4:
        return "; paint the transparent pixels with what lies behind them, then drop alpha: image[..., :3]"
    if len(shape) == 3 and shape[2] == 1:
        return "; a grey image without its last axis is accepted: image[..., 0]"
    if len(shape) == 3 and shape[0] == 3:
        return "; for channels first: image.transpose(1, 2, 0)"
    return ""


def read_image(path: Path | str) -> Image:
    """An image file as (H, W, 3) uint8 RGB, turned as its EXIF orientation says (as viewers and OpenCV show it).

    Grey, palette and fully opaque RGBA images are converted.

    Raises:
        OSError: the file is not there or cannot be read.
        ValueError: not an image, empty, truncated, animated, 16-bit, float, with transparent pixels, or of a colour space
            (CMYK, Lab) that has no one conversion.
    """
    return np.array(_opened(Path(path)))


def read_mask(path: Path | str) -> Mask:
    """A mask file as (H, W) bool: black is outside, one other colour is inside.

    Raises:
        OSError: the file is not there or cannot be read.
        ValueError: as `read_image`; or the file holds more than black and one other colour.
    """
    image = np.array(_opened(Path(path)))
    lit = image.any(axis=2)
    if lit.any():
        colour = image.reshape(-1, 3)[lit.argmax()]
        if not np.array_equal((image == colour).all(axis=2), lit):
            raise ValueError(f"{path} holds more than two colours: a mask file is black outside and one other colour (such as "
                             "white) inside; save it as PNG, as JPEG blurs its border")
    return np.asarray(lit)


def _opened(path: Path) -> Pillow.Image:
    """The decoded file in mode RGB, EXIF orientation applied."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: pass the path of an image file")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: pass the path of an image file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes): pass an image file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
            with Pillow.open(path) as file:
                _check_kind(file, path)
                file.load()
                picture = ImageOps.exif_transpose(file)
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image that Pillow can read: pass an 8-bit PNG, JPEG, WebP, BMP or TIFF file") from None
    except PermissionError:
        raise
    except Pillow.DecompressionBombError as error:
        raise ValueError(f"{path} is too large ({error}): scale it down to at most 8000 pixels a side") from None
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(f"{path} is truncated or damaged ({error}): pass a whole image file") from None
    if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise ValueError(f"{path} has transparent pixels: paint them with what lies behind them and save the image without alpha")
    return picture.convert("RGB")


def _check_kind(file: Pillow.Image, path: Path) -> None:
    deep = file.format in ("PNG", "TIFF") and ";16" in repr(getattr(file, "tile", ""))  # Pillow would cut 48-bit colour silently
    if deep or file.mode.startswith("I"):
        raise ValueError(f"{path} has more than 8 bits a channel (mode {file.mode}): save it as 8-bit RGB; how its values map to "
                         "0..255 is yours to decide")
    if file.mode == "F":
        raise ValueError(f"{path} holds floating-point values: save it as 8-bit RGB; how its values map to 0..255 is yours to decide")
    if file.mode not in _TO_RGB:
        raise ValueError(f"{path} is in colour mode {file.mode}: save it as 8-bit RGB")
    if getattr(file, "is_animated", False) and file.format != "MPO":
        raise ValueError(f"{path} is animated ({getattr(file, 'n_frames', 2)} frames): save the frame you mean as its own image")
