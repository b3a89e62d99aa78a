"""Progress of long work, shown on a terminal while it goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Show: TypeAlias = Callable[[str, int, int | None], None]
"""Called with the name of a piece of work, how much of it is done, and how much there is, None while nobody knows."""


@contextmanager
def progress_bars() -> Iterator[Show]:
    """A bar on standard error for each name that is shown, gone when the block ends. No bar where that is no terminal.

    For one thread. Names are shown as they are, also where they look like markup.
    """
    # Here, because commands without a bar should not wait for the import.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=None)
            bars.update(tasks[name], completed=done, total=total)

        yield show
