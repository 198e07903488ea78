"""`deocc-aug run IMAGE... --out DIR`: completes people and writes pictures, contact sheets and one COCO file."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    from deocc_aug.options import Options

    parser.add_argument("images", nargs="+", type=Path, help="image files; EXIF orientation is applied")
    parser.add_argument("--coco", type=Path, help="COCO file with the people: bbox, segmentation (the visible part), "
                        "occluder_segmentation, keypoints")
    parser.add_argument("--box", type=str, help="x0,y0,x1,y1 in pixels, the one person in the one image (--box=-5,... if it starts "
                        "with a minus)")
    parser.add_argument("--mask", type=Path, help="with --box: mask file of the visible part, black outside")
    parser.add_argument("--occluder", type=Path, help="with --box: mask file of what stands in front, black outside")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to; a second run goes on where the first stopped")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another sample")
    parser.add_argument("--preset", type=str, default="compact", help="a preset's name, or a folder")
    parser.add_argument("--device", type=str, help="such as cpu or cuda:0; left out, the library's choice")
    parser.add_argument("--options", type=Options, default=Options())


def _run(config: Namespace) -> int:
    from deocc_aug.commands.complete import Settings, complete
    from deocc_aug.commands.people import from_box, from_coco

    if (config.coco is None) == (config.box is None):
        raise ValueError("who is to be completed: pass either --coco people.json, or --box x0,y0,x1,y1 with --mask m.png")
    if config.coco is None:
        asked = from_box(config.images, config.box, config.mask, config.occluder)
    elif config.mask is None and config.occluder is None:
        asked = from_coco(config.images, config.coco)
    else:
        raise ValueError("--mask and --occluder go with --box: the people of a --coco file have theirs in it")
    complete(asked, config.out, Settings(config.preset, config.seed, config.options, config.device))
    return 0


command = Command("complete the people in images: pictures, contact sheets, one COCO file", _add_arguments, _run)
