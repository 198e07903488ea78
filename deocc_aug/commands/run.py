"""`deocc-aug run IMAGE... --out DIR`: completes people and writes pictures, contact sheets and one COCO file.

Who is meant is said by a COCO file or a box; where neither comes, a detector finds people.
"""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from deocc_aug.commands.people import AskedImage

DETECTOR = "ustc-community/dfine-small-coco"
"""Found on the Hub: D-FINE, 10 million parameters, Apache-2.0.  Its revision is not pinned."""


def _add_arguments(parser: ArgumentParser) -> None:
    from deocc_aug.options import Options

    parser.add_argument("images", nargs="+", type=Path, help="image files; EXIF orientation is applied")
    parser.add_argument("--coco", type=Path, help="COCO file with the people: bbox, segmentation (the visible part), "
                        "occluder_segmentation, keypoints")
    parser.add_argument("--box", type=str, help="x0,y0,x1,y1 in pixels, the one person in the one image (--box=-5,... if it starts "
                        "with a minus)")
    parser.add_argument("--mask", type=Path, help="with --box: mask file of the visible part, black outside")
    parser.add_argument("--occluder", type=Path, help="with --box: mask file of what stands in front, black outside")
    parser.add_argument("--detector", type=str, help="without --coco and --box: the object detector of transformers that finds people, its "
                        f"Hub id or a folder (default: {DETECTOR})")
    parser.add_argument("--min_score", type=float, default=0.5, help="least score of a person that the detector finds, 0 to 1")
    parser.add_argument("--observer", action="append", type=str, help="who finds what nobody said of a person: a SAM, SAM 2, Mask2Former "
                        "or ViTPose of transformers, its Hub id or a folder; several fill in in turn, the preset's own last")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to; a second run goes on where the first stopped")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another sample")
    parser.add_argument("--preset", type=str, default="compact", help="a preset's name, or a folder")
    parser.add_argument("--device", type=str, help="such as cpu or cuda:0; left out, the library's choice")
    parser.add_argument("--options", type=Options, default=Options())


def _run(config: Namespace) -> int:
    from deocc_aug.commands.complete import Settings, complete

    settings = Settings(config.preset, config.seed, config.options, config.device, tuple(config.observer or ()))
    read = [path for path in (config.coco, config.mask, config.occluder) if path is not None]
    complete(_asked(config), config.out, settings, read)
    return 0


def _asked(config: Namespace) -> list[AskedImage]:
    """Who is to be completed.

    Raises:
        ValueError: that is said twice, or by what does not go together; and what the readers refuse.
        OSError: as the readers do.
    """
    from deocc_aug.commands.found import Finder, from_detector
    from deocc_aug.commands.people import from_box, from_coco

    if config.coco is not None and config.box is not None:
        raise ValueError("who is to be completed is said twice: pass either --coco people.json, or --box x0,y0,x1,y1")
    if config.box is None and (config.mask is not None or config.occluder is not None):
        raise ValueError("--mask and --occluder go with --box: the people of a --coco file have theirs in it, of others an --observer "
                         "finds the mask")
    if config.detector is not None and (config.coco is not None or config.box is not None):
        raise ValueError("--detector finds people that nobody names: leave it out, or --coco and --box")
    if config.box is not None:
        return from_box(config.images, config.box, config.mask, config.occluder)
    if config.coco is not None:
        return from_coco(config.images, config.coco)
    return from_detector(config.images, Finder(config.detector or DETECTOR, config.min_score), config.device, config.out)


command = Command("complete the people in images: pictures, contact sheets, one COCO file", _add_arguments, _run)
