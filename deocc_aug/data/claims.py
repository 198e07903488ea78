"""Who works on what, among processes that share a folder: locks on a file's bytes, which end with their process, however it ends.

Where a system has no such locks (Windows) nobody is kept apart: work may then be done twice, with the same result.
"""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_PRESENT = 0  # the byte that every process at work shares; a claim is a byte beyond


class Claims:
    """One process's claims in a folder.

    Closing any other handle of the lock file in this process would end them: one `Claims` a process and folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = open(folder / LOCK, "r+b" if (folder / LOCK).exists() else "w+b", buffering=0)

    def alone(self) -> bool:
        """Whether no other process is at work in the folder; from now on this one is, until it closes or ends."""
        alone = self._lock(_PRESENT, wait=False)
        if fcntl:
            fcntl.lockf(self._file, fcntl.LOCK_SH, 1, _PRESENT, os.SEEK_SET)
        return alone

    @contextmanager
    def on(self, key: str, wait: bool = False) -> Iterator[bool]:
        """Claims a key (hexadecimal digits) while the block lasts; gives False where another process has it.

        Args:
            wait: until the other process is done with it.
        """
        byte = 1 + int(key[:15], 16)
        mine = self._lock(byte, wait)
        try:
            yield mine
        finally:
            if mine and fcntl:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte, os.SEEK_SET)

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
