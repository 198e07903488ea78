"""Somebody else's mesh regressor in its own environment: a worker process that is started, asked, watched and ended here."""
from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from deocc_aug.integrations.mesh.local import in_order
from deocc_aug.integrations.mesh.protocol import BODY_MODELS, SCOPES, Boxes, MeshPrediction, by_image, checked
from deocc_aug.integrations.mesh.worker import PROTOCOL, read_message, write_message
from deocc_aug.types import Image

WORKER = Path(__file__).with_name("worker.py")
"""The file that a command for `WorkerRegressor` runs in the other environment."""
FAMILIES = Path(__file__).with_name("families.py")
"""Adapters for SMPLer-X, HMR 2.0, Multi-HMR and their kin, for that file to load."""
_TAIL = 40  # lines of the worker's stderr that an error shows
_PARAMETER = "parameter_"  # before their names in messages
_GRACE = 5.0  # seconds a worker is given to end by itself
MESSAGE_BYTES = 1 << 28
"""A call's images are sent in messages of at most so many bytes, or of one image: there and here they are held twice meanwhile."""
_LOOK = 0.5  # seconds between two looks at whether it lives
_LONGEST_LINE = 500  # characters


class WorkerError(RuntimeError):
    """A worker died, was late, or its model raised."""


class WorkerRegressor:
    """A `MeshRegressor` whose model runs in a worker process, in an environment of its own.

    >>> command = ["/envs/hmr2/bin/python", str(WORKER), f"{FAMILIES}:hmr2", "checkpoint.ckpt"]     # doctest: +SKIP
    >>> with WorkerRegressor(command) as regressor:                                                 # doctest: +SKIP
    ...     predictions = regressor.predict([image], [box])

    The worker is started here and kept until `close`, the end of a `with` block, or of this process.  One that dies is started again and
    asked the same once more, `restarts` times a call; one that is late is ended, and the next call starts another.  An error that the
    model raises is told with its traceback, and the worker goes on.  One call at a time; not for data loaders' workers.

    Args:
        command: what to run; its stdin and stdout speak the format that `worker.py` describes.
        start_seconds: to load the model in.
        seconds: to answer one message in: a call, or a part of one whose images are more than `MESSAGE_BYTES`.
        restarts: how often a call is tried again with a new worker.
        cwd, environment: of the worker; `environment` is added to this process's.

    Raises:
        WorkerError: it did not start, or spoke another format; its stderr's last lines are in the message.
    """

    def __init__(self, command: Sequence[str | Path], *, start_seconds: float = 600.0, seconds: float = 300.0, restarts: int = 1,
                 cwd: str | Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.command = [str(part) for part in command]
        self.start_seconds, self.seconds, self.restarts = start_seconds, seconds, restarts
        self.cwd, self.environment = cwd, {**os.environ, **(environment or {})}
        self._one_at_a_time = threading.Lock()
        self._process: _Process | None = None
        self._hello = self._started().hello

    @property
    def body_model(self) -> str:
        return str(self._hello["body_model"])

    @property
    def scope(self) -> str:
        return str(self._hello["scope"])

    def predict(self, images: Sequence[Image], boxes: Boxes) -> list[MeshPrediction | None]:
        """See `MeshRegressor`.

        Raises:
            ValueError: images or boxes that no regressor takes; predictions of a wrong shape or that are not finite.
            WorkerError: see the class.
        """
        asked = checked(images, boxes)
        groups = by_image(images)
        if not groups:
            return []
        people: list[list[dict[str, Any]]] = []
        while len(people) < len(groups):
            some = _portion([image for image, _ in groups[len(people):]])
            boxes_of = [np.stack([asked[i] for i in places]) for _, places in groups[len(people):]]
            people += self._look(some, boxes_of[:len(some)])
        try:
            return in_order([places for _, places in groups], people, asked, self.scope, [image.shape[:2] for image, _ in groups])
        except ValueError as error:
            raise ValueError(f"from the worker {self.command[0]}: {error}") from error

    def _look(self, images: list[Image], boxes: list[np.ndarray]) -> list[list[dict[str, Any]]]:
        """The people of some images, as `worker.py` describes them."""
        arrays: dict[str, np.ndarray] = {}
        for k, (image, some) in enumerate(zip(images, boxes, strict=True)):
            arrays[f"image_{k}"], arrays[f"boxes_{k}"] = np.ascontiguousarray(image), some
        header, told = self._ask({"kind": "predict", "images": len(images)}, arrays)
        listed = header.get("people")
        if not _are_lists(listed) or len(listed) != len(images):
            raise WorkerError(f"the worker's answer about {len(images)} images has people {str(listed)[:200]}: let it give a list an image "
                              "of lists of dicts, as worker.py does")
        return [[_person(f"{k}_{j}_", said, told) for j, said in enumerate(each)] for k, each in enumerate(listed)]

    def close(self) -> None:
        """Ends the worker; the next `predict` starts another."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def __enter__(self) -> WorkerRegressor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        with self._one_at_a_time:
            for tries_left in range(self.restarts, -1, -1):
                try:
                    answer, told = self._started().ask(header, arrays, self.seconds)
                    break
                except _DiedError as error:
                    self.close()
                    if not tries_left:
                        again = f", {self.restarts + 1} times in a row on the same call" if self.restarts else ""
                        raise WorkerError(f"{error}{again}") from error
                except BaseException:
                    self.close()
                    raise
        if answer["kind"] == "error":
            raise WorkerError(f"the worker's model raised {_said(answer)}")
        return answer, told

    def _started(self) -> _Process:
        if self._process is None:
            self._process = _Process(self.command, self.cwd, self.environment, self.start_seconds)
        return self._process


class _DiedError(WorkerError):
    """The worker ended, or said what no worker says."""


class _Process:
    """One worker process, from hello to its end."""

    def __init__(self, command: list[str], cwd: str | Path | None, environment: Mapping[str, str], seconds: float) -> None:
        try:
            # a session of its own: what it starts in turn can be ended with it, and Ctrl-C here is answered here
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd,
                                       env=dict(environment), start_new_session=True)
        except OSError as error:
            raise WorkerError(f"the worker {command} cannot be started ({error}): pass the command that runs worker.py with the other "
                              "environment's Python") from error
        self.process = process
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self._listener = threading.Thread(target=_listen, args=(process.stderr, self.tail), daemon=True)
        self._listener.start()
        self._finalizer = weakref.finalize(self, _end, process)  # also when this process exits
        try:
            self.hello, _ = self._exchange(None, {}, seconds)
            self._check_hello()
        except BaseException:
            self.end()
            raise

    def ask(self, header: dict[str, Any], arrays: dict[str, np.ndarray], seconds: float) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        answer, told = self._exchange(header, arrays, seconds)
        if answer.get("kind") not in ("predictions", "error"):
            raise _DiedError(f"the worker answered with a message of kind {answer.get('kind')!r}: it speaks another format")
        return answer, told

    def end(self) -> None:
        self._finalizer()
        self._listener.join(_GRACE)

    def _exchange(self, header: dict[str, Any] | None, arrays: dict[str, np.ndarray],
                  seconds: float) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Says something, if anything, and waits for the answer, in a thread that ends with the pipes at the latest."""
        answers: list[Any] = []

        def talk() -> None:
            try:
                if header is not None:
                    write_message(self.process.stdin, header, arrays)
                answers.append(read_message(self.process.stdout))
            except Exception as error:  # of the pipes, of JSON, of the archive: whatever came is no message
                answers.append(error)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        died = self._wait(thread, seconds)
        if thread.is_alive():
            self.end()
            thread.join(_GRACE)
            if died:
                raise _DiedError(f"the worker ended by itself, status {self.process.returncode}, and left something behind that kept its "
                                 f"channel open{self._last_words()}")
            raise WorkerError(f"the worker did not answer within {seconds:g} s and was ended: pass a larger `seconds` (or "
                              f"`start_seconds`), or see what it waits for{self._last_words()}")
        answer = answers[0]
        if answer is None or isinstance(answer, (OSError, EOFError)):
            self.end()
            raise _DiedError(f"the worker ended by itself, status {self.process.returncode}{self._last_words()}")
        if isinstance(answer, Exception) or not isinstance(answer[0], dict):
            self.end()
            found = f"{type(answer).__name__}: {answer}" if isinstance(answer, Exception) else f"its JSON is {str(answer[0])[:80]}"
            raise _DiedError(f"the worker speaks another format ({found}): run worker.py, or `serve` before anything is "
                        f"printed{self._last_words()}")
        return answer

    def _wait(self, thread: threading.Thread, seconds: float) -> bool:
        """Waits for the answer; whether the worker died meanwhile (what it said before is then read to its end, or to something else that
        holds its channel open)."""
        until = time.monotonic() + seconds
        while thread.is_alive() and time.monotonic() < until:
            thread.join(min(_LOOK, until - time.monotonic()))
            if self.process.poll() is not None:
                thread.join(_GRACE / 5)
                return True
        return False

    def _check_hello(self) -> None:
        if self.hello.get("kind") == "error":
            raise WorkerError(f"the worker could not load its model: {_said(self.hello)}{self._last_words()}")
        if self.hello.get("kind") != "hello" or self.hello.get("protocol") != PROTOCOL:
            raise WorkerError(f"the worker began with {self.hello}: copy the worker.py of this version (protocol {PROTOCOL}) to it")
        for name, allowed in (("body_model", BODY_MODELS), ("scope", SCOPES)):
            if self.hello.get(name) not in allowed:
                raise WorkerError(f"the worker's {name} is {self.hello.get(name)!r}: let it say one of {list(allowed)}")

    def _last_words(self) -> str:
        return "".join(["\nits stderr ends with\n", *(f"  {line}\n" for line in self.tail)]) if self.tail else ""


def _person(prefix: str, said: Mapping[str, Any], told: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """A person as `worker.py` describes them, out of a message."""
    mine = {name.removeprefix(prefix): value for name, value in told.items() if name.startswith(prefix)}
    parameters = {name.removeprefix(_PARAMETER): mine.pop(name) for name in list(mine) if name.startswith(_PARAMETER)}
    return {**mine, **said, "parameters": parameters}


def _portion(images: Sequence[Image]) -> list[Image]:
    """The first of them, and as many more as one message takes."""
    room = MESSAGE_BYTES - images[0].nbytes
    out = [images[0]]
    for image in images[1:]:
        room -= image.nbytes
        if room < 0:
            break
        out.append(image)
    return out


def _are_lists(people: Any) -> TypeGuard[list[list[dict[str, Any]]]]:
    """Whether that is a list of lists of dicts."""
    return isinstance(people, list) and all(isinstance(some, list) and all(isinstance(one, dict) for one in some) for some in people)


def _said(error: Mapping[str, Any]) -> str:
    """A message of kind error, in words."""
    return f"{error.get('message', 'an error without a message')}\n{error.get('traceback', '')}"


def _listen(stderr: Any, tail: deque[str]) -> None:
    """Keeps the end of what a worker writes to stderr, so that it never has to wait for a reader; of a progress bar its last state."""
    with stderr:
        for line in stderr:
            tail.append(line.decode(errors="replace").rstrip().rpartition("\r")[2][-_LONGEST_LINE:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closes a worker's stdin, waits a little, then ends it and what it started; nothing is left behind."""
    assert process.stdout is not None
    try:
        if process.poll() is None and not _closes(process):
            _signal(process, signal.SIGTERM)
            if not _ends(process, _GRACE):
                _signal(process, signal.SIGKILL)
        process.wait()
        _signal(process, signal.SIGKILL)  # what it started, if that lives on
    finally:
        _in_time(process.stdout, 0.2)  # a reader that waits in it for what the worker left behind would keep it


def _closes(process: subprocess.Popen[bytes]) -> bool:
    """Whether it ends by itself once nothing more can come."""
    return _in_time(process.stdin, 0.2) and _ends(process, _GRACE / 5)


def _in_time(stream: Any, seconds: float) -> bool:
    """Closes a stream; whether that was possible within so many seconds."""
    closer = threading.Thread(target=_close, args=(stream,), daemon=True)
    closer.start()
    closer.join(seconds)
    return not closer.is_alive()


def _close(stream: Any) -> None:
    try:
        stream.close()
    except OSError:
        pass  # what was not sent yet can no longer be


def _ends(process: subprocess.Popen[bytes], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    return process.poll() is not None


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass
