"""`natsuin init --vault pkcs11`: the wrapping key it makes, and what is asked for before anything is made."""

import hashlib
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from natsuin.cli import main
from natsuin.cli.demo.tokens import make_trial_token
from natsuin.config import load
from natsuin.key_management import WrappingKeyMissing
from natsuin.sam.permissions import check_permissions
from natsuin.sam.process import open_sam
from rigs.tokens import in_token, settings_of


def test_it_makes_a_wrapping_key_and_names_it(tmp_path: Path) -> None:
    token = make_trial_token("softhsm2", tmp_path / "hsm")
    folder = tmp_path / "natsuin"
    (variable,) = token.environment.items()
    options = ["--module", token.module, "--token", token.label, "--pin-file", str(token.pin_file)]
    command = [
        "init",
        "--dir",
        str(folder),
        "--demo",
        "--vault",
        "pkcs11",
        *options,
        "--environment",
        "=".join(variable),
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "Have the token's own backup hold the wrapping key" in result.output
    config = load(folder / "config.toml")
    check_permissions(config)
    assert (config.vault.kind, config.vault.token) == ("pkcs11", token.label)
    assert stat.S_IMODE((folder / "config.toml").stat().st_mode) == 0o600
    assert token.pin not in (folder / "config.toml").read_text()
    script = "print(*(item[Attribute.ID].hex() for item in session.get_objects({Attribute.TOKEN: True})))"
    assert in_token(settings_of(token, tmp_path), script) == config.vault.wrapping_key
    assert len(config.vault.wrapping_key) == 32


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "needs --module, --token, --pin-file"),
        (["--module", "/bin/true", "--token", "t"], "needs --pin-file"),
        (["--module", "/bin/true", "--token", "t", "--pin-file", "/bin/true", "--environment", "x"], "NAME=VALUE"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(tmp_path: Path, options: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["init", "--dir", str(tmp_path / "n"), "--vault", "pkcs11", *options])
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "n").exists()


def test_a_library_that_is_none_leaves_nothing_behind(tmp_path: Path) -> None:
    options = ["--module", "/bin/true", "--token", "t", "--pin-file", "/etc/hostname"]
    result = CliRunner().invoke(main, ["init", "--dir", str(tmp_path / "n"), "--vault", "pkcs11", *options])
    assert result.exit_code == 79
    assert "cannot be loaded" in result.output
    assert not (tmp_path / "n").exists()


def test_an_installation_in_software_gets_a_token_later(tmp_path: Path) -> None:
    token = make_trial_token("softhsm2", tmp_path / "hsm")
    file = tmp_path / "n/config.toml"
    assert CliRunner().invoke(main, ["init", "--dir", str(file.parent), "--demo"]).exit_code == 0
    first = ["ceremony", "first-wrapping-key", "--config", str(file)]
    assert "has no token" in CliRunner().invoke(main, first).output
    settings = {"kind": "pkcs11", "module": token.module, "token": token.label, "pin": f"file:{token.pin_file}"}
    lines = [f'{key} = "{value}"' for key, value in {**settings, "wrapping_key": "ab" * 16}.items()]
    environment = ", ".join(f'{key} = "{value}"' for key, value in token.environment.items())
    with file.open("a") as opened:
        opened.write("\n".join(["", "[vault]", *lines, f"environment = {{ {environment} }}", ""]))
    listing = ["ceremony", "wrapping-keys", "--config", str(file)]
    assert "from sam's first start" in CliRunner().invoke(main, listing).output
    # Whoever starts it too early is told, and not stuck.
    with pytest.raises(WrappingKeyMissing, match="holds 0 wrapping keys") as refused:
        open_sam(load(file))
    assert "first-wrapping-key" in refused.value.hint
    made = CliRunner().invoke(main, first)
    assert made.exit_code == 0, made.exception
    assert "ab" * 16 in made.output
    again = CliRunner().invoke(main, first)
    assert again.exit_code == 73, again.output
    open_sam(load(file)).close()
    assert "present" in CliRunner().invoke(main, listing).output
    # Nobody has shares yet, and nobody is asked for any.
    words = ["ceremony", "plan", "--kind", "wrapping", "--custodian", "Sato", "--custodian", "Suzuki"]
    plan = tmp_path / "plan.toml"
    plan.write_text(CliRunner().invoke(main, words).output.replace("Write why.", "a trial"))
    digest = hashlib.sha256(plan.read_bytes()).hexdigest()
    run = ["ceremony", "run", "--config", str(file), "--plan-sha256", digest, "--transcript-to", str(tmp_path)]
    refused_run = CliRunner().invoke(main, [*run, str(plan)])
    assert refused_run.exit_code == 73, refused_run.output
    assert "nobody has shares" in refused_run.output
    file.write_text(file.read_text().replace("ab" * 16, "cd" * 16))
    assert "other wrapping keys on record" in CliRunner().invoke(main, first).output
