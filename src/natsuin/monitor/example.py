"""The settings that `natsuin monitor init` writes: one log, and everything else explained where it would stand."""

import json
import os
from pathlib import Path

from natsuin.errors import Conflict, StorageFailed
from natsuin.monitor.settings import MonitorSettings, load_settings

_TEMPLATE = """\
# natsuin monitor: what is watched, what is too much, and who is told. Paths are relative to this file's folder.
# docs/monitor.md explains every key and every alarm.

# What was read and who is still to be told. Back it up with this file; never copy it while the monitor runs.
state = "state"
interval_seconds = 60

[[log]]
name = "main"
location = {location}
# The log's verifier key. Do not take it from the server that you watch, but from its operator.
vkey = {vkey}

# A key whose every entry is told, at most once an hour, to the people and webhooks named.
# [[watch]]
# key = "0123456789abcdef0123456789abcdef"
# mail = ["owner@example.jp"]
# webhooks = ["operations"]

[limits]
window_seconds = 3600        # in which refusals and starts are counted
refusals_per_key = 5         # refused approvals, PINs and the like of one key
refusals = 50                # of all keys together, and of requests to sign
boots = 3
open_intent_seconds = 300    # a key was about to be used and no outcome followed
silent_seconds = 0           # the log does not grow; 0: it may
unreachable_seconds = 900
backwards_seconds = 5        # an entry's time before that of earlier ones
ahead_seconds = 60           # an entry's time ahead of this host's clock
repeat_seconds = 3600        # alarms that say the same are told once in so long
remind_seconds = 86400       # what lasts is told again after so long
alarms_per_hour = 60         # of one severity and one log; more are counted only

# Prometheus reads /metrics here, and /healthz says whether the monitor works. Port 0: nowhere.
[listen]
host = "127.0.0.1"
port = 9718

# Alarms by HTTP POST, signed as the Standard Webhooks specification says. `least`: notice, warning or critical.
# [[webhook]]
# name = "operations"
# url = "https://alarms.example.jp/natsuin"
# secret = "file:webhook.secret"
# least = "notice"

# Alarms by mail.
# [mail]
# host = "mail.example.jp"
# port = 587
# security = "starttls"
# sender = "natsuin-monitor@example.jp"
# user = "natsuin-monitor"
# password = "file:mail.password"
# to = ["operations@example.jp"]
# least = "warning"
"""


def write_example(file: Path, *, location: str, vkey: str) -> MonitorSettings:
    """Write the settings for one log, mode 0600, and read them back.

    Raises `Conflict` when there is such a file; `ConfigurationRefused` when `location` or `vkey` cannot be used, and
    then nothing is left; `StorageFailed`.
    """
    text = _TEMPLATE.format(location=json.dumps(location), vkey=json.dumps(vkey))
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError as error:
        raise Conflict(f"there are settings already: {file}") from error
    except OSError as error:
        raise StorageFailed(f"the file {file} cannot be written: {error.strerror}") from error
    try:
        return load_settings(file)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
