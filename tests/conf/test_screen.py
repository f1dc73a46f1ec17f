# SPDX-License-Identifier: Apache-2.0
"""`vipctl watch` on a terminal (tmux), and without one, against an agent of a few lines (fake_agent.py)."""

import contextlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import threading
import time

import pytest

from basics import wait_for
from fake_agent import (
    VIPCTL, Agent, agent, at, backup, check_fails, engine_hangs, grouped, healthy_status, holder_unknown, holding, kept_by_another, member,
    unhealthy)
from terminal import Terminal

KEYS = "d drain  r resume  e events  q quit"
HEADLINE = "api: held by node1 (this node); 2 of 3 servers can take over; next: k8s-node02"


def watch(agent, *arguments, **more):
    return Terminal(VIPCTL, "-s", agent.path, "watch", *arguments, **more)


@pytest.fixture
def group(agent):
    grouped(agent.status, member(2), member(3))
    agent.timeline["holdings"] = [holding(2, 10, 70, end=("drained", "drained")), holding(1, 70.005, code="resigned")]
    return agent


def test_the_group_fits_80_by_24(group):
    check_fails(group.status)
    group.status["checks"][0].update(recent_ms=[None] * 41 + [1, 2, 3.5, None] * 4 + [1, 2, 3.5], state_ms=9000)
    with watch(group) as terminal:
        lines = terminal.shows(KEYS, "16:01:10").splitlines()
        assert len(lines) == 24 and lines[23] == KEYS and HEADLINE in lines, lines
        assert "! check apiserver: failing: HTTP 500" in lines
        assert any(line.split() == ["k8s-node03", "fe80::5054:ff:fe12:3453", "backup", "100", "healthy", "0.4s", "ago"] for line in lines)
        assert any(re.fullmatch(r"16:01:10  \S+ so far +k8s-node02 -> k8s-node01: k8s-node02: drained", line) for line in lines), lines
        assert terminal.screen("-J") == lines  # nothing was wrapped by the terminal
        [line] = [line for line in lines if line.startswith("apiserver ")]
        assert line.endswith("failing       3.1ms  " + " " * 17 + "▃▅█ " * 4 + "▃!!"), line  # what the agent remembers, at once


def test_it_is_drawn_anew_for_another_size(group):
    with watch(group) as terminal:
        for width, height in ((60, 12), (200, 50), (20, 3), (80, 24)):
            terminal.resize(width, height)
            keys = KEYS if len(KEYS) <= width else KEYS[:width - 1] + "~"
            terminal.wait(lambda text, h=height, k=keys: text.startswith("node1: vipd") and text.split("\n")[h - 1:] == [k])
        assert HEADLINE in terminal.shows(HEADLINE)


def test_what_happens_is_shown_at_once(group):
    with watch(group) as terminal:
        terminal.shows(HEADLINE)
        holder_unknown(group.status)
        terminal.shows("api: HELD BY NOBODY: none is heard", "k8s-node02 is about to take over. If this stays, look there: vipctl status")
        group.status.update(healthy_status())
        grouped(group.status, member(2, state="active", state_ms=60000), member(3))
        terminal.shows("api: HELD BY 2 SERVERS AT ONCE: k8s-node01, k8s-node02", "do not hear each other's adverts")
        grouped(group.status, member(2, drained=True), can_take_over=0, following=None)
        terminal.shows("0 of 2 servers can take over", "If node1 fails, nobody can take over api (k8s-node02: drained). Mend one of them, or resume what is drained.")


LONG = "preempted k8s-node02 of lower priority 120, which had been drained by an operator"


def test_what_does_not_fit(group):
    """A move is a line among the others, and what is cut says so; alone, it is told whole. Colours take no room."""
    before, after = group.timeline["holdings"]
    before.update(end_code="higher_priority", end_reason="fe80::11 has higher priority 150")
    after.update(code="preempted_lower", reason=LONG)
    with watch(group) as terminal:
        [line] = [line for line in terminal.shows("16:01:10").splitlines() if line.startswith("16:01:10")]
        assert len(line) == 80 and line.endswith("~") and LONG[:20] in line, line
        terminal.keys("e")
        shown = terminal.shows(LONG).splitlines()
        [row] = [i for i, line in enumerate(shown) if line.startswith("16:01:10")]
        assert shown[row + 1].startswith(" " * 23) and shown[row + 1].strip(), shown


