"""What the shipped weights promise: size, a fair completion of people they never saw, the same answer at every scale."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import draw

from deocc_aug import Deoccluder, Deocclusion, Options, Person, Prompts
from deocc_aug.canvas import box_of
from deocc_aug.weights import check, presets, resolve

pytestmark = pytest.mark.skipif("compact" not in presets(), reason="the compact weights are not in this checkout")


@pytest.fixture(scope="module")
def deoccluder() -> Deoccluder:
    return Deoccluder.from_pretrained("compact")


def test_the_weights_keep_their_budget() -> None:
    preset = check(resolve("compact"))
    painter = preset.part("appearance")
    folders = {name: preset.part(name) for name in preset.parts} | {name: painter / name for name in ("unet", "listener", "text_encoder")}
    sizes = {name: sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6 for name, folder in folders.items()}
    assert sizes["observer"] <= 6 and sizes["body"] <= 12 and sizes["unet"] <= 16 and sizes["listener"] + sizes["text_encoder"] <= 5
    assert sizes["words"] <= 3.5
    assert sum(sizes[name] for name in preset.parts) <= 44
    assert max(f.stat().st_size for f in preset.folder.rglob("*") if f.is_file()) < 15 * 2**20
    assert (preset.folder / "MODEL_CARD.md").is_file()


def test_words_are_heard_and_silence_is_none(deoccluder: Deoccluder) -> None:
    """A red coat is redder than a blue one, by more than a level; "" is the picture without words, None that with the words it finds."""
    picture = draw()
    hidden = picture.amodal_mask & picture.occluder_mask

    def painted(prompt: str | None) -> np.ndarray:
        return deoccluder(picture.image, picture.person(), options=Options(prompt=prompt, gate=False)).image.astype(float)

    red, blue = (painted(f"a person wearing a {colour} dress")[hidden].mean(0) for colour in ("red", "blue"))
    assert red[0] - blue[0] > 1 and blue[2] - red[2] > 1
    silent, found = painted(""), deoccluder(picture.image, picture.person(), options=Options(gate=False))
    assert found.description.prompt and np.array_equal(found.image, painted(found.description.prompt))
    assert not np.array_equal(found.image, silent) and np.array_equal(found.image[~hidden & ~picture.occluder_mask],
                                                                      picture.image[~hidden & ~picture.occluder_mask])
    with pytest.warns(UserWarning, match="leaves out: magenta"):
        painted("a magenta dress")


@pytest.mark.parametrize(("colour", "rgb"), [("red", (200, 20, 30)), ("green", (20, 130, 50)), ("yellow", (230, 200, 40)),
                                             ("black", (15, 15, 15)), ("white", (240, 240, 240))])
def test_colours_are_found_in_what_is_seen(deoccluder: Deoccluder, colour: str, rgb: tuple[int, int, int]) -> None:
    picture = draw()
    image = picture.image.copy()
    image[picture.visible_mask] = rgb
    result = deoccluder(image, picture.person(), options=Options(gate=False))
    answer, sure = result.description.answers["upper_colour"]
    assert answer == colour and 0.5 <= sure <= 1 and f"{colour} top" in result.description.prompt


def test_nobody_is_asked_about_people_left_alone(deoccluder: Deoccluder) -> None:
    picture = draw()
    whole = Person(box_of(picture.amodal_mask), picture.amodal_mask, np.zeros_like(picture.amodal_mask))
    result = deoccluder(picture.image, whole)
    assert not result.changed and result.description.prompt == "" and not result.description.answers


@pytest.fixture(scope="module")
def silhouettes() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rendered standing and sitting people that were not in the bank: amodal mask, joints, a board over a third of them."""
    pytest.importorskip("anny")
    from deocc_aug.humans.bodies import sample_bodies
    from deocc_aug.humans.silhouettes import make_silhouettes

    generator = np.random.default_rng(12345)
    out = []
    for made in make_silhouettes(sample_bodies(12, generator, ["stand", "walk", "sit"]), generator, canvas=288):
        mask = made.mask > 0
        x0, y0, x1, y1 = box_of(mask)
        board = np.zeros_like(mask)
        board[int(y0 + 0.45 * (y1 - y0)):int(y0 + 0.8 * (y1 - y0)), int(x0):int(x1) + 20] = True
        out.append((mask, made.joints_px, board))
    return out


