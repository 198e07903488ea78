"""MakeHuman's text files of a garment: `.mhclo` (how it hangs on the base mesh), `.obj` (its faces), `.mhmat` (its look).

What is kept here is as the files have it: decimetres, x to the body's left, y up, z to its front.  The formats:
http://www.makehumancommunity.org/wiki/Documentation:MHCLO_file_format and MakeHuman's own `shared/proxy.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BASE_MESH = "hm08"
BASE_VERTICES = 19158
"""The base mesh that garments refer to, and how many vertices it has, helpers included."""

_NUMBER = frozenset("+-.0123456789")


@dataclass(frozen=True, eq=False)
class Binding:
    """A `.mhclo`: `anchors` (N,3) int32 base vertices of each garment vertex, their `weights` (N,3), its `offsets` (N,3).

    The offset along axis k (x, y, z) is to be multiplied by the distance along it between the two base vertices
    `references[k]` over `lengths[k]`; where the file has no reference the pair is 0, 0 and the length 0.  `hides` (D,) int64
    are the base vertices beneath, sorted.  `tags` are in lower case; `obj_file` and `material` are "" where not named.
    """

    name: str
    tags: tuple[str, ...]
    obj_file: str
    material: str
    anchors: NDArray[np.int32]
    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]
    references: NDArray[np.int32]
    lengths: NDArray[np.float64]
    hides: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """An `.obj` in triangles, split along the seams of its texture.

    `vertices` (V,) int64 says which of the file's `count` vertices each is; `texture_coordinates` (V,2) float64 u to the right,
    v *upward* (0, 0 where there are none); `faces` (F,3) int32.
    """

    count: int
    vertices: NDArray[np.int64]
    texture_coordinates: NDArray[np.float64]
    faces: NDArray[np.int32]


@dataclass(frozen=True)
class Material:
    """A `.mhmat`: the diffuse colour (RGB, 0 to 255) and the path of the diffuse texture, None where it names none."""

    colour: tuple[int, int, int] = (255, 255, 255)
    texture: Path | None = None


def read_mhclo(path: Path) -> Binding:
    """Read a `.mhclo`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is made for another base mesh, binds no vertex, or a line of it makes no sense.
    """
    header: dict[str, str] = {}
    tags: list[str] = []
    bound: list[tuple[float, ...]] = []
    hidden: list[str] = []
    references, lengths = np.zeros((3, 2), dtype=np.int32), np.zeros(3)
    section = ""
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        key = words[0].lower()
        try:
            if key[0] in _NUMBER and section == "delete_verts":
                hidden += words
            elif key[0] in _NUMBER and section == "verts":
                bound.append(_bound(words))
            elif key in ("verts", "delete_verts"):
                section = key
            elif key in ("x_scale", "y_scale", "z_scale"):
                axis = "xyz".index(key[0])
                references[axis], lengths[axis] = (int(words[1]), int(words[2])), float(words[3])
            elif key == "tag":
                tags.append(" ".join(words[1:]).lower())
            else:  # header lines, which some files also have after `verts`
                header[key] = " ".join(words[1:])
        except (ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"line {number} of {path.name} makes no sense ({error}): {line.strip()[:60]!r}") from None
    base = header.get("basemesh", BASE_MESH)
    if base.lower() != BASE_MESH:
        raise ValueError(f"{path.name} is made for the base mesh {base!r}, not for {BASE_MESH!r}")
    if not bound:
        raise ValueError(f"{path.name} binds no vertices: a `verts 0` line with one line a vertex after it is missing")
    values = np.array(bound, dtype=np.float64)
    hides = np.array(_ranges(hidden, path.name), dtype=object)  # a file's numbers may be larger than NumPy's
    _check_references({"verts": values[:, :3], "delete_verts": hides, "scale": references}, path.name)
    hides = np.unique(hides.astype(np.int64))
    if not np.isfinite(values).all() or np.abs(values[:, 3:6].sum(axis=1) - 1).max() > 0.01:
        raise ValueError(f"the three weights of each vertex in {path.name} must be finite and add up to 1")
    return Binding(
        name=header.get("name") or path.stem,
        tags=tuple(tags),
        obj_file=header.get("obj_file", ""),
        material=header.get("material", ""),
        anchors=values[:, :3].astype(np.int32),
        weights=values[:, 3:6],
        offsets=values[:, 6:],
        references=references,
        lengths=lengths,
        hides=hides,
    )


def read_obj(path: Path) -> Mesh:
    """Read the faces of an `.obj`: triangles, quads and larger polygons, with or without texture coordinates.

    Raises:
        OSError: it cannot be read.
        ValueError: it has no faces, or a line of it makes no sense.
    """
    count, coordinates, corners = 0, [(0.0, 0.0)], []
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        words = line.split()
        try:
            if words[:1] == ["v"]:
                count += 1
            elif words[:1] == ["vt"]:
                coordinates.append((float(words[1]), float(words[2])))
            elif words[:1] == ["f"]:
                face = [_corner(word, count, len(coordinates) - 1) for word in words[1:]]
                corners += [corner for k in range(1, len(face) - 1) for corner in (face[0], face[k], face[k + 1])]
        except (ValueError, IndexError) as error:
            raise ValueError(f"line {number} of {path.name} makes no sense ({error}): {line.strip()[:60]!r}") from None
    if not corners:
        raise ValueError(f"{path.name} has no faces")
    pairs, faces = np.unique(np.array(corners, dtype=np.int64), axis=0, return_inverse=True)
    return Mesh(count, pairs[:, 0], np.array(coordinates)[pairs[:, 1]], faces.reshape(-1, 3).astype(np.int32))


def read_mhmat(path: Path) -> Material:
    """Read a `.mhmat`.

    Raises:
        OSError: it cannot be read.
        ValueError: its colour is not three numbers.
    """
    colour, texture = Material.colour, None
    for line in path.read_text("utf-8", errors="replace").splitlines():
        words = line.split(maxsplit=1)
        if len(words) < 2:
            continue
        if words[0] == "diffuseColor":
            try:
                red, green, blue = (round(255 * min(max(float(value), 0.0), 1.0)) for value in words[1].split()[:3])
            except ValueError:
                raise ValueError(f"`diffuseColor` of {path.name} is {words[1]!r}: three numbers from 0 to 1 are wanted") from None
            colour = red, green, blue
        elif words[0] == "diffuseTexture":
            texture = path.parent / words[1].strip()
    return Material(colour, texture)


def _bound(words: list[str]) -> tuple[float, ...]:
    """Three base vertices, three weights, three offsets."""
    if len(words) not in (1, 9):
        raise ValueError(f"{len(words)} numbers instead of 1 or 9")
    vertices = [int(word) for word in words[:3]]
    if len(words) == 1:
        return (*vertices * 3, 1.0, *[0.0] * 5)
    return (*vertices, *(float(word) for word in words[3:]))


def _ranges(words: list[str], file: str) -> list[int]:
    """The numbers of `3 7 - 9 12`: a dash joins the two beside it, across line ends too."""
    vertices: list[int] = []
    dash = False
    try:
        for word in words:
            if word == "-":
                dash = True
            elif dash:
                last = int(word)
                _check_references({"delete_verts": np.array([last])}, file)
                vertices += range(vertices[-1] + 1, last + 1)
                dash = False
            else:
                vertices.append(int(word))
    except (ValueError, IndexError) as error:
        raise ValueError(f"the `delete_verts` of {file} make no sense: {error}") from None
    return vertices


def _check_references(lists: dict[str, NDArray], file: str) -> None:
    for key, vertices in lists.items():
        beyond = vertices[(vertices < 0) | (vertices >= BASE_VERTICES)]
        if len(beyond):
            raise ValueError(f"`{key}` of {file} refers to vertex {int(beyond[0])}, but the base mesh has {BASE_VERTICES}")


def _corner(word: str, vertices: int, coordinates: int) -> tuple[int, int]:
    """`v`, `v/vt`, `v//vn` or `v/vt/vn` as the vertex (from 0) and the coordinate (from 1; 0 is none); negative ones count back."""
    vertex, coordinate, *_ = [*word.split("/"), ""]
    v, vt = int(vertex), int(coordinate or 0)
    v, vt = (v + vertices if v < 0 else v - 1), (vt + coordinates + 1 if vt < 0 else vt)
    if not (0 <= v < vertices and 0 <= vt <= coordinates):
        raise ValueError(f"corner {word} of {vertices} vertices and {coordinates} texture coordinates")
    return v, vt