def test_what_is_old_does_not_grow(group):
    """While the agent is away nobody knows for how long the address has been held since."""
    group.timeline["holdings"][1]["from"] = begin = at(20)
    row = begin[11:19] + "  "
    with watch(group) as terminal:
        terminal.shows("so far")
        group.server_close()
        os.unlink(group.path)
        [held] = re.findall(rf"{row}(\S+) so far", terminal.shows("DOES NOT ANSWER", "vipctl watch on another server"))
        time.sleep(1.2)  # sleep-ok: the screen looks once a second
        assert f"{row}{held} so far" in "\n".join(terminal.screen())


def test_each_event_is_looked_at(group):
    """More often than once a second: 15 looks would be all until the deadline."""
    def events():
        for before in iter(lambda: group.asked, None):
            yield b'{"event":"holder"}\n'
            wait_for("it has looked", lambda: group.asked, lambda now, before=before: now > before)
    group.stream = [events()]
    with watch(group):
        wait_for("it has looked at each", lambda: group.asked, lambda count: count >= 30, 15)


def row_of(text, node):
    return next(line.split() for line in text.splitlines() if line.startswith(node))


def test_a_dead_holder_is_not_a_second_one(group):
    """Until it is lost it counts as here, with what it said last."""
    def dead(silence_ms, **ours):
        grouped(group.status, member(2, state="active", state_ms=3600000, last_seen_ms=silence_ms), member(3))
        group.status["virtual_routers"][0]["group"]["members"][0].update(ours)
    dead(700, state="backup")
    holder_unknown(group.status)  # it died just now
    with watch(group) as terminal:
        seen = row_of(terminal.shows("HELD BY NOBODY", "no adverts, hello 0.7s ago"), "k8s-node02")
        assert "healthy" not in seen and "active" not in seen, seen
        group.status.update(healthy_status())
        dead(900, state_ms=600)  # and this node has taken over since
        shown = terminal.shows(HEADLINE, "not heard for 0.9s")
        assert "AT ONCE" not in shown and "active" not in row_of(shown, "k8s-node02"), shown
        dead(500, state_ms=600)  # but if it says so after that, it is alive
        assert "active" in row_of(terminal.shows("api: HELD BY 2 SERVERS AT ONCE: k8s-node01, k8s-node02"), "k8s-node02")
        grouped(group.status, member(2, last_seen_ms=2300), member(3))
        terminal.shows(HEADLINE, "not heard for 2.3s")


def test_old_news_is_not_green(group):
    with watch(group) as terminal:
        def is_drawn(code):
            """As SGR code, as the terminal says it: 32 green, 33 yellow, 31 red, 2 dim."""
            before = "\n".join(terminal.screen("-e")).partition("api: ")[0]
            return code in re.findall(r"\d+", ";".join(re.findall(r"\033\[([\d;]*)m", before.rpartition("\033[0m")[2])))
        terminal.shows(HEADLINE)
        assert is_drawn("32")
        engine_hangs(group.status)
        group.status["virtual_routers"][0]["group"]["members"][0]["state"] = "fault"
        terminal.shows("api: who holds it is not known", "the engine does not respond")
        assert is_drawn("33")
        group.status["virtual_routers"][0]["group"]["members"][1].update(state="active", state_ms=400)
        terminal.shows("api: held by k8s-node02; ")
        group.status.update(healthy_status())
        kept_by_another(group.status)
        terminal.shows("the holder is drained, and no other server takes over: k8s-node02")
        assert is_drawn("33")
        group.status.update(healthy_status())
        unhealthy(group.status)
        terminal.shows("the holder is unhealthy: this node")
        assert is_drawn("31")
        group.status.update(healthy_status())
        group.server_close()
        os.unlink(group.path)
        terminal.shows("THE AGENT OF THIS NODE DOES NOT ANSWER", "api: held by node1")
        assert is_drawn("2") and not is_drawn("32")


