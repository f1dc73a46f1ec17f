# SPDX-License-Identifier: Apache-2.0
"""No terminal of 80 columns has to break a line that vipctl prints: its help, and every table, with names as they are in real groups."""

import subprocess

import pytest

from fake_agent import VERSION, VIPCTL, agent, backup, grouped, holding, member
from test_command_line import commands

COLUMNS = 80
TABLES = (["status"], ["events"], ["events", "--group"], ["explain"], ["publish"], ["doctor", "agent", "reload", "router", "holder", "group", "health", "name"])
OTHERS = {
    "watch",  # a screen, cut to its width: test_screen.py
    "capture", "metrics", "manifest", "init", "import",  # what they print is a file
    "check", "drain", "resume", "forget", "reload", "help",  # a line, which monitoring reads; sentences; or shown above
}
NODE = "k8s-control-plane-{}.fra1"


def wide(text):
    return [line for line in text.splitlines() if len(line) > COLUMNS]


def on_terminal(agent, *arguments):
    """What it writes, before the terminal breaks a line."""
    command = f"stty cols {COLUMNS}; {VIPCTL} --no-color -s {agent.path} {' '.join(arguments)}"
    return subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL).stdout


@pytest.fixture
def group(agent):
    """Three servers with long names and addresses; the address has moved, and this node knows why."""
    status = agent.status
    grouped(status, *(member(number, node=NODE.format(number), version=VERSION) for number in (2, 3)), following=NODE.format(3))
    address = "fe80::5054:ff:fe12:3451"
    backup(status)["active_router"].update(address=address, node=NODE.format(2))
    status["virtual_routers"][0].update(name="k8s-api", reason=f"{address} resigned (priority 0)")
    status["checks"][0].update(state="failing", last_error="connection refused by [::1]:6443: is the API server running?")
    status["publish"] = [{"router": "k8s-api", "target": "endpointslice default/kubernetes-api of https://[::1]:6443", "type": "endpointslice", "state": "failing",
                          "last_error": "connection refused by [::1]:6443, and so for the last ten minutes without a pause", "last_success": "2026-11-22T16:00:00.123Z",
                          "published": [{"ready": True, "node": NODE.format(1), "address": "2001:db8:1162:79fb:ff00:1234:5678:1"}]}]
    at = {"at": "2026-11-22T16:00:00.123Z", "router": "k8s-api"}
    agent.events = [
        {**at, "number": 1, "from": "backup", "to": "active", "reason": "no advertisement for 310ms"},
        {**at, "number": 2, "from": "initialize", "to": "backup", "reason": f"{address} has priority 120, and this one 100"},
        {**at, "event": "joined", "member": NODE.format(2), "address": address},
        {**at, "event": "back", "member": NODE.format(2), "address": address, "after_ms": 72000, "rebooted": True},
        {**at, "event": "told", "clients": 12},
        {"lost": 3}]
    agent.timeline["holdings"] = [
        holding(2, 10, 70, node=NODE.format(2), address=address, router="k8s-api", end=("drained", "drained")),
        holding(1, 70.005, node=NODE.format(1), router="k8s-api", code="resigned", reason=f"{address} resigned (priority 0)")]
    return agent


@pytest.mark.parametrize("command", ["", *commands()])
def test_help(agent, command):
    for shown in (subprocess.run([VIPCTL, *command.split(), "--help"], capture_output=True, text=True).stdout, on_terminal(agent, command, "--help")):
        assert shown and not wide(shown), "\n".join(wide(shown))


@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_tables(group, words):
    shown = on_terminal(group, *words)
    assert shown.count("\n") > 1 and not wide(shown), shown


def test_every_command_is_looked_at():
    assert {words[0] for words in TABLES} | OTHERS == set(commands())


def test_what_is_no_terminal_gets_one_line_an_event(group):
    lines = group.run("events", env={"TZ": "UTC"}).stdout.splitlines()
    assert len(lines) == len(group.events)
    assert lines[0] == "2026-11-22 16:00:00.123  k8s-api   backup -> active      no advertisement for 310ms"
