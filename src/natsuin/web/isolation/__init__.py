"""Working on hostile documents in child processes, so that the worst a document can do is to be refused.

    with Workers(2) as workers:
        facts = workers.inspect(pdf)                     # also: prepare, validate

Each document gets a child process of its own, which can open no file, reach no network, start no process and outlive
nobody; what holds it is told in `confinement`, layer by layer. A parser that a document takes over therefore meets no
other document, and what it answers is data, not code: MessagePack, bounded in time and size, of expected types.

A process that has everything imported (`worker`) forks the children, so that one costs milliseconds.
"""

from natsuin.web.isolation.frames import Limits
from natsuin.web.isolation.workers import Workers

__all__ = ["Limits", "Workers"]
