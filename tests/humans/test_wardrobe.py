"""Promises of the wardrobe: garments follow the body they hang on, and what is wrong with a file is said with its name."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest

from deocc_aug.humans.bodies import Bodies, sample_bodies
from deocc_aug.humans.mhclo import BASE_VERTICES, read_mhclo, read_mhmat, read_obj
from deocc_aug.humans.wardrobe import KINDS, Garment, Wardrobe

PACK = Path(__file__).resolve().parents[3] / "shared" / "data" / "makehuman"
needs_pack = pytest.mark.skipif(not PACK.is_dir(), reason=f"MakeHuman's assets are not in {PACK}")

HEADER = "# a comment\nbasemesh hm08\ntag MakeHuman™\ntag Casual\n\nname {name}\nobj_file {name}.obj\n"
SCALES = "x_scale 10 11 2.0\nz_scale 12 13 4.0\ny_scale 14 15 8.0\nz_depth 50\n"
ONTO = "100 200 300 0.5 0.25 0.25 0.2 0.8 0.4\n400\n401\n 402 403  404 1.5 -0.25 -0.25 0 0 0\n"
OBJ = """v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vt 0.5 0.25
f 1/1 2/2 3/3 4/4
f 1/5 3/3 2/2
"""


def write_garment(folder: Path, name: str = "shirt", *, mhclo: str | None = None, obj: str = OBJ, mhmat: str | None = None) -> Path:
    """A garment of four vertices, a quad and a triangle with a seam at the first vertex; returns its `.mhclo`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = HEADER + SCALES + "material {name}.mhmat\nverts 0\n" + ONTO if mhclo is None else mhclo
    (folder / f"{name}.mhclo").write_text(text.format(name=name), "utf-8")
    (folder / f"{name}.obj").write_text(obj, "utf-8")
    if mhmat is not None:
        (folder / f"{name}.mhmat").write_text(mhmat, "utf-8")
    return folder / f"{name}.mhclo"


def only(folder: Path) -> Garment:
    (garment,) = Wardrobe.from_makehuman(folder).garments
    return garment


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    pytest.importorskip("anny")
    return sample_bodies(10, np.random.default_rng(2), ["stand", "sit", "bend", "crouch"])


def test_bindings_of_three_vertices_and_of_one(tmp_path: Path) -> None:
    binding = read_mhclo(write_garment(tmp_path))
    assert binding.name == "shirt"
    assert binding.tags == ("makehuman™", "casual")
    assert binding.anchors.tolist() == [[100, 200, 300], [400, 400, 400], [401, 401, 401], [402, 403, 404]]
    assert binding.weights[:2].tolist() == [[0.5, 0.25, 0.25], [1, 0, 0]]
    assert binding.offsets[:2].tolist() == [[0.2, 0.8, 0.4], [0, 0, 0]]
    assert binding.references.tolist() == [[10, 11], [14, 15], [12, 13]]  # x, y, z, whatever the file's order
    assert binding.lengths.tolist() == [2, 8, 4]


def test_header_lines_may_follow_verts(tmp_path: Path) -> None:
    late = HEADER + "verts 0\nmaterial other.mhmat\nvertexboneweights_file {name}.mhw\n" + SCALES + ONTO
    binding = read_mhclo(write_garment(tmp_path, mhclo=late))
    assert binding.material == "other.mhmat"
    assert len(binding.anchors) == 4
    assert binding.lengths.tolist() == [2, 8, 4]


def test_delete_verts_are_ranges_and_single_numbers_over_lines(tmp_path: Path) -> None:
    hides = "\ndelete_verts\n20 - 23 7 30 -\n32 5\n40\n1 2 3 4 5 6 8 9 50\n"  # the last line has nine numbers too
    binding = read_mhclo(write_garment(tmp_path, mhclo=HEADER + "verts 0\n" + ONTO + hides))
    assert binding.hides.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22, 23, 30, 31, 32, 40, 50]
    assert len(binding.anchors) == 4


def test_seams_split_vertices_and_polygons_become_triangles(tmp_path: Path) -> None:
    write_garment(tmp_path)
    mesh = read_obj(tmp_path / "shirt.obj")
    assert mesh.vertices.tolist() == [0, 0, 1, 2, 3]
    assert mesh.vertices[mesh.faces].tolist() == [[0, 1, 2], [0, 2, 3], [0, 2, 1]]  # as wound in the file
    assert mesh.texture_coordinates[mesh.faces[2]].tolist() == [[0.5, 0.25], [1, 1], [1, 0]]
    garment = only(tmp_path)
    assert garment.anchors[:, 0].tolist() == [100, 100, 400, 401, 402]
    assert garment.texture_coordinates[garment.faces[2]].tolist() == [[0.5, 0.75], [1, 0], [1, 1]]  # v downward


