"""`deocc-aug precompute --data coco --ann people.json --images DIR --out CACHE`: completes a data set's people, once, for later."""
from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    from deocc_aug.data.coco import HINTS, USED
    from deocc_aug.options import Options

    parser.add_argument("--data", type=str, choices=["coco"], default="coco", help="what the annotations are")
    parser.add_argument("--ann", type=Path, required=True, help="COCO file with the people")
    parser.add_argument("--images", type=Path, required=True, help="folder that the file's `file_name`s start from")
    parser.add_argument("--out", type=Path, required=True, help="the cache: a folder, to which any number of runs may add, at once too")
    parser.add_argument("--workers", type=int, default=1, help="processes or actors, each with its own nets on one thread: same files")
    parser.add_argument("--engine", type=str, choices=["local", "ray"], default="local",
                        help="processes of this machine, or actors of Ray Data here or on a cluster (extra bulk): the same files")
    parser.add_argument("--gpus", type=float, default=0.0, help="share of a GPU that each of Ray's actors asks for")
    parser.add_argument("--use", nargs="*", type=str, choices=HINTS, default=list(USED),
                        help="annotations that may help; keypoints do not unless named, as they are what an evaluated model is to find")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another sample")
    parser.add_argument("--preset", type=str, default="compact", help="a preset's name, or a folder")
    parser.add_argument("--device", type=str, help="such as cpu or cuda:0; left out, the library's choice")
    parser.add_argument("--together", type=int, default=1,
                        help="people whom the nets complete at once, for GPUs (8, say); another number, another rounding: keep to one")
    parser.add_argument("--dtype", type=str, default="float32", help="of the nets: float32, float16, bfloat16")
    parser.add_argument("--options", type=Options, default=Options())


def _run(config: Namespace) -> int:
    from deocc_aug.commands.fill import Work, fill
    from deocc_aug.data.atomic import keep_apart
    from deocc_aug.data.cache import Settings
    from deocc_aug.data.coco import read_coco
    from deocc_aug.processes import in_processes
    from deocc_aug.ray_engine import in_ray

    settings = Settings(config.preset, config.seed, config.options, config.dtype)
    index = config.out / f"{config.ann.stem}.json"
    keep_apart([config.ann], [index])
    work = Work(config.images, config.out, settings, config.device, tuple(config.use), config.together)
    engine = partial(in_ray, gpus=config.gpus) if config.engine == "ray" else in_processes
    print(fill(work, read_coco(config.ann), index, config.workers, engine))
    return 0


command = Command("complete the people of a data set into a cache that pipelines read", _add_arguments, _run)
