"""What the portal reads out of a receipt, which it does not verify: `natsuin verify` does (C2SP tlog-proof@v1)."""


def log_index(receipt: str | None) -> int | None:
    """The number of the log entry that a receipt proves, or None if there is no receipt that states one."""
    for line in (receipt or "").splitlines()[:5]:
        name, _, value = line.partition(" ")
        if name == "index" and value.isascii() and value.isdigit():
            return int(value)
    return None