@pytest.mark.parametrize("corner", ["{0}", "{0}//1", "{0}/{0}/1", "-{1}/-{1}"])
def test_every_way_to_write_a_face(tmp_path: Path, corner: str) -> None:
    face = " ".join(corner.format(k, 5 - k) for k in (1, 2, 3, 4))
    path = tmp_path / "a.obj"
    path.write_text("v 0 0 0\n" * 4 + "vt 0.5 0.5\n" * 4 + "vn 0 0 1\n" + f"f {face}\n", "utf-8")
    mesh = read_obj(path)
    assert mesh.vertices[mesh.faces].tolist() == [[0, 1, 2], [0, 2, 3]]


def test_offsets_grow_with_the_body_along_each_axis(tmp_path: Path) -> None:
    write_garment(tmp_path)
    garment = only(tmp_path)
    base = np.zeros((BASE_VERTICES, 3), dtype=np.float32)
    base[10, 0], base[12, 1], base[14, 2] = 0.2, -0.4, 0.8  # as far apart as on the body that it was made on
    assert np.allclose(garment.fit(base)[0], [0.02, -0.04, 0.08])  # decimetres, y up, z to the front
    base[10, 0], base[12, 1], base[14, 2] = 0.1, -0.8, 2.4
    assert np.allclose(garment.fit(base)[0], [0.01, -0.08, 0.24])
    base[[100, 200, 300]] = [[4, 0, 0], [0, 4, 0], [0, 0, 4]]
    assert np.allclose(garment.fit(base)[0], [2.01, 0.92, 1.24])


def test_offsets_without_a_reference_are_decimetres(tmp_path: Path) -> None:
    write_garment(tmp_path, mhclo=HEADER + "verts 0\n" + ONTO)
    assert np.allclose(only(tmp_path).fit(np.zeros((BASE_VERTICES, 3), dtype=np.float32))[0], [0.02, -0.04, 0.08])


def test_a_vertex_bound_to_one_moves_with_it(tmp_path: Path, bodies: Bodies) -> None:
    chosen = np.random.default_rng(0).choice(len(bodies.model.skin), 400, replace=False)
    lines = "".join(f"{vertex}\n" for vertex in bodies.model.skin[chosen])
    faces = "".join(f"f {k} {k + 1} {k + 2}\n" for k in range(1, 399))
    write_garment(tmp_path, mhclo=HEADER + "verts 0\n" + lines, obj="v 0 0 0\n" * 400 + faces)
    garment = only(tmp_path)
    for index in range(len(bodies)):
        assert np.allclose(garment.hang(bodies, index), bodies.vertices[index, chosen], atol=1e-5)


def test_an_offset_turns_with_the_body(tmp_path: Path, bodies: Bodies) -> None:
    model = bodies.model
    crown = int(model.skin[model.template[:, 2].argmax()])  # moved by the head alone
    write_garment(tmp_path, mhclo=HEADER + "verts 0\n" + f"{crown} {crown} {crown} 1 0 0 0 0 0.5\n{crown}\n{crown}\n{crown}\n")
    garment = only(tmp_path)
    for index in range(len(bodies)):
        hung = garment.hang(bodies, index)
        assert np.allclose(hung[0] - hung[2], bodies.rotations[index, model.bones["head"]] @ [0, -0.05, 0], atol=1e-5)


def test_cloth_far_from_its_anchor_follows_the_cloth_around_it(tmp_path: Path, bodies: Bodies) -> None:
    anny, bones = bodies.model.anny, [bodies.model.bones[f"lowerleg02.{side}"] for side in "LR"]
    share, bone = anny.vertex_bone_weights.numpy(), anny.vertex_bone_indices.numpy()
    left, right = (int(np.flatnonzero(((bone == one) & (share > 0.9999)).any(axis=1))[0]) for one in bones)
    crown = int(bodies.model.skin[bodies.model.template[:, 2].argmax()])
    lines = f"{left}\n{right}\n{crown} {crown} {crown} 1 0 0 0 -12 0\n"  # between the shins, but bound to the head
    write_garment(tmp_path, mhclo=HEADER + "verts 0\n" + lines, obj="v 0 0 0\n" * 3 + "f 1 2 3\n")
    garment = only(tmp_path)
    for index in range(len(bodies)):
        middle = np.append(garment.fit(bodies.base_rest[index])[2], 1.0)
        expected = bodies.transforms[index, bones].mean(axis=0) @ middle
        assert np.allclose(garment.hang(bodies, index)[2], expected[:3], atol=1e-3)


