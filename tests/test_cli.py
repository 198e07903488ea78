"""The front door: commands found by entry point, errors in one line."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser, Namespace

from deocc_aug import cli
from deocc_aug.commands import Command, Group, Program
from deocc_aug.options import Options

Install = Callable[[Callable[[Namespace], int]], None]


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--n", type=int, default=1)
    parser.add_argument("--options", type=Options, default=Options())


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes a function the only command, `try`."""

    def put(run: Callable[[Namespace], int]) -> None:
        monkeypatch.setattr(cli, "entry_points", lambda group: [EntryPoint("try", "nowhere:command", group)])
        monkeypatch.setattr(cli, "_load", lambda entry: Command("tries", _add_arguments, run))

    return put


def _raising(error: BaseException) -> Callable[[Namespace], int]:
    def run(_config: Namespace) -> int:
        raise error

    return run


def test_arguments_arrive_typed_and_the_status_comes_back(install: Install, tmp_path: Path) -> None:
    seen: list[Namespace] = []
    install(lambda config: seen.append(config) or 7)  # type: ignore[func-returns-value]
    (tmp_path / "c.yaml").write_text("n: 3\noptions: {paint_steps: 2}\n")
    assert cli.main(["try", "--config", f"{tmp_path}/c.yaml", "--options.body_steps", "4"]) == 7
    assert (seen[0].n, seen[0].options) == (3, Options(paint_steps=2, body_steps=4))


@pytest.mark.parametrize("error", [ValueError("what\ncame"), FileNotFoundError("what came"), ImportError("what came")])
def test_errors_of_the_user_are_one_line(install: Install, capsys: pytest.CaptureFixture[str], error: Exception) -> None:
    install(_raising(error))
    assert cli.main(["try"]) == 2
    assert capsys.readouterr().err == "deocc-aug try: what came\n"
    with pytest.raises(type(error)):
        cli.main(["try", "--debug"])


def test_errors_of_ours_keep_their_traceback(install: Install) -> None:
    install(_raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["try"])


def test_ctrl_c_ends_with_130(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(_raising(KeyboardInterrupt()))
    assert cli.main(["try"]) == 130
    assert capsys.readouterr().err == "deocc-aug try: interrupted\n"


def test_a_group_hands_the_rest_to_its_member(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, Sequence[str]]] = []
    program = Program("has a parser of its own", lambda prog, arguments: seen.append((prog, arguments)) or 3)  # type: ignore[func-returns-value]
    group = Group("is several", {"own": program, "plain": Command("tries", _add_arguments, lambda config: int(config.n))})
    monkeypatch.setattr(cli, "entry_points", lambda group: [EntryPoint("try", "nowhere:command", group)])
    monkeypatch.setattr(cli, "_load", lambda entry: group)
    assert cli.main(["try", "own", "--any", "thing"]) == 3 and seen == [("deocc-aug try own", ["--any", "thing"])]
    assert cli.main(["try", "plain", "--n", "5"]) == 5
    assert cli.main(["try"]) == 0 and "\n  own        has a parser of its own\n" in capsys.readouterr().out
    assert cli.main(["try", "other"]) == 2
    assert capsys.readouterr().err == "deocc-aug try: there is no 'other': pass one of own, plain, its arguments after it\n"


@pytest.mark.parametrize(("arguments", "message"), [
    (["fly"], "deocc-aug fly: there is no command 'fly': pass one of"),
    (["run", "--flyy", "3"], "deocc-aug run: "),
    (["run", "a.png", "--out", "out", "--seed", "x"], "deocc-aug run: "),
])
def test_wrong_arguments_are_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1


def test_no_arguments_list_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in ("run", "doctor", "train", "demo"))