def test_hidden_silhouettes_are_found(deoccluder: Deoccluder, silhouettes: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
    """Stage 1 beats leaving the hidden part out and filling it in, on people it never saw."""
    found, full, near = [], [], []
    for mask, joints, board in silhouettes:
        image = np.where(mask[..., None], np.uint8(90), np.uint8(180)).repeat(3, 2)
        image[board] = 30
        person = Person(box_of(mask & ~board), mask & ~board, board)
        result = deoccluder(image, person, options=Options(thresholds={"uncertainty": 0}))
        hidden, guess = mask & board, (result.amodal_mask > 0.5) & board
        found.append((hidden & guess).sum() / (hidden | guess).sum())
        full.append((hidden & board).sum() / (hidden | board).sum())
        row, column = joints[:, 1].astype(int).clip(0, 287), joints[:, 0].astype(int).clip(0, 287)
        near.append((np.hypot(*(result.joints[:, :2] - joints).T) < 0.1 * 256)[board[row, column]])
    assert np.mean(found) > 0.65 and np.mean(found) > np.mean(full) + 0.1
    assert np.concatenate(near).mean() > 0.6


def test_prompted_joints_move_the_body(deoccluder: Deoccluder, silhouettes: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
    off = {"silent": [], "prompted": []}
    for mask, joints, board in silhouettes:
        image = np.full((*mask.shape, 3), 128, np.uint8)
        row, column = joints[:, 1].astype(int).clip(0, 287), joints[:, 0].astype(int).clip(0, 287)
        hidden = board[row, column]
        points = np.where(hidden[:, None], joints, np.nan)
        for name, prompts in (("silent", None), ("prompted", Prompts(joints_px=points))):
            person = Person(box_of(mask & ~board), mask & ~board, board, prompts=prompts)
            result = deoccluder(image, person, options=Options(thresholds={"uncertainty": 0}))
            off[name].append(np.hypot(*(result.joints[:, :2] - joints).T)[hidden])
    assert np.concatenate(off["prompted"]).mean() < 0.75 * np.concatenate(off["silent"]).mean()


def completed(deoccluder: Deoccluder, height: int) -> Deocclusion:
    """The drawn person, drawn 1760 px tall and shrunk to `height`."""
    picture = draw(1760 / 240)
    size = tuple(round(side * height / 1760) for side in picture.image.shape[1::-1])

    def shrunk(plane: np.ndarray) -> np.ndarray:
        return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)

    visible, occluder = (shrunk(mask.astype(np.uint8) * 255) > 127 for mask in (picture.visible_mask, picture.occluder_mask))
    person = Person(np.array(picture.box_xyxy) * height / 1760, visible, occluder & ~visible)
    return deoccluder(shrunk(picture.image), person, options=Options(gate=False))


@pytest.mark.parametrize("height", [440, 1760])
def test_the_answer_is_the_same_at_every_resolution(deoccluder: Deoccluder, height: int) -> None:
    small, large = completed(deoccluder, 220), completed(deoccluder, height)
    size = small.source.shape[1], small.source.shape[0]
    a = small.amodal_mask > 0.5
    b = cv2.resize(large.amodal_mask, size, interpolation=cv2.INTER_AREA) > 0.5
    assert (a & b).sum() / (a | b).sum() > 0.97
    sure = (small.joints[:, 2] > 0.4) & (large.joints[:, 2] > 0.4)
    assert sure.sum() >= 8
    assert np.abs(small.joints[sure, :2] - large.joints[sure, :2] * 220 / height).max() < 0.03 * 220
    painted = cv2.resize(large.image, size, interpolation=cv2.INTER_AREA)
    assert np.abs(painted[small.changed_mask].astype(int) - small.image[small.changed_mask]).mean() < 25


def test_an_8000_pixel_photo_is_cheap(deoccluder: Deoccluder) -> None:
    """Memory and time follow the person, not the photo."""
    picture = draw()
    image = np.zeros((8000, 8000, 3), np.uint8)
    masks = [np.zeros((8000, 8000), np.bool_) for _ in range(2)]
    image[7000:7300, 7500:7720] = picture.image
    masks[0][7000:7300, 7500:7720], masks[1][7000:7300, 7500:7720] = picture.visible_mask, picture.occluder_mask
    result = deoccluder(image, Person(np.array(picture.box_xyxy) + [7500, 7000, 7500, 7000], masks[0], masks[1]))
    assert result.source is image and result.patch.image.shape[0] < 1200


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from the kernel's resource usage in kB")
def test_peak_memory_stays_under_two_gigabytes(tmp_path: Path) -> None:
    program = """
from pathlib import Path
from pictures import draw
from deocc_aug import Deoccluder
picture = draw(2)
Deoccluder.from_pretrained("compact")(picture.image, picture.person())
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])  # ru_maxrss would count the tests' own process, which forked
"""
    out = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    assert int(out.stdout.split()[-1]) < 2e6  # kB
