"""The subcommands of `deocc-aug`, found through the entry-point group `deocc_aug.commands`."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

DEBUG = "show the whole traceback of an error"


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


@dataclass(frozen=True)
class Program:
    """A subcommand that reads its arguments by a parser of its own, `LightningCLI`'s for one.

    Args:
        help: one line.
        main: gets how it is called ("deocc-aug bench pose2d") and the arguments, `--debug` perhaps among them; returns the exit status.
    """

    help: str
    main: Callable[[str, Sequence[str]], int]


@dataclass(frozen=True)
class Group:
    """A subcommand that is several: `deocc-aug NAME ONE ...`.

    Args:
        help: one line.
        members: by name.
    """

    help: str
    members: Mapping[str, Command | Program]