def test_without_its_bell_it_waits_all_the_same(group):
    """The child that follows the events dies: then there are looks once a second, and rest between them."""
    with watch(group) as terminal:
        terminal.shows("api: held by node1")
        pid = terminal.pid()
        [child] = [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        os.kill(child, signal.SIGKILL)
        holder_unknown(group.status)
        terminal.shows("HELD BY NOBODY")
        wait_for("it sleeps", lambda: [state_of(pid) for _ in range(100)], lambda states: states.count("S") > 90)


def state_of(pid):
    time.sleep(0.002)  # sleep-ok: between two looks
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_keys(group):
    asked = []
    group.on_post = lambda path: asked.append(path) or (403, {"error": "only root may do this"})
    with watch(group) as terminal:
        terminal.shows(KEYS)
        terminal.keys("e")
        assert "apiserver" not in terminal.shows("e group")
        terminal.keys("e")
        terminal.shows(KEYS, "apiserver")
        terminal.keys("d")
        terminal.shows("drain this node", "y yes")
        terminal.keys("x")
        terminal.shows(KEYS)
        assert not asked
        for key, command in (("d", "drain"), ("r", "resume")):
            terminal.keys(key, "y")
            terminal.shows(f"vipctl {command}\nvipctl: only root may do this", "press Return")
            terminal.keys("Enter")
            terminal.shows(KEYS)
        assert asked == ["/v1/drain", "/v1/resume"]
        terminal.keys("q")
        assert "ENDED 0" in terminal.shows("ENDED")


def is_usual(terminal):
    """The terminal is as it was."""
    shown = terminal.shows("ENDED", "extproc")  # the last word of stty
    assert " icanon" in shown and "-icanon" not in shown and "-echo " not in shown, shown
    assert terminal.tmux("display", "-p", "#{alternate_on} #{cursor_flag} #{wrap_flag}").split() == ["0", "1", "1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_the_terminal_is_given_back(group, number):
    with watch(group) as terminal:
        terminal.shows(KEYS)
        os.kill(terminal.pid(), number)
        is_usual(terminal)


def test_it_can_be_stopped_and_goes_on(group):
    with Terminal("bash", "--norc", "-i") as terminal:
        terminal.keys(f"{VIPCTL} -s {group.path} watch", "Enter")
        terminal.shows(KEYS)
        terminal.keys("C-z")
        terminal.wait(lambda text: "Stopped" in text and KEYS not in text)
        assert terminal.tmux("display", "-p", "#{alternate_on}").strip() == "0"
        terminal.keys("echo $((6*7))", "Enter")
        terminal.shows("42")
        terminal.keys("fg", "Enter")
        assert "Stopped" not in terminal.shows(KEYS)
        terminal.keys("q")
        terminal.wait(lambda text: KEYS not in text)
        terminal.keys("exit", "Enter")
        is_usual(terminal)


def test_an_agent_that_goes_and_comes_back(group):
    with watch(group) as terminal:
        terminal.shows(HEADLINE)
        group.server_close()
        os.unlink(group.path)
        terminal.shows("THE AGENT OF THIS NODE DOES NOT ANSWER: the agent is not running here", "Below stands what was at")
        again = Agent(group.path)
        again.status = group.status
        terminal.wait(lambda text: "DOES NOT ANSWER" not in text and HEADLINE in text)
        again.awake.set()
        again.shutdown()
        again.server_close()


def test_what_hangs_can_be_interrupted(group):
    """A command that a key has started, as on the command line."""
    answered = threading.Event()
    group.on_post = lambda path: (answered.wait(30), (200, {}))[1]
    with watch(group) as terminal:
        terminal.shows(KEYS)
        terminal.keys("d", "y")
        terminal.shows("vipctl drain")
        os.kill(terminal.pid(), signal.SIGINT)
        is_usual(terminal)
        answered.set()


def test_lines_on_a_terminal_that_knows_no_sequences(group):
    with watch(group, TERM="dumb") as terminal:
        terminal.shows("api: held by node1")
        assert HEADLINE in terminal.screen("-J")[0] and KEYS not in terminal.screen()


@pytest.mark.parametrize("environment, coloured", [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours(group, environment, coloured):
    with watch(group, **environment) as terminal:
        terminal.shows(KEYS)
        assert ("\033[32m" in "".join(terminal.screen("-e"))) == coloured


def test_nothing_from_outside_commands_the_terminal(group):
    evil = "a\033[2Jb\033]0;title\007c\x9b31m\n\rd"
    grouped(group.status, member(2, node=evil, health="failing", reason=evil), member(3), following=evil)
    group.status["checks"][0].update(state="failing", last_error=evil, name=evil)
    group.timeline["holdings"] = [holding(2, 10, 70, node=evil, reason=evil, end=("drained", evil)), holding(1, 70, reason=evil)]
    out = drawn(group, 1.5)
    ours = re.compile(rb"\033\[(\d+;1H|K|[0-9;]*m|\?(1049|25|7)[hl]|2J)")
    rest = ours.sub(b"", out)
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", rest), rest
    assert b"a?[2Jb?]0;title?c??31m??d" in rest


def drawn(agent, seconds):
    """What it writes to a terminal in that time."""
    pid, end = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", TZ="UTC")
        os.execv(VIPCTL, [VIPCTL, "-s", agent.path, "watch"])
    out, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        if select.select([end], [], [], 0.05)[0]:
            out += os.read(end, 65536)
    os.write(end, b"q")
    os.waitpid(pid, 0)
    os.close(end)
    return out


def test_only_what_has_changed_is_drawn_again(group):
    out = drawn(group, 3.5)
    rows = [int(row) for row in re.findall(rb"\033\[(\d+);1H", out)]
    assert len(rows) > 24 and rows[:24] == list(range(1, 25))
    assert 4 not in rows[24:] and 24 not in rows[24:], rows  # the table and the keys stay as they are


@contextlib.contextmanager
def running(*command):
    """Killed after a minute, so that a line that never comes is a failure."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"TZ": "UTC"}) as program:
        timer = threading.Timer(60, program.kill)
        timer.start()
        try:
            yield program
        finally:
            timer.cancel()
            program.kill()


def test_lines_where_there_is_no_terminal(group):
    with running(VIPCTL, "-s", group.path, "watch") as program:
        def line():
            return program.stdout.readline().rstrip("\n")[len("2026-11-22 16:00:00  "):]
        assert line() == HEADLINE
        check_fails(group.status)
        assert line() == "! check apiserver: failing: HTTP 500"
        backup(group.status)["active_router"]["node"] = "k8s-node02"
        assert line() == HEADLINE.replace("node1 (this node)", "k8s-node02")
        group.status["virtual_routers"][0]["active_router"]["node"] = "k8s-node03"  # what differs is a digit
        assert line() == HEADLINE.replace("node1 (this node)", "k8s-node03")
        group.status["virtual_routers"][0]["group"]["can_take_over"] = 1
        assert line() == HEADLINE.replace("node1 (this node)", "k8s-node03").replace("2 of 3", "1 of 3")
        group.status["checks"][0]["state"] = "passing"
        assert line() == "over: check apiserver: failing: HTTP 500"
        group.status["virtual_routers"][0]["group"]["members"][0]["state"] = "backup"
        for heartbeat_ms in (5200, 6300, 65000):  # a duration is no news
            group.status["engine"].update(responding=False, heartbeat_ms=heartbeat_ms)
            wait_for("it has looked", lambda: group.asked, lambda count, before=group.asked: count >= before + 2)
        assert line() == "api: who holds it is not known; 1 of 3 servers can take over; next: k8s-node02"
        assert line().startswith("! the engine does not respond (last sign of life 5.2s ago)")
        group.server_close()
        os.unlink(group.path)
        assert line().startswith("! the agent of this node does not answer: the agent is not running here")
    with running(VIPCTL, "-s", group.path, "-o", "json", "watch") as program:
        assert "the agent is not running" in program.stderr.readline()
        again = Agent(group.path)
        again.status = group.status
        assert json.loads(program.stdout.readline())["node"] == "node1"
        again.awake.set()
        again.shutdown()
        again.server_close()
