"""`python -m deocc_aug.benchmarks.mesh_models.train --weights clean|occluded --out DIR`: trains the compact mesh regressor.

Both weights are trained on the same people in the same crops; the second sees things in front of them.
"""
from __future__ import annotations

import sys
from collections.abc import Sequence

from deocc_aug.training.command import part_parser, run_part

WEIGHTS = ("clean", "occluded")


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains, or goes on training, one of the two; DIR/part is then what belongs in benchmarks/weights/mesh/WEIGHTS."""
    from jsonargparse import ArgumentParser

    from deocc_aug.benchmarks.mesh_models.data import MeshData
    from deocc_aug.benchmarks.mesh_models.module import MeshModule

    parser = part_parser(ArgumentParser, MeshModule, MeshData)
    parser.add_argument("--weights", type=str, choices=list(WEIGHTS), required=True, help="occluded: things are put in front of people")
    parser.link_arguments("weights", "data.occluded", compute_fn=lambda name: name == "occluded")
    parser.link_arguments("model.size", "data.size")
    given = parser.parse_args(arguments)
    return run_part(parser.instantiate(given))


if __name__ == "__main__":
    sys.exit(main())
