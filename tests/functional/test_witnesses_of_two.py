"""Two operators, each with a sam and a witness of its own, as docs/witnesses.md describes it."""

from pathlib import Path

from natsuin.signing_log import WitnessPolicy, parse_receipt
from rigs.installation import Installation
from rigs.sam_in_process import make_installation, people
from rigs.sam_process import SamProcess
from rigs.web_side import Signer, digests
from rigs.witness_house import WitnessProcess


def test_two_operators_witness_each_other(installation, tmp_path):
    """Each runs a sam and a witness; each witness knows the other's log and not its own."""
    other = tmp_path / "other"
    other_vkey, other_alice, theirs = _another_installation(other)
    ours, vkey = _our_installation(installation, tmp_path / "n")
    ours_watches = WitnessProcess.make(tmp_path / "ours", "ours.example").witnesses(other_vkey).start()
    theirs_watches = WitnessProcess.make(tmp_path / "theirs", "theirs.example").witnesses(vkey).start()
    ask(ours, theirs_watches)
    ask(theirs, ours_watches)
    try:
        ours.start()
        theirs.start()
        for sam, alice, watch in ((ours, installation.alice, theirs_watches), (theirs, other_alice, ours_watches)):
            wanted = digests(1)
            signed = sam.web.sign(sam.web.approve(alice, wanted), wanted)
            assert WitnessPolicy.of([watch.vkey]).require(parse_receipt(signed.receipt).checkpoint)
    finally:
        for each in (ours, theirs, ours_watches, theirs_watches):
            each.kill()


def ask(sam: SamProcess, witness: WitnessProcess) -> None:
    """Let this witness be the one that the log asks."""
    with (sam.folder / "config.toml").open("a") as file:
        file.write(f'\n[log]\nmode = "closed"\n\n[[log.witnesses]]\nvkey = "{witness.vkey}"\nurl = "{witness.url}"\n')


def _our_installation(installation: Installation, folder: Path) -> tuple[SamProcess, str]:
    sam = installation.stopped.copy(folder).start()
    vkey = sam.web.info.log_vkey
    sam.stop()
    return sam, vkey


def _another_installation(folder: Path) -> tuple[str, Signer, SamProcess]:
    folder.mkdir()
    _, token = make_installation(folder)
    sam = SamProcess(folder).start()
    _, alice = people(sam.web, token)
    vkey = sam.web.info.log_vkey
    sam.stop()
    return vkey, alice, sam
