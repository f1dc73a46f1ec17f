# SPDX-License-Identifier: Apache-2.0
"""The outside follows: a name in a real BIND leads to the servers that are ready, and to no other."""

import contextlib
import datetime
import json
import os
import signal
import sys
import tempfile

import pytest

from bind import Bind
from testbed import ROOT, build_preload, transitions, wait_for

PUBLISH = os.path.join(ROOT, "tests", "publish")
ZONE = """$TTL 60
@ SOA ns hostmaster 1 60 60 600 60
@ NS ns
ns AAAA 2001:db8::53
k8s-cluster AAAA 2001:db8::dead
"""


@pytest.fixture
def bind(lab):
    bind = Bind(lab.client, ZONE)
    yield bind
    bind.end()


class Replayed:
    """replay.py on a server: its API server, as far as `publish` is concerned."""

    def __init__(self, host):
        self.directory = tempfile.mkdtemp(prefix="replayed-", dir=host.directory)
        self.host = host
        self.process = host.spawn([sys.executable, "-B", os.path.join(PUBLISH, "replay.py"), self.directory], "replayed")
        self.port = wait_for("it listens", lambda: self.read("port"))

    def read(self, name):
        path = os.path.join(self.directory, name)
        if not os.path.exists(path):
            return ""
        with open(path) as file:
            return file.read()

    def answer(self, *names):
        path = os.path.join(self.directory, "answers")
        with open(path + ".new", "w") as out:
            out.write(" ".join(names))
        os.rename(path + ".new", path)

    def requests(self):
        return self.read("requests").splitlines()

    def target(self):
        token = os.path.join(self.directory, "token")
        with open(token, "w") as out:
            out.write("of.the.lab\n")
        return {"type": "endpointslice", "url": f"https://[::1]:{self.port}", "ca": f"{self.directory}/server.crt", "token": token}


@pytest.fixture
def replayed(nodes):
    replayed = Replayed(nodes[0])
    yield replayed
    replayed.host.end(replayed.process)


def publish(nodes, bind, **other):
    for node in nodes:
        node.write_config({**node.config(), "publish": [{
            "type": "dns", "server": f"[{bind.host.address}]:5353", "zone": "k8s.lab", "name": "k8s-cluster", "key": bind.key,
            **other}]})
        node.vipctl("reload")


def leads_to(bind, *nodes):
    wait_for(f"the name leads to {[node.name for node in nodes]}", lambda: bind.addresses("k8s-cluster"),
             lambda found: found == sorted(node.address for node in nodes))


def doctor(node):
    finding, = json.loads(node.vipctl("doctor", "publish", "-c", node.config_path, "-o", "json", check=False).stdout)["findings"]
    return finding["sign"], finding["found"]


def target(node):
    return node.status()["publish"][0]


def settled(holder, what):
    """Says how long after the roster it was told; how long that may be is a matter of tests/unit/test_publish_doubts.c."""
    wait_for("it is told", lambda: target(holder)["state"], lambda state: state == "done")
    known, told = (datetime.datetime.fromisoformat(target(holder)[field].replace("Z", "+00:00")) for field in ("last_change", "last_success"))
    print(f"{what}: told {(told - known).total_seconds():.2f} s after the roster knew")
    assert told - known >= datetime.timedelta(seconds=1), what  # `settle`


@pytest.mark.long
def test_a_name_follows_the_servers(lab, nodes, bind):
    first, second, third = nodes
    publish(nodes, bind)
    leads_to(bind, *nodes)
    assert [target(node)["state"] for node in nodes] == ["done", "off", "off"]
    third.api_kill()
    leads_to(bind, first, second)
    settled(first, "API death")
    third.api_start()
    leads_to(bind, *nodes)
    settled(first, "return")
    first.drain()  # the next holder says it
    leads_to(bind, second, third)
    first.vipctl("resume")
    leads_to(bind, *nodes)
    second.drain()
    leads_to(bind, first, third)
    settled(first, "drain")
    second.vipctl("resume")
    leads_to(bind, *nodes)
    lab.partition(third)  # neither hellos nor connections
    leads_to(bind, first, second)
    settled(first, "node death")
    third.plug()
    leads_to(bind, *nodes)
    first.api_kill()
    leads_to(bind, second, third)
    shown = second.vipctl("publish").stdout
    assert "told, last at" in shown and f"ready      {second.name}" in shown and f"not ready  {first.name}" in shown
    assert f"update add k8s-cluster.k8s.lab 5 AAAA {third.address}" in second.vipctl("publish", "--dry-run").stdout
    assert doctor(second) == ("fine", f"dns k8s-cluster in zone k8s.lab at [{bind.host.address}]:5353 leads to the 2 servers that are ready")
    assert doctor(third)[0] == "unknown"
    bind.change("k8s-cluster", first.address)
    sign, found = doctor(second)
    assert sign == "failure" and f"without {second.address}, {third.address}, with {first.address}" in found
    assert second.metric("vipd_publish_servers_ready", router="api", target="0", type="dns") == 2


