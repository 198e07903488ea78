"""The subcommands of `deocc-aug`, found through the entry-point group `deocc_aug.commands`."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


@dataclass(frozen=True)
class Command:
    """One subcommand.  Its module must import quickly: `deocc-aug --help` loads every command to print its line.

    Args:
        help: one line for `deocc-aug --help`.
        add_arguments: adds the command's arguments to its parser (`--config` and `--debug` are there already).
        run: does the work with the parsed arguments; returns the exit status.
    """

    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
