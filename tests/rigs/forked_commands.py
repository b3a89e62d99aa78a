"""Commands as processes of their own, forked from one that has imported what they need: importing takes most of the
time of a short command. Nothing else runs in the process that is forked."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

_PRELOADED = ("natsuin.cli.ceremony", "natsuin.cli.ceremony.steps", "natsuin.cli.ceremony.dialogue")


def run_forked(words: Sequence[str], *, typed: str = "", fault: str = "") -> "subprocess.CompletedProcess[str]":
    """Run `natsuin` with these words, to be killed at `fault`. Not for standard input of a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in").write_text(typed)
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps({"words": list(words), "fault": fault, "folder": folder}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        out, err = ((Path(folder) / name).read_text() for name in ("out", "err"))
    return subprocess.CompletedProcess(list(words), code, out, err)


@cache
def _server() -> "subprocess.Popen[str]":
    # It ends with its standard input, so with this process.
    command = [sys.executable, __file__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _serve() -> None:
    import importlib

    for name in _PRELOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if not child:
            _become(wanted)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(wanted: dict[str, Any]) -> None:
    from natsuin import faults
    from natsuin.cli import main

    folder = Path(wanted["folder"])
    for number, (name, flags) in enumerate((("in", os.O_RDONLY), ("out", os.O_CREAT | os.O_RDWR))):
        os.dup2(os.open(folder / name, flags, 0o600), number)
    os.dup2(os.open(folder / "err", os.O_CREAT | os.O_RDWR, 0o600), 2)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    if wanted["fault"]:
        # The variable was read when the module was imported; processes that this one starts read it anew.
        os.environ[faults.VARIABLE] = wanted["fault"]
        vars(faults)["_FAULT"] = faults._Fault(wanted["fault"])
    code: Any = 1
    try:
        main(wanted["words"], prog_name="natsuin")
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    _serve()