def children(node):
    pid = node.vipd_pids()["control"]
    with open(f"/proc/{pid}/task/{pid}/children") as text:
        return text.read().split()


def process_text(pid, name):
    """"": it has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/{name}") as file:
        return file.read()
    return ""


def tellers(node):
    """Children of control that are control itself, and no program: those hold secrets."""
    return [pid for pid in children(node) if "vipd-control" in process_text(pid, "cmdline")]


@pytest.mark.long
def test_a_takeover_during_an_update(nodes, bind):
    """The name server hangs, which harms nobody; then it reads what the old holder wanted, and what the new one wants."""
    first, second, third = nodes
    publish(nodes, bind)
    leads_to(bind, *nodes)
    bind.hang()
    third.api_kill()
    wait_for("it says why", lambda: target(first)["last_error"], lambda error: error and "no answer within 3 s" in error)
    assert first.brief() == ("active", True, False, first.priority, True)
    wait_for("it tries again", lambda: children(first))
    first.api_kill()
    wait_for("another one is the holder", lambda: target(first)["state"], lambda state: state == "off")
    wait_for("the old one has let go", lambda: not children(first))
    bind.go_on()
    leads_to(bind, second)


@pytest.mark.long
def test_secrets_stay_inside(lab, nodes, bind):
    """Nobody finds them in what is said, in the environment of a child, or in a core dump, which there is none of."""
    first, secrets = nodes[0], ("c2VjcmV0IG9mIHRoZSBs", "token.of.the.lab")
    token, environment = (os.path.join(first.directory, name) for name in ("token", "environment"))
    for path, text in ((token, secrets[1]), (environment, "")):
        with open(path, "w") as out:
            out.write(text)
    os.chmod(environment, 0o666)
    server = f"[{bind.host.address}]:5353"
    config = {**first.config(), "run_as": "nobody", "publish": [
        {"type": "dns", "server": server, "zone": "k8s.lab", "name": "k8s-cluster", "key": bind.key},
        {"type": "endpoints", "url": f"https://{server}", "ca": f"{lab.tls}/ca.crt", "token": token, "service": "k8s-api"}]}
    config["checks"].append({"name": "look", "type": "exec", "command": ["/bin/sh", "-c", f"env >{environment}"]})
    config["virtual_routers"][0]["checks"].append("look")
    bind.hang()
    first.vipd_stop()
    first.write_config(config)
    first.vipd_start()

    def open_secrets():
        """What is wrong with those that know them. One that has just given up is no error: it is looked again."""
        pids, found = tellers(first), []
        assert len(pids) >= 2, "both are being told"
        for pid in (first.vipd_pids()["control"], *pids):
            if os.stat(f"/proc/{pid}/environ").st_uid != 0:
                found.append((pid, "can be dumped: it belongs to its user"))
            found += [(pid, name) for name in ("environ", "cmdline") if any(secret in process_text(pid, name) for secret in secrets)]
        return found

    assert wait_for("all of them were looked at", open_secrets, lambda found: True) == []
    bind.go_on()
    wait_for("one is told", lambda: target(first)["state"], lambda state: state == "done")
    wait_for("one refuses", lambda: first.status()["publish"][1]["state"], lambda state: state == "failing")
    with open(environment) as file:
        said = [file.read(), json.dumps(first.status()), first.metrics(), "".join(text for _, text in first.logs()),
                *(first.vipctl(*words, check=False).stdout for words in (["publish"], ["publish", "--dry-run"], ["events"]))]
    for text in said:
        assert text and not any(secret in text for secret in secrets), (said.index(text), text)


@pytest.mark.long
def test_two_holders(nodes, bind):
    """The second one hears nobody, so it does not know of a drain. When it gives way, what it has said is overruled."""
    first, second, third = nodes
    publish(nodes, bind)
    leads_to(bind, *nodes)
    with second.deaf_to("ff02::12"):
        wait_for("two holders", lambda: first.has_address() and second.has_address())
        wait_for("it publishes", lambda: target(second)["state"], lambda state: state == "done")
        third.drain()
        leads_to(bind, first, second)
        second.vipctl("reload")  # it says everything again
        leads_to(bind, *nodes)
    leads_to(bind, first, second)


@pytest.mark.long
def test_an_old_holder_comes_back(lab, nodes, bind):
    """It was cut off, with the group as it was then; the others have gone on."""
    first, second, third = nodes
    publish(nodes, bind)
    leads_to(bind, *nodes)
    lab.partition(first)
    leads_to(bind, second, third)
    third.api_kill()
    leads_to(bind, second)
    wait_for("it cannot say what it thinks", lambda: target(first)["state"], lambda state: state == "failing")
    first.plug()
    leads_to(bind, first, second)


@pytest.mark.long
def test_what_is_no_reason_to_withdraw(lab, nodes, bind):
    """Lost hellos, a new control, and a group in which nobody is well."""
    publish(nodes, bind)
    leads_to(bind, *nodes)
    with lab.switch_drops("ip6 daddr ff02::12 udp dport 9752"):
        wait_for("the others are lost", lambda: [m["presence"] for m in nodes[0].router()["group"]["members"]],
                 lambda found: found == ["here", "lost", "lost"])
        os.kill(nodes[0].vipd_pids()["control"], signal.SIGKILL)
        wait_for("control is back", lambda: nodes[0].status()["publish"])
        leads_to(bind, *nodes)
    wait_for("told by the new control", lambda: target(nodes[0])["state"], lambda state: state == "done")
    for node in nodes:
        node.api_kill()
    wait_for("nobody is well", lambda: [node.router()["healthy"] for node in nodes], lambda well: not any(well))
    assert bind.addresses("k8s-cluster")


@pytest.mark.long
def test_a_new_control_withdraws_nobody(lab, nodes, bind):
    """The hellos of the third are filtered, and it serves: whoever has not heard it since its start keeps it all the same."""
    publish(nodes, bind)
    leads_to(bind, *nodes)
    with lab.switch_drops(f"iifname {nodes[2].port} ip6 daddr ff02::12 udp dport 9752"):
        wait_for("the third is lost", lambda: [m["presence"] for m in nodes[0].router()["group"]["members"]],
                 lambda found: found == ["here", "here", "lost"])
        os.kill(nodes[0].vipd_pids()["control"], signal.SIGKILL)
        wait_for("told by the new control", lambda: target(nodes[0])["state"], lambda state: state == "done")
        assert [server["ready"] for server in target(nodes[0])["published"]] == [True, True, True]
        nodes[2].api_kill()
        leads_to(bind, *nodes[:2])
    nodes[2].api_start()
    leads_to(bind, *nodes)


def says_why(node, *texts):
    """What the status and the log of the holder say, and that nothing else suffers."""
    error = wait_for(f"it says {texts}", lambda: target(node)["last_error"], lambda error: error and all(text in error for text in texts))
    assert target(node)["state"] == "failing"
    assert error in node.log(), error
    shown = node.vipctl("publish", check=False)
    assert shown.returncode == 1 and "FAILING, still trying" in shown.stdout
    assert node.brief() == ("active", True, False, node.priority, True)


def test_a_server_that_refuses(lab, nodes, bind):
    before = transitions(nodes)
    publish(nodes, bind, key=bind.other_key)
    says_why(nodes[0], "BADSIG: the secret of", "copy the key from there")
    assert bind.addresses("k8s-cluster") == ["2001:db8::dead"]
    logs = "".join(text for _, text in lab.logs())
    assert "cannot publish to dns k8s-cluster" in logs and "b3Ro" not in logs
    bind.end()
    nodes[0].vipctl("reload")
    says_why(nodes[0], "no connection by TCP", "does not run")
    assert lab.holders() == [nodes[0].name] and transitions(nodes) == before


@pytest.mark.long
def test_a_clock_that_is_an_hour_off(nodes, bind):
    library = os.path.join(nodes[0].directory, "clock_off.so")
    build_preload("lab/clock_off.c", library)
    bind.begin("env", "LD_PRELOAD=" + library)
    publish(nodes, bind)
    says_why(nodes[0], "BADTIME: the clocks of this node and of the server", "let both follow NTP")
    bind.begin()
    leads_to(bind, *nodes)


@pytest.mark.long
def test_each_answer_of_an_api_server(nodes, replayed):
    """What a real one has answered: it is told with what to do, and tried again until it is taken."""
    first = nodes[0]
    with open(os.path.join(PUBLISH, "answers.json")) as file:
        answers = json.load(file)
    replayed.answer("201-created")
    first.write_config({**first.config(), "publish": [replayed.target()]})
    first.vipctl("reload")
    wait_for("it is told", lambda: target(first)["state"], lambda state: state == "done")
    for answer, says in answers.items():
        replayed.answer(answer)
        count = len(replayed.requests())
        first.vipctl("reload")
        if says:
            says_why(first, says)
            replayed.answer("200-changed")
        wait_for(f"it is told after {answer}", lambda: (target(first)["state"], len(replayed.requests()) > count), lambda seen: seen == ("done", True))
    replayed.answer("409-conflict", "200-forced")
    begin = len(first.log())
    first.vipctl("reload")
    said = 'and overruled: Apply failed with 1 conflict: conflict with "kubectl-edit"'
    wait_for("it is told by force, and the log says so",
             lambda: (target(first)["state"], replayed.requests()[-1].endswith("&force=true"), said in first.log(begin)),
             lambda seen: seen == ("done", True, True))
