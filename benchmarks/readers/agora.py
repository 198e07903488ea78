"""AGORA (Patel et al., CVPR 2021): rendered scans of people in crowds with SMPL-X bodies, for the task `mesh`.

    AGORA/SMPLX/validation_0_withjv.pkl ... validation_9_withjv.pkl      out of validation_SMPLX.zip
    AGORA/validation/NAME.png, or NAME_1280x720.png                      out of the validation images

The tables' columns, units and axes are those of pixelite1201/agora_evaluation (docs/gt_dataframe.md and projection.py); where the zips'
files lie is taken from mks0601/Hand4Whole_RELEASE and posepile, which read them.  The tables are pickled pandas frames, and reading such a
file runs what is in it: read AGORA's own alone.  Errors here are of SMPL-X's first 22 joints of everybody who is valid (0 to 90 %
occluded); AGORA's own evaluation also matches detections, and counts hands and faces.  This reader was never run on the real files.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from deocc_aug.benchmarks.estimators.protocol import sha256
from deocc_aug.benchmarks.harness.cases import Case, Mesh, Unusable, no_joints
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.harness.synthetic_meshes import BODY_JOINTS
from deocc_aug.benchmarks.readers.files import first_of
from deocc_aug.benchmarks.readers.threedpw import seen_box
from deocc_aug.data.images import read_image
from deocc_aug.integrations.mesh.protocol import Camera
from deocc_aug.types import Person

OBTAINED = "https://agora.is.tue.mpg.de/download.php (once its licence is accepted)"
TABLES = ("SMPLX", "validation_SMPLX/SMPLX")
COUNT = 10
LARGE = (3840, 2160)  # px: what `gt_joints_2d` is told in
COLUMNS = ("imgPath", "isValid", "occlusion", "gt_joints_2d", "gt_joints_3d", "gt_verts")
OFF = 2.0  # px: joints that do not lie where the camera sees them are of another format


class AgoraValidation(BenchData):
    """AGORA's validation people.  There is no clean picture; how much of a person is hidden is known, what is in front and which joints are
    hidden is not: arms are `occluded` and `deocc`, figures those of all joints and PVE, by occlusion rate.

    Args:
        folder: with `SMPLX` and `validation`.
        limit: the first so many cases.

    Raises:
        FileNotFoundError: a file is missing; the message says which, and where it is obtained.
        ImportError: pandas is not installed.
        ValueError: a table is not AGORA's.
    """

    clean = False
    occluders = False

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        super().__init__(limit)
        self.folder = Path(folder)
        self._table: tuple[Path, Any] | None = None

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The tables' files."""
        return tuple(first_of(self.folder, [f"{place}/validation_{k}_withjv.pkl" for place in TABLES],
                              "AGORA's table with SMPL-X joints and vertices (validation_SMPLX.zip)", OBTAINED) for k in range(COUNT))

    @cached_property
    def pictures(self) -> Path:
        return first_of(self.folder, ("validation",), "AGORA's validation images", OBTAINED)

    @cached_property
    def _cases(self) -> list[tuple[Path, int, int]]:
        """File, row and person."""
        self.pictures  # noqa: B018  that the images are missing is said before anything else is done
        return [(file, row, person) for file in self.files for row, valid in enumerate(self._read(file)["isValid"])
                for person, yes in enumerate(valid) if yes]

    def open(self) -> Sequence[str]:
        return [f"{file.stem}/{row}/{person}" for file, row, person in self._cases]

    def make(self, number: int) -> Case | Unusable:
        file, row, person = self._cases[number]
        name = self.names[number]
        try:
            said = self._read(file).iloc[row]
            pixels, joints, vertices = (np.asarray(said[column][person], np.float64).squeeze() for column in COLUMNS[3:])
            image = read_image(self._picture(said["imgPath"]))
            camera = camera_of(pixels, joints, image.shape[1])
            box = seen_box(camera.project(vertices), (image.shape[0], image.shape[1]), room=0.0)
            share = float(said["occlusion"][person]) / 100
        except (OSError, ValueError) as error:
            return Unusable(name, name, str(error))
        nobody = np.zeros(BODY_JOINTS, np.bool_)
        mesh = Mesh(joints[:BODY_JOINTS], vertices, np.zeros((0, 3), np.int64), nobody, ~nobody, camera)
        return Case(name, name, image, Person(box), box, no_joints(), np.zeros(17, np.bool_), share, mesh=mesh)

    def described(self) -> dict[str, Any]:
        return {"class": "AgoraValidation", "tables_sha256": [sha256(file) for file in self.files]}

    def _picture(self, name: str) -> Path:
        """The large picture where it is there, else the small one."""
        small = Path(name).with_suffix("").name + "_1280x720.png"
        return first_of(self.pictures, (name, small), "an image of AGORA's", OBTAINED)

    def _read(self, file: Path) -> Any:
        """One table at a time: each has every person's vertices."""
        if self._table is None or self._table[0] != file:
            self._table = file, read_table(file)
        return self._table[1]


def read_table(path: Path) -> Any:
    """A pandas frame with AGORA's columns.  Raises as `AgoraValidation`."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("AGORA's tables are pandas frames: pip install 'pandas<3'") from error
    table = pandas.read_pickle(path)
    missing = [name for name in COLUMNS if name not in getattr(table, "columns", ())]
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}: get it again from {OBTAINED}")
    return table


def camera_of(pixels: Float[np.ndarray, "n 2"], joints: Float[np.ndarray, "n 3"], width: int) -> Camera:
    """The camera that sees joints before it (metres) at those places of the large picture, for a picture so many pixels wide.

    AGORA's cameras have their centre in the picture's middle and square pixels: the focal length is a line's slope.

    Raises:
        ValueError: the joints are not seen there.
    """
    middle = np.array(LARGE) / 2
    rays, places = joints[:, :2] / joints[:, 2:], pixels - middle
    focal = float((rays * places).sum() / (rays ** 2).sum())
    if not (joints[:, 2] > 0).all() or not focal > 0 or np.abs(focal * rays - places).max() > OFF:
        raise ValueError("gt_joints_2d is not where a camera sees gt_joints_3d: the table is not of AGORA's 3840x2160 format")
    scale = width / LARGE[0]
    return Camera(np.full(2, focal * scale), middle * scale)
