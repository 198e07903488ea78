"""Who works on what, among processes that share a folder: locks on a file's bytes, which end with their process, however it ends.

Where a system has no such locks (Windows) nobody is kept apart: work may then be done twice, with the same result.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PRESENT = 0  # the byte that every process at work shares; a claim is a byte beyond


class Claims:
    """One process's claims; `path` is the file whose bytes are locked, made if need be.

    Closing any other handle of that file in this process would end them: one `Claims` a process and file, for all of its threads.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "a+b", buffering=0)
        self._held: set[int] = set()  # bytes: a process's locks keep out other processes, but not its own threads
        self._one_thread = Lock()

    def move_in(self, alone: Callable[[], None]) -> None:
        """From now on this process is at work; where no other is, `alone` is called before another may be."""
        if self._lock(_PRESENT, wait=False):
            alone()
        if fcntl:
            fcntl.lockf(self._file, fcntl.LOCK_SH, 1, _PRESENT, os.SEEK_SET)

    @contextmanager
    def on(self, key: str, wait: bool = False) -> Iterator[bool]:
        """Claims a key (hexadecimal digits) while the block lasts; gives False where another process or thread has it.

        Args:
            wait: until the other process is done with it.
        """
        byte = 1 + int(key[:15], 16)
        with self._one_thread:
            mine = byte not in self._held
            self._held.add(byte)
        if not mine:
            yield False
            return
        try:
            mine = self._lock(byte, wait)
            yield mine
        finally:
            if mine and fcntl:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte, os.SEEK_SET)
            self._held.discard(byte)

    def close(self) -> None:
        """Ends all claims."""
        self._file.close()

    def _lock(self, byte: int, wait: bool) -> bool:
        if fcntl is None:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, byte, os.SEEK_SET)
        except (BlockingIOError, PermissionError):  # what a lock held elsewhere raises
            return False
        return True
