# SPDX-License-Identifier: Apache-2.0
"""What a shell offers behind vipctl: what `vipctl __complete` says, and what each shell with its script makes of it. VIPD_BUILD names
the directory of vipctl; run from the top directory."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from terminal import VIPCTL, Terminal
from test_command_line import commands, vipctl

PATH = os.path.dirname(VIPCTL) + ":/usr/bin:/bin"
SCRIPTS = pathlib.Path("conf/completion").absolute()


def words_offered(*begun):
    done = vipctl("__complete", *begun)
    assert done.returncode == 0 and not done.stderr, done
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("begun, offered", [
    (["dr"], ["drain"]),
    (["-o", "json", "wa"], ["watch"]),
    (["drain", "--fo"], ["--for", "--force"]),
    (["--for", "10m", "drain", "--so"], ["--socket"]),
    (["status", "-o", ""], ["json"]),
    (["capture", "-o", ""], []),  # a file
    (["help", "res"], ["resume"]),
    (["doctor", "fire"], ["firewall"]),
    (["-s", "/nonexistent", "drain", ""], []),
    (["nonsense", ""], []),
    (["status", "nonsense"], []),
    (["-s"], []),
])
def test_completion(begun, offered):
    assert [word for word in words_offered(*begun) if word.startswith(begun[-1])] == offered


def test_every_command_is_offered():
    assert words_offered("") == commands()


# ---- in the shells ----

class Fish:
    """It is asked what it would offer."""

    def __init__(self, directory):
        self.directory = directory

    def offers(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", str(SCRIPTS / "vipctl.fish"), line],
                              capture_output=True, text=True, timeout=60, cwd=self.directory, env={**os.environ, "PATH": PATH, "HOME": self.directory})
        assert not done.stderr, done
        return sorted({word.split("\t")[0] for word in done.stdout.splitlines()})


class Typed:
    """It inserts all that it offers into the line that somebody types; then they are the arguments of printf."""

    def __init__(self, terminal, directory):
        self.terminal, self.directory = terminal, pathlib.Path(directory)
        self.wait_prompt()

    def wait_prompt(self):
        self.terminal.wait(lambda screen: screen.strip() == "ready", "the prompt", deadline=60)

    def offers(self, line):
        words = self.directory / "words"
        for *options, keys in (["-l", line], ["M-q"], ["-l", " END"], ["C-a"], ["-l", "printf '%s\\n' "], ["C-e"], ["-l", " >words; echo DONE"], ["Enter"]):
            self.terminal.keys(*options, keys)
        self.terminal.wait(lambda screen: "\nDONE" in screen, "the end of the line", deadline=60)
        self.terminal.keys("-l", "clear")
        self.terminal.keys("Enter")
        self.wait_prompt()
        found = words.read_text().splitlines()
        assert found[0] == "vipctl" and found[-1] == "END"
        return sorted(found[len(line.rsplit(" ", 1)[0].split()):-1])


@contextlib.contextmanager
def typed(shell, file, settings, directory):
    pathlib.Path(directory, file).write_text(f"PS1='ready '; PATH={PATH}; cd {directory}\n" + settings)
    with Terminal(shell, "-i", width=2000, ZDOTDIR=directory, HOME=directory) as terminal:
        yield Typed(terminal, directory)


SHELLS = {
    "fish": lambda directory: contextlib.nullcontext(Fish(directory)),
    "bash": lambda directory: typed("bash", ".bashrc", f"""bind '"\\eq": insert-completions'; source {SCRIPTS}/vipctl.bash\n""", directory),
    "zsh": lambda directory: typed("zsh", ".zshrc", f"""fpath=({SCRIPTS} $fpath); autoload -Uz compinit; compinit -u -D
        zstyle ':completion:*' completer _all_matches _complete; zstyle ':completion:*' insert true; bindkey -e; bindkey '\\eq' complete-word\n""",
                         directory),
}


def long_options(command):
    return sorted(set(re.findall(r"^ +(?:-\w, )? *(--[\w-]+)", vipctl(command, "--help").stdout, re.M)))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_what_vipctl_knows(shell, tmp_path):
    """And files where it knows nothing."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    for name in ("first.conf", "first.txt"):
        (tmp_path / name).touch()
    with SHELLS[shell](str(tmp_path)) as shell:
        assert shell.offers("vipctl ") == sorted(commands())
        assert shell.offers("vipctl manifest --") == long_options("manifest")
        for line, offered in {
                "vipctl -o json dr": ["drain"], "vipctl -o ": ["json"], "vipctl doctor agent fire": ["firewall"],
                "vipctl --for=10m drain --fo": ["--for", "--force"], "vipctl manifest --dns-server=::1 --zo": ["--zone"],
                "vipctl import fi": ["first.conf", "first.txt"], "vipctl capture -o first.c": ["first.conf"]}.items():
            assert shell.offers(line) == offered
