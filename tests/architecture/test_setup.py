"""Setting up on a fresh machine: what can be tried without one."""

import runpy
import subprocess
import sys

import pytest


@pytest.fixture
def setup_script(root):
    """The globals of the set-up program, which is not part of the package."""
    return runpy.run_path(str(root / "scripts/setup.py"))


def test_it_says_how_it_is_used(root):
    """A wrong goal changes nothing and ends with the usage."""
    answer = subprocess.run(
        [sys.executable, "scripts/setup.py", "everything"], cwd=root, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert "run|test" in answer.stderr


def test_without_root_it_says_what_to_install(setup_script, monkeypatch):
    """Someone who may not install packages is told the one command that does."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(setup_script["SetupFailed"]) as told:
        setup_script["install_debian"](["qpdf", "strace"])
    assert "qpdf, strace" in str(told.value)
    assert "apt-get install" in str(told.value)


def test_the_tools_that_tests_use_are_there(setup_script):
    """`make test` has installed them, so that no test is left out for want of a tool."""
    assert setup_script["missing_from_debian"]() == []


def test_a_stage_is_done_again_only_after_a_change(setup_script, tmp_path):
    """The stamp of a stage covers the contents of its inputs."""
    functions = {name: setup_script[name] for name in ("once", "finished")}
    for function in functions.values():
        function.__globals__.update(ROOT=tmp_path, ENVIRONMENT=tmp_path)
    lock = tmp_path / "lock.txt"
    lock.write_text("a==1\n")
    assert functions["once"]("run", "lock.txt")
    functions["finished"]("run", "lock.txt")
    assert not functions["once"]("run", "lock.txt")
    lock.write_text("a==2\n")
    assert functions["once"]("run", "lock.txt")


def test_the_web_assets_are_built_and_current(root):
    """What the portal serves was made from the pinned packages, by the present program."""
    assets = runpy.run_path(str(root / "scripts/build_assets.py"))
    assert assets["is_current"]()
    bundle = (root / "src/natsuin/web/static/vendor/hpke.js").read_text()
    for name in ("Aes256Gcm", "CipherSuite", "DhkemP256HkdfSha256", "HkdfSha256"):
        assert f"  {name}" in bundle[bundle.rindex("export {") :]
    assert "import " not in bundle.split("\n", 1)[0]