def test_hidden_skin_is_in_the_skins_order(tmp_path: Path, bodies: Bodies) -> None:
    beneath = bodies.model.skin[[5, 6, 7, 1000]]
    listed = " ".join(str(vertex) for vertex in beneath)
    write_garment(tmp_path, mhclo=HEADER + "verts 0\n" + ONTO + f"delete_verts\n{listed} {BASE_VERTICES - 1}\n")
    hidden = only(tmp_path).hidden_skin(bodies.model)
    assert np.flatnonzero(hidden).tolist() == [5, 6, 7, 1000]
    assert len(hidden) == len(bodies.model.skin)


def test_a_texture_that_is_nowhere_solid_has_a_light(tmp_path: Path) -> None:
    from deocc_aug.humans.hung import _detail

    write_garment(tmp_path, mhmat="name a\ndiffuseTexture veil.png\n")
    cv2.imwrite(str(tmp_path / "veil.png"), np.full((4, 4, 4), 100, np.uint8))
    garment = only(tmp_path)
    assert garment.opacity is not None and garment.opacity.max() == 100
    detail = _detail(garment)
    assert detail is not None and detail == pytest.approx(1)


def test_texture_opacity_and_colour(tmp_path: Path) -> None:
    picture = np.full((6, 4, 4), 255, dtype=np.uint8)
    picture[0, 0] = (10, 20, 30, 0)  # blue, green, red, opacity
    write_garment(tmp_path, mhmat="name a\ndiffuseColor 1.0 0.5 0\ndiffuseTexture cloth of mine.png\n")
    cv2.imwrite(str(tmp_path / "cloth of mine.png"), picture)
    garment = only(tmp_path)
    assert garment.colour == (255, 128, 0)
    assert garment.texture is not None
    assert garment.opacity is not None
    assert garment.texture.shape == (6, 4, 3)
    assert garment.texture[0, 0].tolist() == [30, 20, 10]
    assert garment.opacity[0, 0] == 0
    cv2.imwrite(str(tmp_path / "cloth of mine.png"), np.full((6, 4), 77, dtype=np.uint8))  # grey, nothing transparent
    garment = only(tmp_path)
    assert garment.texture is not None
    assert garment.texture.shape == (6, 4, 3)
    assert garment.opacity is None


def test_the_named_material_is_taken_else_the_first(tmp_path: Path) -> None:
    write_garment(tmp_path, mhclo=HEADER + "material materials/red.mhmat\nverts 0\n" + ONTO)
    assert only(tmp_path).colour == (255, 255, 255)
    materials = tmp_path / "materials"
    materials.mkdir()
    (materials / "blue.mhmat").write_text("diffuseColor 0 0 1\n", "utf-8")
    assert only(tmp_path).colour == (0, 0, 255)
    (materials / "red.mhmat").write_text("diffuseColor 1 0 0\n", "utf-8")
    assert only(tmp_path).colour == (255, 0, 0)


@pytest.mark.parametrize(
    ("place", "name", "tags", "kind"),
    [
        ("clothes/suit01", "suit01", "tag Male", "suit"),
        ("clothes/x", "trainers", "tag Shoes", "shoes"),
        ("clothes/x", "my_boots", "", "shoes"),
        ("hair/bob", "bob", "tag Female", "hair"),
        ("clothes/fedora01", "fedora", "tag Hats", "hat"),
        ("clothes/x", "hatched_shirt", "", "suit"),
        ("my hats and coats/x", "raincoat", "", "hat"),
    ],
)
def test_kinds_are_found_from_tags_folders_and_names(tmp_path: Path, place: str, name: str, tags: str, kind: str) -> None:
    write_garment(tmp_path / place, name, mhclo=f"name {name}\nobj_file {name}.obj\n{tags}\nverts 0\n{ONTO}")
    wardrobe = Wardrobe.from_makehuman(str(tmp_path))
    assert [garment.name for garment in wardrobe.of_kind(kind)] == [name]
    assert sum(len(wardrobe.of_kind(other)) for other in KINDS) == 1


