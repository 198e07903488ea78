"""`deocc-aug body export --out DIR`: writes a body that `smplx` loads, made of anny, for those who have no SMPL-X files.

`deocc-aug body people --scenes DIR`: says what the synthetic people of a folder of shards are in its parameters.
"""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", type=str, choices=["export", "people"],
                        help="export: make the body and write it; people: say what people of `deocc-aug synth` are in its parameters")
    parser.add_argument("--out", type=Path, help="export: folder for smplx/SMPLX_NEUTRAL.npz, what smplx.create(DIR) looks for")
    parser.add_argument("--scenes", type=Path, help="people: folder of shards, which smplx.npz is written into")


def _run(config: Namespace) -> int:
    if config.what == "people":
        return _people(config.scenes)
    if config.out is None:
        raise ValueError("where to: pass --out DIR")
    from deocc_aug.data.atomic import output_errors
    from deocc_aug.humans.open_body.build import build, export

    with output_errors(config.out):
        config.out.mkdir(parents=True, exist_ok=True)
    body = build()
    with output_errors(config.out):
        path = export(config.out, body)
    print(f"wrote {path}: {len(body.template)} vertices, {len(body.faces)} faces, {body.weights.shape[1]} joints, "
          "10 shape and 10 expression directions")
    print(f'load it with smplx.create("{config.out}", model_type="smplx"); it is made of anny (CC0) and is not SMPL-X')
    return 0


def _people(scenes: Path | None) -> int:
    if scenes is None:
        raise ValueError("whose people: pass --scenes DIR, a folder that `deocc-aug synth` wrote")
    from deocc_aug.humans.open_body.build import build
    from deocc_aug.humans.open_body.people import write_people
    from deocc_aug.humans.open_body.rig import rig
    from deocc_aug.humans.shards import manifest

    manifest(scenes)  # a folder of something else is refused before the body is made
    print(f"wrote {write_people(scenes, build(), rig())}")
    return 0


command = Command("write a body that smplx loads, made of anny, where nobody has SMPL-X's files", _add_arguments, _run)
