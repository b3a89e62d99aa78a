"""The process that loads the PKCS#11 module: `python -m natsuin.sam.vault_worker DESCRIPTOR`, started by sam alone.

It protects itself as sam does before it is told the PIN, and loads no code of key management but `hsm`: database,
passkeys and log have nothing to do in a process that is logged in to the token, and would make it slow to start.
"""

import socket
import sys
import types
from pathlib import Path

_FACE = "natsuin.key_management"


def main(descriptor: int) -> None:
    """Serve the socket that is open under this number. Does not return."""
    from natsuin.sam.hardening import harden

    harden()
    leave_out_the_rest()
    from natsuin.key_management.hsm.worker import serve

    serve(socket.socket(fileno=descriptor))


def leave_out_the_rest() -> None:
    """Put an empty module in the place of key management's face, so that importing `hsm` brings nothing else along."""
    stand_in = types.ModuleType(_FACE)
    stand_in.__path__ = [str(Path(__file__).resolve().parents[1] / "key_management")]
    sys.modules[_FACE] = stand_in


if __name__ == "__main__":
    main(int(sys.argv[1]))
