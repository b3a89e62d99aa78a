"""`natsuin log prove`: proofs made from a log's public files, for people who have the verifier key and nothing else."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natsuin.cli.arguments import verifier_key
from natsuin.cli.log_reading import FILE, of_a_log, read_checkpoint_file, verdicts

if TYPE_CHECKING:
    from natsuin.signing_log import PublicLog


@click.command()
@of_a_log
@click.option("--index", type=click.IntRange(min=0), help="Prove that this entry is in the log: a receipt.")
@click.option("--old", type=FILE, help="Prove that the log contains this older checkpoint.")
@click.option("--new", type=FILE, help="The checkpoint to prove it under; the published one otherwise.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the proof to this file.")
@click.option("--json", "as_json", is_flag=True, help="Give the proof as JSON.")
@click.pass_context
def prove(context: click.Context, /, location: str, vkey: str, **options: object) -> None:
    """Make a proof that anybody can check: --index N gives a receipt (.tlog-proof), --old FILE a consistency proof.

    A consistency proof has the form of a request to a witness: a line `old SIZE`, the hashes, an empty line and the
    newer checkpoint (C2SP tlog-witness).

    Exit status: 0 proved, 1 the log does not hold, 2 that cannot be told.
    """
    from natsuin.signing_log import PublicLog

    index, old, new, out = options["index"], options["old"], options["new"], options["out"]
    if (index is None) == (old is None):
        raise click.UsageError("give either --index or --old")
    with verdicts(context):
        vkey = verifier_key(vkey)
        older = read_checkpoint_file(old, vkey) if isinstance(old, Path) else ""
        checkpoint = read_checkpoint_file(new, vkey) if isinstance(new, Path) else None
        with PublicLog(location, vkey, checkpoint=checkpoint) as log:
            if isinstance(index, int):
                text = _inclusion(log, index, as_json=bool(options["as_json"]))
            else:
                text = _consistency(log, older, as_json=bool(options["as_json"]))
        if isinstance(out, Path):
            out.write_text(text, "utf-8")
        else:
            click.echo(text, nl=False)


def _inclusion(log: "PublicLog", index: int, *, as_json: bool) -> str:
    receipt = log.receipt(index)
    if not as_json:
        return receipt.tlog_proof()
    told = {
        "proof": "inclusion",
        "origin": log.origin,
        "index": index,
        "size": receipt.size,
        "entry": receipt.leaf.decode("utf-8", "replace"),
        "hashes": [item.hex() for item in receipt.proof],
        "root": log.root.hex(),
        "checkpoint": receipt.checkpoint,
    }
    return json.dumps(told, indent=1) + "\n"


def _consistency(log: "PublicLog", older: str, *, as_json: bool) -> str:
    from base64 import b64encode

    found = log.consistency(older)
    if not as_json:
        hashes = "".join(f"{b64encode(item).decode()}\n" for item in found.proof)
        return f"old {found.old}\n{hashes}\n{found.new}"
    told = {
        "proof": "consistency",
        "origin": log.origin,
        "old": found.old,
        "size": found.size,
        "hashes": [item.hex() for item in found.proof],
        "root": log.root.hex(),
        "checkpoint": found.new,
    }
    return json.dumps(told, indent=1) + "\n"
