# SPDX-License-Identifier: Apache-2.0
"""`vipctl init` before it looks at the segment; what it finds there is in tests/lab/test_init.py."""

import os
import subprocess

import pytest

VIPCTL = os.path.join(os.environ.get("VIPD_BUILD", "build"), "vipctl")


def init(*arguments):
    return subprocess.run([VIPCTL, "init", *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments, why", [
    (("--yes",), "add --address ADDRESS"),
    ((), "add --address ADDRESS"),  # nobody is at a terminal
    (("--yes", "--address", "api.example.org"), "--address api.example.org: this is not an address"),
    (("--yes", "--address", "2001:db8::1", "--vrid", "256"), "--vrid 256: write a number from 1 to 255"),
    (("--yes", "--address", "2001:db8::1", "--vrid", "-1"), "--vrid -1: write a number from 1 to 255"),
    (("--yes", "--address", "2001:db8::1", "--priority", "20"), "--priority 20: write a number from 32 to 254"),
    (("--yes", "--address", "2001:db8::1", "--interface", "a-very-long-interface"), "an interface has a shorter name"),
])
def test_what_cannot_be(arguments, why):
    done = init(*arguments)
    assert done.returncode == 2 and why in done.stderr and not done.stdout, done


def test_what_is_there_stays(tmp_path):
    path = tmp_path / "vipd.conf"
    path.write_text("mine")
    done = init("--yes", "--address", "2001:db8::1", "-o", str(path))
    assert done.returncode == 1 and "is there already, and stays as it is" in done.stderr
    assert path.read_text() == "mine"


def test_an_interface_that_is_not_there(tmp_path):
    done = init("--yes", "--address", "2001:db8::1", "--interface", "no-such", "-o", str(tmp_path / "vipd.conf"))
    assert done.returncode == 1 and "there is no interface no-such" in done.stderr
    assert not list(tmp_path.iterdir())
