"""The click group behind ``mtdetect``: imports a command when called, and turns errors into exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import click

from mtdetect.errors import InputError, MtdetectError, one_line

EXIT_UNEXPECTED = 1
EXIT_GATE_FAILED = 3
EXIT_UNREADABLE = 4
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141  # what the shell reports for a program that a closed pipe stops
EXIT_TERMINATED = 143


class LazyGroup(click.Group):
    """A group that lists its commands without importing them.

    Args:
        commands_help: command name to its line in the overview, in the order shown.
        homes: command name to module under ``mtdetect.cli``, where it is not the name itself.
    """

    def __init__(self, *args: Any, commands_help: Mapping[str, str], homes: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._help = dict(commands_help)
        self._homes = dict(homes)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command line."""
        _replace_closed_streams()
        return super().main(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the overview."""
        return list(self._help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command and return it, or None when there is no such command."""
        if cmd_name not in self._help:
            return None
        module = importlib.import_module(f"mtdetect.cli.{self._homes.get(cmd_name, cmd_name)}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._help.items()))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the arguments; ``--help`` and ``--version`` print here, and can fail as any output can."""
        with _errors_become_lines({}):
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; every error that is not click's own becomes one line and an exit code."""
        with _errors_become_lines(ctx.meta), _terminable():
            result = super().invoke(ctx)
            sys.stdout.flush()  # a full disk or closed pipe shows here, not when the interpreter ends
            return result


@contextmanager
def _errors_become_lines(meta: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
        return
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except KeyboardInterrupt:
        code, message = EXIT_INTERRUPTED, "interrupted"
    except BrokenPipeError:
        code, message = EXIT_CLOSED_PIPE, ""
    except InputError as error:
        code, message = EXIT_UNREADABLE, str(error)
    except MtdetectError as error:
        code, message = EXIT_UNEXPECTED, str(error)
    except OSError as error:
        code, message = EXIT_UNEXPECTED, _os_error_line(error)
    except Exception as error:
        if meta.get("mtdetect.debug"):
            traceback.print_exc()
        detail = str(error).splitlines()[0] if str(error) else "no details"
        code = EXIT_UNEXPECTED
        message = f"unexpected {type(error).__name__}: {detail}; mtdetect --debug COMMAND shows where"
    if message:
        with suppress(OSError):
            click.echo(f"mtdetect: {message}", err=True)
    _abandon_stdout()
    raise click.exceptions.Exit(code)


def _replace_closed_streams() -> None:
    """Put streams that fail when they are used in the place of standard streams that the caller closed.

    Otherwise the next file that is opened takes the number of the stream, and what others write there. What goes to
    a closed standard error is dropped.
    """
    for name, flags, mode in (("stdin", os.O_WRONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, flags)
            os.set_inheritable(descriptor, True)  # worker processes have the same need
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115


def _os_error_line(error: OSError) -> str:
    where = f"{one_line(os.fsdecode(error.filename))}: " if error.filename else ""
    if error.errno == errno.EBADF and not where:
        return "standard input or standard output is closed; name files instead"
    if error.errno == errno.ENOSPC:
        return f"{where}no space left on the device; free some space or write elsewhere"
    if error.errno == errno.EFBIG:
        return f"{where}the file would be larger than this system lets it be; see ulimit -f, or write elsewhere"
    return f"{where}{error.strerror or error}"


def _abandon_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not fail on it again at its end."""
    with suppress(OSError, ValueError, AttributeError):
        try:
            sys.stdout.flush()
        except OSError:
            descriptor = os.open(os.devnull, os.O_WRONLY)
            os.dup2(descriptor, sys.stdout.fileno())
            os.close(descriptor)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(EXIT_TERMINATED)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
