"""`deocc-aug demo`: the whole job on a photo and on a rendering, of which the hidden part is known, and a sheet to look at."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from deocc_aug.demo_scenes import Scene
    from deocc_aug.types import Deocclusion, Image, Mask

SHEET = "sheet.png"


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for the pictures")
    parser.add_argument("--preset", type=str, default="compact", help="a preset's name, or a folder")
    parser.add_argument("--device", type=str, help="such as cpu or cuda:0; left out, the library's choice")
    parser.add_argument("--seed", type=int, default=0)


def _run(config: Namespace) -> int:
    from deocc_aug.data.atomic import output_folder, write_png
    from deocc_aug.demo_scenes import photo, rendering
    from deocc_aug.loaded import loaded

    deoccluder = loaded(config.preset, config.device)
    out = output_folder(config.out)
    rows = []
    for scene in (photo(), rendering()):
        result = deoccluder(scene.image, scene.person, seed=config.seed)
        figures = measured(scene, result)
        print(f"{scene.name}: {figures}")
        print(f"  {result.reason}")
        print(f"  {sum(result.seconds.values()):.2f} s: {', '.join(f'{step} {s:.2f}' for step, s in result.seconds.items())}")
        write_png(out / f"{scene.name}_input.png", scene.image)
        write_png(out / f"{scene.name}_completed.png", result.image)
        rows.append(sheet_row(scene, result, figures))
    write_png(out / SHEET, stacked(rows))
    print(f"look at {out / SHEET}")
    return 0


def measured(scene: Scene, result: Deocclusion) -> str:
    """How near the completion is to the truth, in words: silhouette and pixels where the occluder hides the person."""
    hidden = scene.amodal & scene.occluder
    iou = overlap((result.amodal_mask > 0.5) & scene.occluder, hidden)
    before, after = (psnr(image[hidden], scene.clean[hidden]) for image in (scene.image, result.image))
    share = hidden.sum() / scene.amodal.sum()
    return f"{share:.0%} of the person hidden; there, IoU {iou:.2f} and PSNR {after:.1f} dB (the occluder itself: {before:.1f} dB)"


def overlap(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks (H, W), 1 where both are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 arrays of one shape."""
    error = float(((a.astype(np.float64) - b) ** 2).mean())
    return 10 * float(np.log10(255**2 / max(error, 1e-6)))


def sheet_row(scene: Scene, result: Deocclusion, figures: str) -> Image:
    """The contact sheet of one person (H, W, 3) with the clean original at its end and the figures above."""
    import cv2

    from deocc_aug.canvas import resample
    from deocc_aug.commands.sheet import TILE_HEIGHT, contact_sheet

    row = contact_sheet(scene.person, result)
    height, width = result.hypotheses.shape[1:]
    zoom = TILE_HEIGHT / height
    clean = np.full((row.shape[0], round(width * zoom) + 4, 3), 255, np.uint8)
    clean[:TILE_HEIGHT, 2:-2] = resample(scene.clean, result.image_to_canvas * zoom, (TILE_HEIGHT, round(width * zoom)))
    cv2.putText(clean, "the truth", (4, row.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    row = np.concatenate([row, clean], axis=1)
    title = np.full((30, row.shape[1], 3), 255, np.uint8)
    cv2.putText(title, f"{scene.name}: {figures}", (4, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([title, row])


def stacked(rows: list[Image]) -> Image:
    """Pictures below one another, the narrower ones filled up with white."""
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows])


main = Command("complete a photo and a rendering that come with the extras bench and humans, and measure both", _add_arguments, _run)
