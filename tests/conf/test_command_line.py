# SPDX-License-Identifier: Apache-2.0
"""How vipctl is called: its help, what it says of a wrong word, what a shell completes, and the manual pages. VIPD_BUILD
names the directory of vipctl; run from the top directory."""

import os
import pathlib
import re
import subprocess

import pytest

VIPCTL = os.path.join(os.environ.get("VIPD_BUILD", "build"), "vipctl")
PAGES = sorted(pathlib.Path("docs").glob("*.[158]"))


def vipctl(*arguments, **more):
    return subprocess.run([VIPCTL, *arguments], capture_output=True, text=True, timeout=30, **more)


def commands():
    usage = vipctl("--help").stdout
    return [line.split()[0] for line in usage.split("\n\n")[1].splitlines()]


def test_every_command_explains_itself():
    assert len(commands()) >= 12
    for command in commands():
        for words in ([command, "--help"], ["-h", command], ["help", command], ["-o", "json", command, "-h"]):
            done = vipctl(*words)
            assert done.returncode == 0 and done.stdout.startswith(f"Usage: vipctl {command}") and not done.stderr, done
            assert done.stdout == vipctl(command, "--help").stdout


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["status", "x"], ["drain", "a", "b"], ["drain", "--for"], ["resume", "--for", "1m"], ["status", "--for", "1m"], ["status", "-f"], ["-o", "xml", "status"],
    ["events", "-n", "x"], ["--nonsense"], ["help", "nonsense"]])
def test_wrong_usage(arguments):
    done = vipctl(*arguments)
    assert done.returncode == 2 and done.stderr and not done.stdout


@pytest.mark.parametrize("words, says", [
    (["statsu"], "there is no command 'statsu' (did you mean 'status'?); see vipctl --help"),
    (["help", "drian"], "there is no command 'drian' (did you mean 'drain'?); see vipctl --help"),
    (["xyzzy"], "there is no command 'xyzzy'; see vipctl --help"),
    (["drain", "--fro", "1m"], "drain takes no --fro (did you mean --for?); see vipctl drain --help"),
    (["events", "--folow"], "events takes no --folow (did you mean --follow?); see vipctl events --help"),
    (["manifest", "--calico-hodler=1"], "manifest takes no --calico-hodler (did you mean --calico-holder?); see vipctl manifest --help"),
    (["status", "--for", "1m"], "status takes no --for; drain does; see vipctl status --help"),
    (["--for", "1m", "status"], "status takes no --for; drain does; see vipctl status --help"),
    (["drain", "--for"], "--for needs a value: TIME; see vipctl drain --help"),
    (["events", "--follow=1"], "--follow takes no value; see vipctl events --help"),
    (["status", "-fq"], "status takes no -f; see vipctl status --help"),
    (["manifest", "x"], "manifest takes no argument: what is 'x'?; see vipctl manifest --help"),
    (["drain", "a", "b"], "drain takes one argument: what is 'b'?; see vipctl drain --help"),
])
def test_a_wrong_word_is_told(words, says):
    done = vipctl(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"vipctl: {says}\n")


def test_an_option_takes_a_value_in_every_command_or_in_none():
    """Else it could not stand before the command."""
    kinds = {}
    for command in commands():
        for option, value in re.findall(r"^ +(?:-\w, )? *--([\w-]+)( [A-Za-z=]+)?(?:  |$)", vipctl(command, "--help").stdout, re.M):
            assert kinds.setdefault(option, bool(value)) == bool(value), (command, option)
    assert {"for", "follow", "server", "no-color"} <= set(kinds)


def texts():
    """Where people are told what to type, with the pieces of a sentence put together."""
    for path in sorted([*pathlib.Path("agent").rglob("*.[ch]"), *pathlib.Path("docs").glob("*.md"), *PAGES, pathlib.Path("README.md"), pathlib.Path("conf/vipd.conf")]):
        text = re.sub(r'"\s*\n\s*"', "", path.read_text())
        yield path, re.sub(r"\s*\n( \*|//|#)?\s*", " ", text.replace("\\-", "-"))


def test_what_people_are_told_to_type_is_right():
    known = {command: vipctl(command, "--help").stdout for command in commands()}
    found = 0
    for path, text in texts():
        for command, options, word in re.findall(r"\bvipctl ([a-z]+)((?: +--?[a-z][a-z0-9-]*)*)(?: ([a-z0-9-]+))?", text):
            if command not in known:
                continue
            for option in options.split():
                assert re.search(rf"(^| ){option}\b", known[command], re.M), (path, command, option)
                found += 1
            assert not word or command == "doctor" or f" --{word} " not in known[command], (path, command, word)  # a finding may be called so
    assert found > 30, found


# ---- the manual ----

def test_every_command_and_option_is_in_the_manual():
    manual = pathlib.Path("docs/vipctl.1").read_text()
    for command in commands():
        assert f"\n.B {command}\n" in manual or f"\n.BR {command} " in manual, command
        for option in re.findall(r"--([\w-]+)", vipctl(command, "--help").stdout):
            assert "\\-\\-" + option.replace("-", "\\-") in manual, (command, option)


def test_every_option_of_vipd_is_in_the_manual():
    """In the synopsis, too."""
    manual = pathlib.Path("docs/vipd.8").read_text()
    synopsis = manual.split(".SH SYNOPSIS")[1].split(".SH ")[0]
    told = subprocess.run([VIPCTL.replace("vipctl", "vipd"), "--help"], capture_output=True, text=True, timeout=30).stdout
    options = re.findall(r"^  (--?[\w-]+)", told, re.M)
    assert {"-c", "-n", "--version"} <= set(options)
    for option in options:
        escaped = option.replace("-", "\\-").removesuffix("v")
        assert escaped in synopsis and escaped in manual.split(".SH OPTIONS")[1], option


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_manual_pages_are_well_formed(page):
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(page)], capture_output=True, text=True, timeout=30)
    assert not done.stdout and not done.stderr


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_tag_is_one_line(page):
    """.TP takes one line as its tag: brackets that close in the next one are shown below it, as text."""
    lines = page.read_text().splitlines()
    tags = [lines[i + 1] for i, line in enumerate(lines) if line.startswith(".TP")]
    assert not [tag for tag in tags if tag.count("[") != tag.count("]")]
