"""Promises of workers: answers come back whatever is printed; what dies, hangs or answers nonsense is told, and nothing is left behind."""
from __future__ import annotations

import ast
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deocc_aug.integrations.mesh import FAMILIES, WORKER, MeshRegressor, WorkerError, WorkerRegressor
from deocc_aug.integrations.mesh.worker import read_message, write_message

MODELS = Path(__file__).with_name("mesh_workers.py")
BOXES = np.array([[10.0, 20, 50, 100], [60, 5, 110, 90]])


@contextmanager
def worker(function: str, *arguments: object, **options: Any) -> Iterator[WorkerRegressor]:
    command = [sys.executable, WORKER, f"{MODELS}:{function}", *map(str, arguments)]
    with WorkerRegressor(command, **{"start_seconds": 60.0, "seconds": 60.0, **options}) as regressor:
        yield regressor


def image(height: int = 120, width: int = 160, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def gone(pid: int, ours: bool = True) -> bool:
    """Whether no such process is there any more within seconds; a zombie counts as there if it is ours to bury."""
    for _ in range(250):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z" and not ours:
            return True
        time.sleep(0.02)
    return False


def test_predictions_come_back_in_the_order_of_the_boxes() -> None:
    one, other = image(), image(400, 300, seed=1)
    with worker("crop") as regressor:
        assert isinstance(regressor, MeshRegressor) and (regressor.body_model, regressor.scope) == ("smplx", "crop")
        found = regressor.predict([one, other, one], [BOXES[0], BOXES[1], BOXES[1]])
        again = regressor.predict([other], [BOXES[1]])
        assert regressor.predict([], []) == []
    for prediction, shown, box in zip(found, [one, other, one], BOXES[[0, 1, 1]], strict=True):
        assert prediction is not None
        assert np.array_equal(prediction.box_xyxy, box)
        assert prediction.seen_box == pytest.approx(box, abs=1e-3)
        assert prediction.vertices[-1, 2] == pytest.approx(4 + shown.mean() / 255, abs=1e-5)
        assert prediction.score == 0.5 and prediction.joints is not None and prediction.joints.shape == (2, 3)
        assert prediction.parameters["betas"].shape == (10,)
    assert again[0] is not None and found[1] is not None
    assert np.array_equal(again[0].vertices, found[1].vertices)


def test_an_image_is_looked_at_once_and_boxes_find_their_people(tmp_path: Path) -> None:
    one, other = image(), image(seed=1)
    left, right, nobody = np.array([5.0, 5, 75, 115]), np.array([85.0, 0, 158, 119]), np.array([70.0, 50, 80, 60])
    with worker("counting", tmp_path / "log") as regressor:
        assert regressor.scope == "image"
        found = regressor.predict([one, one, one, other], [right, nobody, left, left])
    assert (tmp_path / "log").read_text().splitlines() == ["look"] * 2
    assert found[1] is None and found[0] is not None and found[2] is not None and found[3] is not None
    assert found[0].seen_box == pytest.approx([80, 0, 160, 120], abs=1e-3) and np.array_equal(found[0].box_xyxy, right)
    assert found[2].seen_box == pytest.approx([0, 0, 80, 120], abs=1e-3)
    assert found[3].vertices[-1, 2] != found[2].vertices[-1, 2]


def test_what_the_model_prints_is_not_taken_for_an_answer() -> None:
    with worker("chatty") as regressor:
        for seed in range(2):
            (found,) = regressor.predict([image(seed=seed)], BOXES[:1])
            assert found is not None and found.seen_box == pytest.approx(BOXES[0], abs=1e-3)


def test_messages_larger_than_any_pipe_pass_both_ways() -> None:
    wide = [image(2000, 3000), image(2000, 3000, seed=1)]
    with worker("large") as regressor:
        found = regressor.predict([*wide, *wide], BOXES[[0, 0, 1, 1]])
    for prediction, shown in zip(found, [*wide, *wide], strict=True):
        assert prediction is not None and prediction.vertices.shape == (350_000, 3)
        assert prediction.vertices[0, 2] == pytest.approx(4 + shown.mean(), rel=1e-6)


def test_many_images_go_in_several_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [image(seed=seed) for seed in range(5)]
    asked = [shown[k] for k in (0, 1, 2, 1, 3, 4)], BOXES[[0, 1, 0, 1, 1, 0]]
    with worker("dies", tmp_path / "log", 0) as regressor:
        at_once = regressor.predict(*asked)
        assert (tmp_path / "log").read_text().splitlines() == ["asked"]
        monkeypatch.setattr("deocc_aug.integrations.mesh.remote.MESSAGE_BYTES", 2 * shown[0].nbytes)
        in_turn = regressor.predict(*asked)
        assert (tmp_path / "log").read_text().splitlines() == ["asked"] * 4
    for one, other in zip(at_once, in_turn, strict=True):
        assert one is not None and other is not None and np.array_equal(one.vertices, other.vertices)


def test_a_worker_that_dies_is_started_again_and_asked_once_more(tmp_path: Path) -> None:
    with worker("dies", tmp_path / "log", 1) as regressor:
        (found,) = regressor.predict([image()], BOXES[:1])
        assert found is not None
    assert (tmp_path / "log").read_text().splitlines() == ["asked"] * 2


def test_a_worker_that_dies_again_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with worker("dies", tmp_path / "log", 2) as regressor:
        with pytest.raises(WorkerError, match=r"status 7\n[\s\S]*CUDA out of memory[\s\S]*2 times in a row"):
            regressor.predict([image()], BOXES[:1])
        (found,) = regressor.predict([image()], BOXES[:1])  # the next call starts another
        assert found is not None
    with worker("dies", tmp_path / "other", restarts=0) as regressor, pytest.raises(WorkerError, match="CUDA out of memory"):
        regressor.predict([image()], BOXES[:1])
    assert (tmp_path / "other").read_text().splitlines() == ["asked"]


def test_a_worker_that_hangs_is_ended_with_all_that_it_started() -> None:
    with worker("hangs", seconds=2.5) as regressor:
        assert regressor._process is not None
        pid = regressor._process.process.pid
        with pytest.raises(WorkerError, match=r"did not answer within 2.5 s[\s\S]*child (\d+)") as caught:
            regressor.predict([image()], BOXES[:1])
    child = int(str(caught.value).split("child ")[1].split()[0])
    assert gone(pid) and gone(child, ours=False)


def test_a_dead_workers_child_that_holds_the_channel_does_not_keep_us_waiting() -> None:
    start = time.monotonic()
    with worker("dies_with_a_child_alive", restarts=0) as regressor, pytest.raises(WorkerError, match="status 5, and left something"):
        regressor.predict([image()], BOXES[:1])
    assert time.monotonic() - start < 18  # the child sleeps for 20 s, the answer might take 60


def test_of_a_progress_bar_the_last_state_is_told() -> None:
    with worker("writes_bars", restarts=0) as regressor, pytest.raises(WorkerError, match="ends with\n  the last words\n") as caught:
        regressor.predict([image()], BOXES[:1])
    assert len(str(caught.value)) < 500


BROKEN = {
    "archive": ("b'deocc1' + struct.pack('<QQ', 2, 7) + b'{}garbage'", "speaks another format"),
    "no dict": ("b'deocc1' + struct.pack('<QQ', 2, 0) + b'[]'", r"its JSON is \[\]"),
    "kind": ("b'deocc1' + struct.pack('<QQ', 2, 0) + b'{}'", "message of kind None"),
    "people": ("message({'kind': 'predictions', 'people': [3]})", r"has people \[3\]: let it give a list an image"),
    "fewer": ("message({'kind': 'predictions', 'people': []})", r"about 1 images has people \[\]"),
    "nothing": ("message({'kind': 'predictions'})", "has people None"),
    "error": ("message({'kind': 'error'})", "raised an error without a message"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_answers_in_another_format_are_told(case: str) -> None:
    answer, message = BROKEN[case]
    code = ("import struct, sys, json\n"
            "def message(header):\n"
            "    text = json.dumps(header).encode()\n"
            "    return b'deocc1' + struct.pack('<QQ', len(text), 0) + text\n"
            "out = sys.stdout.buffer\n"
            "out.write(message({'kind': 'hello', 'protocol': 1, 'body_model': 'smplx', 'scope': 'crop'})); out.flush()\n"
            f"sys.stdin.buffer.read(6); out.write({answer}); out.flush(); sys.stdin.buffer.read()")
    with WorkerRegressor([sys.executable, "-c", code], start_seconds=60, seconds=60, restarts=0) as regressor:
        with pytest.raises(WorkerError, match=message):
            regressor.predict([image()], BOXES[:1])


def test_a_hanging_start_and_a_failing_one_are_told() -> None:
    with pytest.raises(WorkerError, match="within 1 s"), worker("hangs_while_it_loads", start_seconds=1.0):
        pass
    with pytest.raises(WorkerError, match=r"could not load its model: FileNotFoundError: checkpoint.ckpt"), worker("cannot_load"):
        pass
    with pytest.raises(WorkerError, match="has no attribute 'nowhere'"), worker("nowhere"):
        pass
    with pytest.raises(WorkerError, match="body_model is 'star'"), worker("unknown_model"):
        pass
    with pytest.raises(WorkerError, match="cannot be started"):
        WorkerRegressor(["/no/such/python"])
    with pytest.raises(WorkerError, match="ended by itself, status 3"):
        WorkerRegressor([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(WorkerError, match="speaks another format"):
        WorkerRegressor([sys.executable, "-c", "print('hello there')"])
    with pytest.raises(WorkerError, match="pass FILE.py:FUNCTION"):
        WorkerRegressor([sys.executable, WORKER])


@pytest.mark.parametrize(("how", "error", "message"), [
    ("nan", ValueError, "person 0 of image 0.*vertices holds NaN"),
    ("shape", ValueError, r"vertices has shape \(5, 2\)"),
    ("camera", ValueError, "focal_px is"),
    ("missing", WorkerError, "without centre_px"),
    ("fewer", WorkerError, "0 people for 1 boxes"),
    ("raises", WorkerError, r"KeyError: 'pred_vertices'[\s\S]*mesh_workers.py"),
])  # fmt: skip
def test_answers_that_are_no_bodies_are_refused_and_the_worker_goes_on(how: str, error: type[Exception], message: str) -> None:
    with worker("unfit", how) as regressor:
        assert regressor._process is not None
        pid = regressor._process.process.pid
        for _ in range(2):
            with pytest.raises(error, match=message):
                regressor.predict([image()], BOXES[:1])
        assert regressor._process is not None and regressor._process.process.pid == pid


def test_images_and_boxes_that_do_not_fit_are_refused_before_they_are_sent() -> None:
    with worker("crop") as regressor:
        with pytest.raises(ValueError, match="1 images and 2 boxes"):
            regressor.predict([image()], BOXES)
        with pytest.raises(ValueError, match="has no area"):
            regressor.predict([image()], BOXES[:1, [2, 1, 0, 3]])


def test_closing_leaves_no_process_and_the_next_call_starts_another() -> None:
    with worker("crop") as regressor:
        assert regressor._process is not None
        pid = regressor._process.process.pid
        regressor.close()
        assert gone(pid)
        assert regressor.predict([image()], BOXES[:1])[0] is not None
        assert regressor._process is not None
        second = regressor._process.process.pid
    assert gone(second)


def test_a_worker_ends_with_the_process_that_started_it() -> None:
    code = ("import sys, os\n"
            "from deocc_aug.integrations.mesh import WORKER, WorkerRegressor\n"
            f"r = WorkerRegressor([sys.executable, WORKER, {str(MODELS)!r} + ':crop'])\nprint(r._process.process.pid, flush=True)\n"
            "os.kill(os.getpid(), 9)")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert gone(int(out.stdout), ours=False), out.stderr


def test_messages_survive_the_wire_and_pickles_do_not() -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros((0, 4)), "c": np.array(True)}
    stream = io.BytesIO()
    write_message(stream, {"kind": "x", "text": "ü"}, arrays)
    write_message(stream, {"kind": "empty"})
    stream.seek(0)
    read = read_message(stream)
    assert read is not None and read[0] == {"kind": "x", "text": "ü"}
    assert all(np.array_equal(read[1][name], array) and read[1][name].dtype == array.dtype for name, array in arrays.items())
    assert read_message(stream) == ({"kind": "empty"}, {}) and read_message(stream) is None
    hostile = io.BytesIO()
    write_message(hostile, {"kind": "x"}, {"a": np.array([object()])})
    hostile.seek(0)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_message(hostile)
    with pytest.raises(EOFError):
        read_message(io.BytesIO(stream.getvalue()[:40]))


def test_the_files_for_the_other_environment_need_nothing_of_ours_and_no_new_python(tmp_path: Path) -> None:
    for file in (WORKER, FAMILIES):
        ast.parse(file.read_text(), feature_version=(3, 8))
        (tmp_path / file.name).write_text(file.read_text())
    code = "import sys, worker, families; print(sorted(m for m in sys.modules if m.startswith(('deocc', 'torch', 'cv2'))))"
    out = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert out.stdout.strip() == "[]", out.stderr
