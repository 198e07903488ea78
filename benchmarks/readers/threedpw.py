"""3DPW-OC: the sequences of 3DPW (von Marcard et al., ECCV 2018) in which things are in front of people, for the task `mesh`.

    3DPW/sequenceFiles/{train,validation,test}/SEQUENCE.pkl
    3DPW/imageFiles/SEQUENCE/image_00000.jpg

The files' fields are those of 3DPW's own readme.txt (a copy is in zhyjiang/mmhuman3d, tools/depth_generate); which frames count is taken
from its evaluation (a valid camera pose, and 2D joints that are not all 0); which sequences are "OC" (Zhang et al., Object-Occluded Human
Shape and Pose Estimation, CVPR 2020) from the list in ROMP's reader: all splits.  Others evaluate on 14 joints that a regressor takes from
SMPL's vertices; figures here are of SMPL's own first 22 joints, and not comparable with theirs.  This reader was never run on the real
files.
"""
from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
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
from deocc_aug.canvas import widened
from deocc_aug.data.images import read_image
from deocc_aug.integrations.mesh.protocol import Camera
from deocc_aug.types import Box, Person

OBTAINED = "https://virtualhumans.mpi-inf.mpg.de/3DPW/ (imageFiles.zip and sequenceFiles.zip, once its licence is accepted)"
OCCLUDED = ("courtyard_backpack", "courtyard_basketball", "courtyard_bodyScannerMotions", "courtyard_box", "courtyard_golf",
            "courtyard_jacket", "courtyard_laceShoe", "downtown_stairs", "flat_guitar", "flat_packBags", "outdoors_climbing",
            "outdoors_crosscountry", "outdoors_fencing", "outdoors_freestyle", "outdoors_golf", "outdoors_parcours", "outdoors_slalom")
