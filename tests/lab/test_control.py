# SPDX-License-Identifier: Apache-2.0
"""What people and Prometheus see and do: vipctl, the socket, the metrics, the configuration."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

from testbed import BUILD, VIP, UnixConnection, config_text, run, transitions, wait_for


def test_status_for_people(nodes):
    text = nodes[0].vipctl("status").stdout
    for word in ("api", VIP, "active", nodes[0].name, "apiserver", "passing"):
        assert word in text, text
    assert "\x1b" not in text, "colour belongs on a terminal only"


def test_the_readme_shows_what_status_prints(nodes):
    """But for numbers, the path, the reason, and what this machine does not allow."""
    def shape(text):
        told = [line for line in text.splitlines() if "would be told" not in line and not line.startswith(("engine:", "  OCK"))]
        return [re.sub(r"/\S+|(?<=: ).* since .*|\d[\d.]*m?s", "…", " ".join(line.split())) for line in told]
    readme = pathlib.Path(__file__, "../../../README.md").resolve().read_text()
    [shown] = [block.split("\n", 2)[2] for block in readme.split("```")[1::2] if "# vipctl status" in block]
    assert shape(nodes[0].vipctl("status").stdout) == shape(shown)


def test_agent_not_running(nodes):
    nodes[2].vipd_stop()
    answer = nodes[2].vipctl("status", check=False)
    assert (answer.returncode, answer.stdout) == (3, "")
    assert nodes[2].socket_path in answer.stderr and "systemctl start vipd" in answer.stderr


def test_metrics_are_clean(nodes):
    for text in (nodes[0].metrics(), nodes[0].vipctl("metrics").stdout, nodes[0].http("GET", "/metrics")[1]):
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert [node.metric("vipd_address_held", address=VIP) for node in nodes] == [1, 0, 0]
    assert [node.metric("vipd_router_state", state="active") for node in nodes] == [1, 0, 0]
    assert nodes[0].metric("vipd_adverts_sent_total") > 0 and nodes[1].metric("vipd_adverts_received_total") > 0
    assert nodes[0].metric("vipd_check_up", check="apiserver") == 1


def test_every_metric_is_documented(nodes):
    exported = set(re.findall(r"^# TYPE (vipd_\w+ \w+)$", nodes[0].metrics(), re.M))
    text = pathlib.Path(__file__, "../../../docs/metrics.md").resolve().read_text()
    rows = re.findall(r"^- `(vipd_\w+)`\s\((\w+)[;)]", text, re.M)
    # those of `publish` are there where it is configured
    assert exported == {f"{name} {kind}" for name, kind in rows if not name.startswith("vipd_publish_")}


def test_the_metrics_listener_changes_nothing(lab, nodes):
    for path in ("/v1/drain", "/v1/status", "/v1/reload"):
        answer = nodes[0].exec("curl", "-sS", "--noproxy", "*", "-X", "POST", "-o", "/dev/null", "-w", "%{http_code}",
                               f"http://[::1]:9752{path}").stdout
        assert answer in ("404", "405"), path
    assert lab.holders() == [nodes[0].name] and nodes[0].router()["drained"] is False


def test_health_of_the_agent(nodes):
    assert nodes[0].http("GET", "/healthz") == (200, "ok\n")
    assert nodes[0].vipctl("check", "--alive").stdout.startswith("OK: ")


def test_who_comes_when_all_places_are_taken_waits(nodes):
    """Is not disconnected, as docs/api.md says; root's clients have no other limit than the total."""
    def connect():
        client = stack.enter_context(socket.socket(socket.AF_UNIX))
        client.connect(nodes[0].socket_path)  # waits where the backlog is full
        client.settimeout(30)
        return client
    with contextlib.ExitStack() as stack:
        *_, last, late = [connect() for _ in range(129)]
        late.sendall(b"GET /healthz HTTP/1.1\r\nHost: vipd\r\n\r\n")
        last.close()
        assert late.recv(100).startswith(b"HTTP/1.1 200")


def test_events_tell_the_move(lab, nodes):
    connection = UnixConnection(nodes[1].socket_path)
    connection.request("GET", "/v1/events?follow=1&last=0")
    stream = connection.getresponse()
    nodes[0].drain()
    event = {}
    while "to" not in event:  # between them is what members of the group do
        event = json.loads(stream.readline())
    connection.close()
    assert event.items() >= {"router": "api", "vrid": 100, "from": "backup", "to": "active"}.items(), event
    assert event["reason"]
    assert "active" in nodes[1].vipctl("events").stdout
    lab.wait_holder(nodes[1])


