"""The observer's training: its truth, its losses, a run from the shell, and what it may not read."""
from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pictures import draw
from torch.utils.data import default_collate

from deocc_aug.cli import main
from deocc_aug.observe.codec import HIDDEN, IN_FRONT, OTHER, OUT_OF_FRAME, PERSON, VISIBLE, Answer
from deocc_aug.observe.compact import ObserverPipeline
from deocc_aug.training.observer_data import UNKNOWN, Cast, ObserverData, Sight, sighting
from deocc_aug.training.observer_module import ObserverModule, hidden_loss, joint_loss, label_loss, overlap_loss, state_loss
from deocc_aug.training.sources import Example

SIZE = (256, 192)


def sight(whole: bool = True, behind: bool = False) -> Sight:
    """The drawn person: in green, alone, or behind the board."""
    picture = draw()
    image = np.full((300, 220, 3), 90, np.uint8)
    image[picture.amodal_mask] = (0, 200, 0)
    joints = np.ones((17, 3))
    joints[:, 0], joints[:, 1] = 110, np.linspace(50, 160, 17)
    joints[15], joints[16] = (93, 240, 1), (128, 240, 1)  # the legs' lower parts
    if behind:
        image[picture.occluder_mask] = (200, 0, 0)
    occluder = picture.occluder_mask if behind else None
    return Sight(picture.amodal_mask, joints, np.array([50.0, 32, 171, 278]), image, occluder=occluder, whole=whole)


def made(example: Sight, count: int, cast: Cast | None = None) -> list[dict[str, np.ndarray]]:
    """Examples, those of whom too little would be seen left out."""
    tried = [sighting(example, np.random.default_rng(seed), cast or Cast(), SIZE) for seed in range(count)]
    return [one for one in tried if one is not None]


def test_examples_repeat_for_a_seed() -> None:
    one, two = (made(sight(), 3) for _ in range(2))
    assert len(one) == len(two) and all((a[key] == b[key]).all() for a, b in zip(one, two, strict=True) for key in a)


def test_the_truth_says_person_and_occluder_where_they_are() -> None:
    right = []
    for one in made(sight(behind=True), 16):
        small = cv2.resize(one["picture"], (96, 128), interpolation=cv2.INTER_AREA).astype(int)
        coloured = np.ptp(small, axis=2) > 60
        for plane, colour in ((PERSON, 1), (IN_FRONT, 0)):
            sure = (one["labels"][plane] == 255) & coloured  # some canvases are grey pictures
            right.append((small.argmax(2) == colour)[sure])
        assert (one["labels"].astype(int).sum(0) <= 258).all()
    assert np.concatenate(right).mean() > 0.97