ROOM = 0.1  # longer sides around the projected joints: heads, hands and feet reach beyond them
FIELDS = ("jointPositions", "cam_poses", "campose_valid", "poses2d", "cam_intrinsics")
ARRAYS = frozenset((f"numpy{core}.multiarray", name) for core in (".core", "._core") for name in ("_reconstruct", "scalar")) | {
    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class ThreeDpwOc(BenchData):
    """3DPW-OC's people.  There is no clean photo, nobody says what is in front or which joints are hidden, and 3DPW hands out no vertices:
    arms are `occluded` and `deocc`, figures MPJPE and PA-MPJPE of all joints.

    Args:
        folder: with `sequenceFiles` and `imageFiles`.
        every: of each sequence's frames, one in so many.
        limit: the first so many cases.

    Raises:
        FileNotFoundError: a file is missing; the message says which, and where it is obtained.
        ValueError: a file is not 3DPW's.
    """

    clean = False
    occluders = False

    def __init__(self, folder: Path, every: int = 1, limit: int | None = None) -> None:
        super().__init__(limit)
        if every < 1:
            raise ValueError(f"data.every is {every}: pass 1 for all frames, 2 for every second one, and so on")
        self.folder, self.every = Path(folder), every
        self._sequence: tuple[Path, Mapping[str, Any]] | None = None

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The sequences' files, by name."""
        there = first_of(self.folder, ("sequenceFiles",), "3DPW's sequences", OBTAINED)
        found: list[Path] = []
        for name in OCCLUDED:
            some = sorted(there.glob(f"*/{name}_[0-9][0-9].pkl"), key=lambda path: path.name)
            if not some:
                raise FileNotFoundError(f"{there}/*/{name}_00.pkl (or _01, ...) is not there: it is a sequence of 3DPW, obtained from "
                                        f"{OBTAINED}")
            found += some
        return tuple(found)

    @cached_property
    def pictures(self) -> Path:
        return first_of(self.folder, ("imageFiles",), "3DPW's frames", OBTAINED)

    @cached_property
    def _cases(self) -> list[tuple[Path, int, int]]:
        """File, person and frame."""
        self.pictures  # noqa: B018  that the images are missing is said before anything else is done
        return [(file, person, int(frame)) for file in self.files for person, frames in enumerate(frames_of(self._read(file)))
                for frame in frames if frame % self.every == 0]

    def open(self) -> Sequence[str]:
        return [f"{file.stem}/{person}/{frame}" for file, person, frame in self._cases]

    def make(self, number: int) -> Case | Unusable:
        file, person, frame = self._cases[number]
        name, whose = self.names[number], f"{file.stem}/{person}"
        try:
            image = read_image(self.pictures / file.stem / f"image_{frame:05d}.jpg")
            sequence = self._read(file)
            every, camera = body_of(sequence, person, frame)
            box = seen_box(camera.project(every), (image.shape[0], image.shape[1]))
        except (OSError, ValueError) as error:
            return Unusable(name, whose, str(error))
        nobody = np.zeros(BODY_JOINTS, np.bool_)
        mesh = Mesh(every[:BODY_JOINTS], np.zeros((0, 3)), np.zeros((0, 3), np.int64), nobody, ~nobody, camera)
        return Case(name, whose, image, Person(box), box, no_joints(), np.zeros(17, np.bool_), None, mesh=mesh)

    def described(self) -> dict[str, Any]:
        return {"class": "ThreeDpwOc", "sequences_sha256": {file.stem: sha256(file) for file in self.files}, "every": self.every}

    def _read(self, file: Path) -> Mapping[str, Any]:
        if self._sequence is None or self._sequence[0] != file:
            self._sequence = file, read_sequence(file)
        return self._sequence[1]


class _Arrays(pickle.Unpickler):
    """Reads arrays, lists and texts; runs nothing else that a file may ask for."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it holds a {module}.{name}")
        return super().find_class(module, name)


def read_sequence(path: Path) -> Mapping[str, Any]:
    """A sequence's fields.

    Raises:
        ValueError: the file is not a pickle of arrays with 3DPW's fields.
    """
    try:
        with open(path, "rb") as file:
            content = _Arrays(file, encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is not a sequence of 3DPW ({error}): get it again from {OBTAINED}") from error
    missing = FIELDS if not isinstance(content, dict) else [name for name in FIELDS if name not in content]
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}: get it again from {OBTAINED}")
    return content


def frames_of(sequence: Mapping[str, Any]) -> list[np.ndarray]:
    """Of each person the frames that count: whose camera pose is valid and whose 2D joints (3, 18) are not all 0."""
    pairs = zip(sequence["campose_valid"], sequence["poses2d"], strict=True)
    return [np.nonzero(np.asarray(valid, np.bool_) & np.asarray(joints).any((1, 2)))[0] for valid, joints in pairs]


def body_of(sequence: Mapping[str, Any], person: int, frame: int) -> tuple[Float[np.ndarray, "24 3"], Camera]:
    """SMPL's 24 joints before the frame's camera, metres, and the camera.

    Raises:
        ValueError: a joint is not ahead of the camera.
    """
    world = np.asarray(sequence["jointPositions"][person][frame], np.float64).reshape(24, 3)
    pose, inner = np.asarray(sequence["cam_poses"][frame], np.float64), np.asarray(sequence["cam_intrinsics"], np.float64)
    joints = world @ pose[:3, :3].T + pose[:3, 3]
    if not (joints[:, 2] > 0).all():
        raise ValueError("the body is not ahead of the camera")
    return joints, Camera(inner[[0, 1], [0, 1]], inner[:2, 2])


def seen_box(points: Float[np.ndarray, "n 2"], size: tuple[int, int], room: float = ROOM) -> Box:
    """The box around points, with room, within an image of `size` (height, width).  Raises ValueError where it is outside."""
    box = widened(np.concatenate([points.min(0), points.max(0)]), room).clip(0, [size[1], size[0]] * 2)
    if (box[2:] - box[:2] < 1).any():
        raise ValueError("the person is outside the picture")
    return box
