"""What decoding costs the visible pixels: ``python -m deocc_aug.benchmarks.decoding --plain FOLDER --tuned FOLDER --ccp CCP --coco COCO``.

Photos that were not trained on, a thing of other such photos in front.  The clean canvas is encoded and decoded three ways: by the
autoencoder as it was trained at first, by the one whose decoder was fine-tuned on visible pixels and a mask, and so with the visible pixels
put back exactly, as the library does.  The seam is the mean absolute difference of neighbouring pixels across the border of the hole over
that of the clean photo there; 1.0 is perfect.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AsymmetricAutoencoderKL
from jaxtyping import Float
from tqdm import tqdm

from deocc_aug.appearance.autoencoder import decode, encode
from deocc_aug.appearance.codec import to_unit
from deocc_aug.benchmarks.gating import photo_cases
from deocc_aug.benchmarks.statistics import markdown, mean
from deocc_aug.canvas import around, box_of, cut, place, resample_mask
from deocc_aug.types import Image, Mask

SIZE = (256, 192)
WAYS = ("plain", "fine-tuned decoder", "fine-tuned decoder, exact composite")


def seam(picture: Float[np.ndarray, "h w 3"], clean: Float[np.ndarray, "h w 3"], hole: Mask) -> float:
    """How much more neighbours differ across the border of a hole than in the clean picture; NaN without a border."""
    across = steps = 0.0
    for axis in (0, 1):
        border = np.diff(hole.astype(np.int8), axis=axis) != 0
        across += float(np.abs(np.diff(picture, axis=axis))[border].sum())
        steps += float(np.abs(np.diff(clean, axis=axis))[border].sum())
    return across / steps if steps else float("nan")


def psnr(picture: Float[np.ndarray, "h w 3"], clean: Float[np.ndarray, "h w 3"], where: Mask) -> float:
    """dB over the pixels of a mask, pictures in 0..255; a picture without any error counts 60."""
    error = float(((picture - clean)[where] ** 2).mean())
    return min(60.0, 10 * np.log10(255**2 / max(error, 1e-12)))


def decoded(vae: AsymmetricAutoencoderKL, clean: Image, hole: Mask | None) -> Float[np.ndarray, "h w 3"]:
    """The canvas encoded and decoded, by a decoder that is told what is visible or, without a hole, plainly."""
    picture = torch.from_numpy(to_unit(clean))[None]
    known = None if hole is None else torch.from_numpy(~hole)[None, None].float()
    with torch.inference_mode():
        out = decode(vae, encode(vae, picture), None if hole is None else picture, known)
    return ((out[0].clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).numpy()


def ways(plain: AsymmetricAutoencoderKL, tuned: AsymmetricAutoencoderKL, clean: Image, hole: Mask) -> dict[str, Float[np.ndarray, "h w 3"]]:
    """The canvas decoded each way."""
    told = decoded(tuned, clean, hole)
    return dict(zip(WAYS, (decoded(plain, clean, None), told, np.where(hole[..., None], told, clean.astype(np.float32))), strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints, for each way to decode, PSNR of visible and of hidden pixels and the seam."""
    parser = argparse.ArgumentParser(prog="python -m deocc_aug.benchmarks.decoding", description=main.__doc__)
    parser.add_argument("--plain", type=Path, required=True, help="folder of the autoencoder as first trained")
    parser.add_argument("--tuned", type=Path, required=True, help="folder of the one with the fine-tuned decoder")
    parser.add_argument("--ccp", type=Path, required=True, help="folder of Clothing Co-Parsing")
    parser.add_argument("--coco", type=Path, required=True, help="COCO-format folder whose objects stand in front")
    parser.add_argument("--n", type=int, default=100, help="photos")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, help="also write the canvases, decoded each way")
    options = parser.parse_args(arguments)
    plain, tuned = (AsymmetricAutoencoderKL.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
                    for folder in (options.plain, options.tuned))
    cases = [*photo_cases(options.ccp, options.coco, "val", options.n, options.seed)]
    rows: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
    sheet = []
    for whole, behind in tqdm([*zip(cases[::2], cases[1::2], strict=True)], unit="photo"):
        box = box_of(behind.amodal)
        assert box is not None
        canvas = cut(whole.image, place(around(box), SIZE), SIZE)
        hole = resample_mask(behind.occluder, canvas.image_to_canvas, SIZE) > 0.5
        if not hole.any():
            continue
        clean = canvas.image.astype(np.float32)
        said = ways(plain, tuned, canvas.image, hole)
        for way, picture in said.items():
            rows[way].append((psnr(picture, clean, ~hole), psnr(picture, clean, hole), seam(picture, clean, hole)))
        sheet.append(np.concatenate([clean, np.where(hole[..., None], 127, clean), *said.values()], 1))
    figures = ("visible PSNR, dB", "hidden PSNR, dB", "seam")
    print(markdown([{"decoded": way} | {name: mean(values) for name, values in zip(figures, zip(*rows[way], strict=True), strict=True)}
                    for way in WAYS]))
    if options.picture:
        cv2.imwrite(str(options.picture), np.concatenate(sheet[:8]).round().clip(0, 255).astype(np.uint8)[:, :, ::-1])


if __name__ == "__main__":
    main()