@pytest.mark.parametrize(("root", "kind"), [("hair", "hair"), ("my hair and clothes", "suit")])
def test_the_folder_that_is_passed_is_a_kind_only_where_it_is_named_so(tmp_path: Path, root: str, kind: str) -> None:
    write_garment(tmp_path / root, "bob", mhclo=f"name bob\nobj_file bob.obj\nverts 0\n{ONTO}")
    assert only(tmp_path / root).kind == kind


def test_sex_is_also_taken_from_the_name(tmp_path: Path) -> None:
    write_garment(tmp_path, "male_worksuit01")
    assert "male" in only(tmp_path).tags


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="no kind 'gloves': choose one of suit, shoes, hair, hat"):
        Wardrobe(()).of_kind("gloves")


def test_body_parts_are_no_garments(tmp_path: Path) -> None:
    write_garment(tmp_path / "eyebrows" / "eyebrow001", "eyebrow001")
    write_garment(tmp_path / "clothes", "shirt")
    assert only(tmp_path).name == "shirt"


def test_a_folder_without_garments_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder: pass the folder that MakeHuman's assets"):
        Wardrobe.from_makehuman(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no usable garment in .*there is no .mhclo file.*pass the folder"):
        Wardrobe.from_makehuman(tmp_path)


BAD = {
    "beyond": (HEADER + f"verts 0\n{ONTO}{BASE_VERTICES}\n", OBJ, "`verts` of bad.mhclo refers to vertex 19158, but .* has 19158"),
    "huge": (HEADER + "verts 0\n" + "9" * 30 + "\n", OBJ, "refers to vertex"),
    "hides": (HEADER + f"verts 0\n{ONTO}delete_verts\n3 - 999999999999\n", OBJ, "`delete_verts` of bad.mhclo"),
    "scale": (HEADER + f"x_scale 1 -2 3\nverts 0\n{ONTO}", OBJ, "`scale` of bad.mhclo refers to vertex -2"),
    "hides one far beyond": (HEADER + f"verts 0\n{ONTO}delete_verts\n99999999999999999999\n", OBJ, "`delete_verts` of bad.mhclo"),
    "dash": (HEADER + f"verts 0\n{ONTO}delete_verts\n- 5\n", OBJ, "`delete_verts` of bad.mhclo make no sense"),
    "cut off": (HEADER + "verts 0\n1 2 3 0.5 0.5\n", OBJ, "line 9 of bad.mhclo makes no sense .*5 numbers.*'1 2 3 0.5 0.5'"),
    "not a number": (HEADER + "verts 0\n1 2 3 nan 0 0 0 0 0\n", OBJ, "weights of each vertex in bad.mhclo must be finite"),
    "empty": ("", OBJ, "bad.mhclo binds no vertices"),
    "no pictures here": ("\x00\x01PK", OBJ, "bad.mhclo binds no vertices"),
    "other mesh": (f"basemesh alpha_7\nverts 0\n{ONTO}", OBJ, "bad.mhclo is made for the base mesh 'alpha_7', not for 'hm08'"),
    "no mesh": (f"name bad\nverts 0\n{ONTO}", OBJ, "names no `obj_file`"),
    "other count": (HEADER + f"verts 0\n{ONTO}7\n", OBJ, "it binds 5 vertices, but bad.obj has 4"),
    "no faces": (None, "v 0 0 0\n" * 4, "bad.obj has no faces"),
    "bad face": (None, OBJ + "f 1/1 2/2 9/1\n", "line 12 of bad.obj makes no sense .corner 9/1 of 4 vertices"),
    "bad coordinate": (None, OBJ + "vt 1\n", "line 12 of bad.obj makes no sense"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_garment_is_left_out_with_a_warning_or_is_an_error_where_alone(tmp_path: Path, case: str) -> None:
    mhclo, obj, message = BAD[case]
    write_garment(tmp_path / "clothes", "bad", mhclo=mhclo, obj=obj)
    with pytest.raises(ValueError, match=f"(?s)no usable garment in .*bad.mhclo: .*{message}"):
        Wardrobe.from_makehuman(tmp_path)
    write_garment(tmp_path / "clothes", "good")
    with pytest.warns(UserWarning, match=f"(?s)left out clothes.bad.mhclo: .*{message}"):
        assert only(tmp_path).name == "good"


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    write_garment(tmp_path, "good")
    write_garment(tmp_path, "meshless").with_suffix(".obj").unlink()
    (tmp_path / "folder.mhclo").mkdir()
    with pytest.warns(UserWarning) as caught:
        assert only(tmp_path).name == "good"
    messages = sorted(str(warning.message) for warning in caught)
    assert len(messages) == 2
    assert messages[0].startswith("left out folder.mhclo: ")
    assert messages[1].startswith("left out meshless.mhclo: ")
    assert "meshless.obj" in messages[1]


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_a_garment_without_its_texture_stays_usable(tmp_path: Path, content: bytes | None) -> None:
    write_garment(tmp_path, mhmat="diffuseTexture lost.png\ndiffuseColor 0 1 0\n")
    if content is not None:
        (tmp_path / "lost.png").write_bytes(content)
    with pytest.warns(UserWarning, match="plain cloth instead of a texture for shirt.mhclo: .*lost.png is missing or no picture"):
        garment = only(tmp_path)
    assert garment.texture is None
    assert garment.colour == (0, 255, 0)


def test_no_texture_named_is_no_reason_to_warn(tmp_path: Path) -> None:
    write_garment(tmp_path, mhmat="diffuseColor 0 1 0\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert only(tmp_path).texture is None


def test_a_colour_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mhmat"
    path.write_text("diffuseColor 1 0\n", "utf-8")
    with pytest.raises(ValueError, match="`diffuseColor` of a.mhmat is '1 0': three numbers from 0 to 1 are wanted"):
        read_mhmat(path)


@pytest.fixture(scope="module")
def wardrobe() -> Wardrobe:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few of the pack's textures are not in it
        return Wardrobe.from_makehuman(PACK)


@needs_pack
def test_every_file_of_the_pack_is_read(wardrobe: Wardrobe) -> None:
    assert len(wardrobe.garments) == len(list(PACK.rglob("*.mhclo")))
    assert all(wardrobe.of_kind(kind) for kind in KINDS)
    assert {garment.name for garment in wardrobe.of_kind("hat")} == {"fedora", "fedora_cocked"}
    assert all("male" in garment.tags or "female" in garment.tags for garment in wardrobe.of_kind("suit"))
    assert all(garment.opacity is not None for garment in wardrobe.of_kind("hair") if garment.texture is not None)
    assert all(len(garment.hides) for kind in ("suit", "shoes") for garment in wardrobe.of_kind(kind))


@needs_pack
def test_garments_lie_on_the_posed_skin(wardrobe: Wardrobe, bodies: Bodies) -> None:
    for index in range(len(bodies)):
        skin = bodies.vertices[index].astype(np.float64)
        corners = skin[bodies.model.triangles[::6]]
        middles, outward = corners.mean(axis=1), np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        size = float(bodies.stature[index]) / 1.7
        for garment in wardrobe.garments:
            hung = garment.hang(bodies, index)
            assert hung.shape == (len(garment.anchors), 3)
            some = hung[:: len(hung) // 40]
            away = some[:, None] - middles
            nearest = np.einsum("vfk,vfk->vf", away, away).argmin(axis=1)
            away = away[np.arange(len(some)), nearest]
            assert np.linalg.norm(away, axis=1).max() < 0.25 * size
            assert np.median(np.einsum("vk,vk->v", away, outward[nearest])) > 0


@needs_pack
def test_garments_turn_their_outside_out(wardrobe: Wardrobe, bodies: Bodies) -> None:
    rest = bodies.base_rest[0]
    for garment in (*wardrobe.of_kind("suit"), *wardrobe.of_kind("shoes")):
        fitted = garment.fit(rest)
        a, b, c = (fitted - fitted.mean(axis=0))[garment.faces].transpose(1, 0, 2)
        assert np.einsum("fk,fk->f", a, np.cross(b, c)).sum() > 0  # six times the volume inside


@needs_pack
def test_hanging_costs_little(wardrobe: Wardrobe, bodies: Bodies) -> None:
    largest = max(wardrobe.garments, key=lambda garment: len(garment.anchors))
    spent = []
    for index in range(len(bodies)):
        start = time.thread_time()
        largest.hang(bodies, index)
        spent.append(time.thread_time() - start)
    assert len(largest.anchors) > 8000
    assert min(spent) < 0.005
