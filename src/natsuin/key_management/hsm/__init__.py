"""A hardware security module behind PKCS#11, in a process of its own.

    messages.py       what sam's side and the worker say to each other
    line.py           sam's side: one worker at a time, a deadline for every call, a new worker for a lost one
    worker.py         the worker: logs in once, holds a fixed pool of sessions, answers
    cryptoki.py       the only file that imports `pkcs11`: loading with locks, the token, sessions, kinds of error
    wrapping_key.py   the key that never leaves the token: made, found, checked
    keys.py           people's keys: generated, wrapped out; unwrapped, used, destroyed
    resident.py       keys that stay in the token
    probe.py          what the token can really do, tried at start
    refusals.py       what all of it refuses with

A call into a module's library cannot be broken off, and a library that crashes takes its process along. So the library
lives in a worker that holds no state: whatever happens to it, it is killed and another one is started.
"""