def test_a_failing_reload_changes_nothing(lab, nodes):
    before = transitions(nodes)
    wrong = nodes[0].config()
    wrong["virtual_routers"][0]["priority"] = 300
    wrong["virtual_routers"][0]["advert_interval"] = "100"
    wrong["virtual_routers"][0]["colour"] = "red"
    nodes[0].write_config(wrong)
    assert nodes[0].metric("vipd_config_last_reload_successful") == 1
    answer = nodes[0].vipctl("reload", check=False)
    assert answer.returncode == 4
    for word in ("priority", "300", "advert_interval", "colour", nodes[0].config_path + ":"):
        assert word in answer.stderr, answer.stderr
    last = nodes[0].status()["config"]["last_reload"]
    assert not last["successful"] and "priority = 300" in last["error"] and nodes[0].metric("vipd_config_last_reload_successful") == 0
    assert nodes[0].log().count("priority = 300") == 1
    os.kill(nodes[0].vipd_pids()["control"], signal.SIGKILL)
    wait_for("another control knows it", lambda: nodes[0].status()["config"]["last_reload"], lambda now: now == last)
    checked = run(f"{BUILD}/vipd", "-n", "-c", nodes[0].config_path, check=False, env=lab.environment)
    assert checked.returncode == 2 and "300" in checked.stderr
    router = nodes[0].router()
    assert (router["state"], router["priority"], router["advert_interval_ms"]) == ("active", 150, 100)
    assert transitions(nodes) == before and lab.holders() == [nodes[0].name]

    # What is right and will hardly do what was meant is said as well.
    nodes[0].reconfigure(more={"name": "haproxy", "type": "exec", "command": ["/usr/bin/killall", "-0", "haproxy"], "fall": 10})
    warned = nodes[0].vipctl("reload")
    last = nodes[0].status()["config"]["last_reload"]
    assert "warning: check \"haproxy\"" in warned.stderr and last["successful"] and last["error"] is None, (warned, last)
    assert last["warnings"] == warned.stderr and nodes[0].log().count("killall") == 2
    nodes[0].reconfigure()
    assert nodes[0].status()["config"]["last_reload"]["warnings"] is None


def test_a_reload_survives_what_a_configuration_includes(nodes):
    """libconfig itself would end the guardian at a directory, and wait at a FIFO for ever."""
    node = nodes[0]
    fifo = node.config_path + ".fifo"
    os.mkfifo(fifo)
    with open(node.config_path) as file:
        right = file.read()
    for path in ("/", fifo, "/dev/zero"):
        with open(node.config_path, "w") as file:
            file.write(f'@include "{path}"\n' + right)
        answer = node.vipctl("reload", check=False)
        assert answer.returncode == 4 and f":1: @include: cannot read {path}: " in answer.stderr, answer.stderr
    with open(node.config_path, "w") as file:
        file.write(right)
    node.vipctl("reload")


def test_names_of_interfaces_are_forgotten_over_reloads(lab, nodes):
    """The engine has room for 510; each reload brings 120 new ones."""
    node = nodes[0]
    before, right = transitions(nodes), node.config()
    for turn in range(5):
        changed = node.config()
        changed["virtual_routers"] = right["virtual_routers"] + [
            dict(interface=f"t{turn}x{i}", vrid=i + 1, addresses=[f"2001:db8:{turn:x}::{i + 1:x}"]) for i in range(120)]
        node.write_config(changed)
        node.vipctl("reload")
        wait_for("the reload is in force", lambda: sum(
                r["interface"].startswith(f"t{turn}x") for r in node.status()["virtual_routers"]),
                lambda count: count == 120)
    node.write_config(right)
    for _ in range(2):  # those of the routers that the first one stops are forgotten by the second
        node.vipctl("reload")
        wait_for("the others are gone", lambda: len(node.status()["virtual_routers"]), lambda count: count == 1)
    wait_for("they are gone from the metrics", lambda: "t4x119" in node.metrics(), lambda found: not found)
    assert transitions(nodes) == before and lab.holders() == [node.name]


def test_a_reload_moves_nothing(lab, nodes, probe):
    before = transitions(nodes)
    changed = nodes[0].config()
    changed["virtual_routers"][0].update(priority=140, advert_interval="200ms")
    changed["checks"][0].update(interval="500ms", fall=3)
    nodes[0].write_config(changed)
    nodes[0].vipctl("reload")
    wait_for("the new settings are in force", lambda: nodes[0].router(),
             lambda r: (r["priority"], r["advert_interval_ms"], r["healthy"]) == (140, 200, True))
    wait_for("the backups follow the interval", lambda: nodes[1].router()["advert_interval_ms"], lambda ms: ms == 200)
    for node in nodes[1:]:
        changed = node.config()
        changed["checks"] = []
        changed["virtual_routers"][0].update(checks=[], advert_interval="200ms")
        node.write_config(changed)
        node.vipctl("reload")
        wait_for("no checks: healthy", lambda: (node.status()["checks"], node.router()["healthy"]),
                 lambda seen: seen == ([], True))
    assert lab.holders() == [nodes[0].name]
    assert transitions(nodes) == before
    window = probe.mark()
    assert window["requests"]["lost"] == 0 and {run["node"] for run in window["nodes"]} == {nodes[0].name}


def test_a_reload_that_lowers_the_priority_hands_over(lab, nodes, probe):
    lower = nodes[0].config()
    lower["virtual_routers"][0]["priority"] = 110
    nodes[0].write_config(lower)
    nodes[0].vipctl("reload")
    lab.wait_holder(nodes[1])
    wait_for("the client is served by it", probe.answered_by, lambda name: name == nodes[1].name)


def test_the_printed_configuration_is_a_configuration(lab, nodes):
    printed = run(f"{BUILD}/vipd", "-nv", "-c", nodes[0].config_path, env=lab.environment).stdout
    path = nodes[0].config_path + ".printed"
    with open(path, "w") as out:
        out.write(printed)
    again = run(f"{BUILD}/vipd", "-nv", "-c", path, env=lab.environment).stdout
    assert again == printed and "apiserver" in printed and config_text(VIP) in printed