def test_joints_are_visible_hidden_or_out_of_frame() -> None:
    seen = {VISIBLE: 0, HIDDEN: 0, OUT_OF_FRAME: 0, UNKNOWN: 0}
    for one in made(sight(behind=True), 24):
        x0, y0, x1, y1 = one["frame"]
        for (x, y, _), state in zip(one["joints"], one["states"], strict=True):
            seen[int(state)] += 1
            outside = x < x0 - 0.5 or y < y0 - 0.5 or x > x1 + 0.5 or y > y1 + 0.5
            assert not outside or state == OUT_OF_FRAME
            if state != OUT_OF_FRAME and 1 < x < 190 and 1 < y < 254:
                plane = {VISIBLE: PERSON, HIDDEN: IN_FRONT}.get(int(state))
                near = one["labels"][:, max(0, int(y) // 2 - 8):int(y) // 2 + 9, max(0, int(x) // 2 - 8):int(x) // 2 + 9]
                assert plane is None or near[plane].any()
    assert min(seen[state] for state in (VISIBLE, HIDDEN, OUT_OF_FRAME)) > 0


def test_nobody_claims_to_know_what_hides_a_person_in_a_photo_that_does_not_say() -> None:
    for one in made(sight(whole=False), 12):
        assert one["hidden"] == UNKNOWN and not one["labels"][OTHER].any() and one["labels"][3].any()


def test_the_hidden_share_is_that_of_the_board_where_nothing_else_hides() -> None:
    picture = draw()
    share = (picture.amodal_mask & picture.occluder_mask).sum() / picture.amodal_mask.sum()
    shares = np.array([one["hidden"] for one in made(sight(behind=True), 24)])
    assert shares.min() > share - 0.03 and np.median(np.abs(shares - share)) < 0.1 and shares.max() > share + 0.05


def test_the_box_is_that_of_the_person_on_the_canvas() -> None:
    for one in made(sight(behind=True), 16):
        rows, columns = np.nonzero(one["labels"][PERSON] > 127)
        x0, y0, x1, y1 = one["box"] / 2
        inside = (columns > x0 - 12) & (columns < x1 + 12) & (rows > y0 - 12) & (rows < y1 + 12)
        assert inside.mean() > 0.97 and x0 > 0 and y0 > 0 and x1 < 96 and y1 < 128


def test_a_person_without_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="pass a Sight"):
        sighting(Example(np.ones((9, 9), np.bool_), np.zeros((17, 3)), np.array([0.0, 0, 9, 9])), np.random.default_rng(0), Cast(), SIZE)


def truthful(labels: torch.Tensor) -> Answer:
    count = len(labels)
    return Answer(20 * labels, torch.zeros(count, 17, 64, 48), torch.zeros(count, 17, 3), torch.zeros(count))


def test_the_right_answer_costs_nothing_and_the_wrong_one_much() -> None:
    truth = torch.zeros(1, 4, 8, 8)
    truth[:, PERSON, :4], truth[:, OTHER, 4:6], truth[:, 3, 6:] = 1, 1, 1
    labels = truth[:, :3].clone()
    labels[:, IN_FRONT, 6:] = 1  # not this person, whatever it is
    assert label_loss(truthful(labels), truth) < 1e-3
    assert label_loss(truthful(labels.flip(2)), truth) > 5
    assert label_loss(truthful(labels), torch.zeros(1, 4, 8, 8)) == 0


def test_a_small_person_who_is_missed_costs_as_much_as_a_large_one() -> None:
    truth = torch.zeros(2, 4, 32, 32)
    truth[0, PERSON, :24], truth[1, PERSON, :3] = 1, 1
    truth[:, OTHER] = 1 - truth[:, PERSON]
    found, missed = truth[:, :3].clone(), torch.zeros(2, 3, 32, 32)
    missed[:, OTHER] = 1
    assert overlap_loss(truthful(found), truth) < 1e-3
    large, small = (float(overlap_loss(truthful(missed[k:k + 1]), truth[k:k + 1])) for k in range(2))
    assert min(large, small) > 0.98
    found[1] = missed[1]
    assert abs(float(overlap_loss(truthful(found), truth)) - small / 2) < 1e-3


def test_what_nobody_knows_is_no_overlap() -> None:
    truth = torch.zeros(1, 4, 16, 16)
    truth[:, PERSON, :4], truth[:, OTHER, 4:8] = 1, 1
    said = truth[:, :3].clone()
    said[:, PERSON, 8:] = 1  # where nothing is known
    assert overlap_loss(truthful(said), truth) < 1e-3


def test_joints_and_states_that_nobody_knows_cost_nothing() -> None:
    joints = torch.zeros(1, 17, 3)
    said = truthful(torch.zeros(1, 3, 8, 8))
    assert joint_loss(said, joints, 4) == 0 and state_loss(said, torch.full((1, 17), UNKNOWN)) == 0
    assert hidden_loss(said, torch.tensor([float(UNKNOWN)])) == 0
    joints[0, 0] = torch.tensor([90.0, 400, 1])  # below the canvas: looked for at its border
    places = torch.zeros(1, 17, 64, 48)
    there, elsewhere = places.clone(), places.clone()
    there[0, 0, 63, 22], elsewhere[0, 0, 10, 22] = 9, 9
    low, high = (joint_loss(Answer(said.labels, p, said.states, said.hidden), joints, 4) for p in (there, elsewhere))
    assert low < high


def test_a_few_steps_on_a_few_people_lower_every_loss() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = ObserverModule(channels=(32, 32, 32), learning_rate=3e-3, overlap_weight=0.5)
    noted: list[dict[str, float]] = []
    module.log_dict = lambda values, **_: noted.append({k: v.item() for k, v in values.items()})  # type: ignore[method-assign, assignment]
    module.log = lambda *_, **__: None  # type: ignore[method-assign, assignment]
    batch = default_collate(made(sight(behind=True), 3)[:2])
    optimizer = module.configure_optimizers()
    for step in range(12):
        optimizer.zero_grad()
        module.training_step(batch, step).backward()
        optimizer.step()
    assert all(noted[-1][name] < noted[0][name] for name in ("labels", "joints", "states", "overlap"))


def test_val_photos_are_neither_learned_from_nor_pasted_nor_moved_into(coco: Path) -> None:
    data = ObserverData(coco=str(coco))
    data.setup("fit")
    assert data.stream is not None and [len(examples) for _, examples in data.stream.sources] == [1]
    make = data.stream.make
    assert isinstance(make, partial)
    cast = make.keywords["cast"]
    assert len(cast.photos) == 1 and [thing.name for thing in cast.things] == ["000000000001.jpg#1"] and len(cast.people) == 1


def test_a_run_goes_on_where_it_stopped_and_writes_the_part(coco: Path, tmp_path: Path) -> None:
    arguments = ["train", "observer", "--out", str(tmp_path), "--data.coco", str(coco), "--data.workers", "0", "--data.batch_size", "2",
                 "--model.channels", "[32, 32, 32]", "--accelerator", "cpu", "--precision", "bf16-mixed"]
    assert main([*arguments, "--max-steps", "1"]) == 0
    assert main([*arguments, "--max-steps", "2"]) == 0
    assert torch.load(tmp_path / "last.ckpt", weights_only=False)["global_step"] == 2
    pipeline = ObserverPipeline.from_pretrained(tmp_path / "part")
    assert tuple(pipeline.unet.config.block_out_channels) == (32, 32, 32)
    begun = ObserverModule(channels=(32, 32, 32), start=str(tmp_path / "part"))
    assert all((tensor == pipeline.unet.state_dict()[name].float()).all() for name, tensor in begun.unet.state_dict().items())
    with pytest.raises(ValueError, match=r"channels \(32, 32, 32\) and 1 layers"):
        ObserverModule(channels=(32, 32), start=str(tmp_path / "part"))
    with pytest.raises(ValueError, match="holds no unet/config.json"):
        ObserverModule(start=str(tmp_path / "nowhere"))
