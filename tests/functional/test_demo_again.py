"""A demonstration that is started again: it says what is reused, and what to do next is true."""

import stat
from pathlib import Path

from natsuin.cli.demo import guest
from natsuin.cli.demo.guest import Invitation
from natsuin.cli.demo.story import Demonstration
from natsuin.cli.demo.visitor import Visitor
from rigs.whole_server import PERSON, PIN, WholeServer


def test_the_invitation_is_kept_privately_and_its_state_is_told(tmp_path: Path) -> None:
    server = WholeServer.make(tmp_path / "n").start()
    try:
        shown = Demonstration(server.folder, server.origin, print)
        assert shown.is_running()
        officer = Visitor(server.origin)
        officer.register_as_officer(server.token)
        officer.sign_in()
        address = officer.invite(PERSON)
        guest.keep(server.folder, address)
        assert stat.S_IMODE((server.folder / guest.FILE).stat().st_mode) == 0o600
        assert guest.kept(server.folder) == address

        # Asking does not use it up, so a second start can ask, too.
        for _ in range(2):
            assert guest.state_of(server.origin, address) is Invitation.OPEN
        Visitor(server.origin).enrol(address, PIN)
        assert guest.state_of(server.origin, address) is Invitation.USED
        assert guest.state_of(server.origin, address[:-5]) is Invitation.LOST
        assert guest.state_of(server.origin, "") is Invitation.LOST
    finally:
        server.stop()
    assert not shown.is_running()
    assert guest.state_of(server.origin, address) is Invitation.LOST


def test_another_server_is_not_taken_for_this_one(tmp_path: Path) -> None:
    server = WholeServer.make(tmp_path / "n").start()
    try:
        other = tmp_path / "other"
        other.mkdir()
        (other / "log.vkey").write_text("localhost/signing-log+00000000+AAAA\n")
        assert not Demonstration(other, server.origin, print).is_running()
    finally:
        server.stop()


def test_each_state_has_its_own_next_step(tmp_path: Path) -> None:
    address = "http://localhost:8710/enrol#x"
    told = {state: "\n".join(guest.next_steps("http://o", tmp_path, state, address)) for state in Invitation}
    assert len(set(told.values())) == len(Invitation)
    assert [state for state, words in told.items() if address in words] == [Invitation.OPEN]
    invite = f"natsuin officer invite --config {tmp_path / 'config.toml'} --name"
    assert all(invite in words for words in told.values()), "how to become an officer is said in each"
    for state in (Invitation.USED, Invitation.EXPIRED, Invitation.LOST):
        assert "http://o/" in told[state]
        assert str(tmp_path) in told[state]
