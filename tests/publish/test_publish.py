# SPDX-License-Identifier: Apache-2.0
"""What the holder publishes, target by target: a real BIND with TSIG on loopback, and an API server that answers what a real one
has answered. VIPD_BUILD names the directory of the programs; run from the top directory."""

import json
import os
import socket
import subprocess
import time

import pytest
from replay import Server

ONCE = os.path.join(os.environ.get("VIPD_BUILD", "build"), "lab", "publish_once")
GROUP = ("k8s-node01=2001:db8::11", "k8s-node02=2001:db8::12", "-k8s-node03=2001:db8::13")
CONFIG = """virtual_routers = ( { interface = "eth0"; vrid = 100; addresses = [ "2001:db8::100" ]; } );
publish = ( { %s } );
"""
ZONE = """$TTL 60
@ SOA ns hostmaster 1 60 60 600 60
@ NS ns
ns AAAA 2001:db8::53
k8s-cluster A 192.0.2.1
k8s-cluster AAAA 2001:db8::dead
other AAAA 2001:db8::1
"""
NAMED = """include "{dir}/tsig.key";
include "{dir}/reader.key";
options {{ directory "{dir}"; listen-on {{ none; }}; listen-on-v6 port {port} {{ ::1; }}; pid-file none; recursion no;
	dnssec-validation no; session-keyfile none; }};
controls {{ }};
zone "k8s.example" {{ type primary; file "k8s.example.zone"; allow-update {{ key "vipd"; }}; }};
zone "elsewhere.example" {{ type secondary; primaries {{ ::1 port 1; }}; file "elsewhere"; }};
"""


def publish(tmp_path, keys, *servers, before=()):
    config = tmp_path / "vipd.conf"
    config.write_text(CONFIG % keys)
    done = subprocess.run([*before, ONCE, str(config), "0", *(servers or GROUP)], capture_output=True, text=True, timeout=60)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.strip()


# ---- DNS ----

def tsig(name, secret="c2VjcmV0IG9mIGEgdGVzdCBhbmQgbm90aGluZyBlbHNlIQ=="):
    return f'key "{name}" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret}";\n}};\n'


def free_port():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        return listener.getsockname()[1]


class Bind:
    def __init__(self, directory):
        self.port = free_port()
        self.key = directory / "tsig.key"
        for name, text in (("k8s.example.zone", ZONE), ("tsig.key", tsig("vipd")), ("reader.key", tsig("reader")),
                           ("wrong.key", tsig("vipd", "bm90IHRoZSBzZWNyZXQgb2YgdGhlIHNlcnZlciwgYXQgYWxsIQ==")),
                           ("unknown.key", tsig("nobody")), ("named.conf", NAMED.format(dir=directory, port=self.port))):
            (directory / name).write_text(text)
        with open(directory / "log", "wb") as log:
            self.process = subprocess.Popen(["named", "-f", "-g", "-n", "1", "-c", directory / "named.conf"], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while self.addresses() != ["2001:db8::dead"]:
            assert time.monotonic() < deadline, (directory / "log").read_text()
            time.sleep(0.1)  # sleep-ok: a step of a poll with a deadline

    def addresses(self, kind="AAAA", name="k8s-cluster"):
        asked = subprocess.run(["dig", "@::1", "-p", str(self.port), "+short", "+tries=1", "+time=2", kind, name + ".k8s.example"],
                               capture_output=True, text=True, timeout=10)
        return sorted(asked.stdout.split())

    def keys(self, **other):
        keys = {"server": f"[::1]:{self.port}", "zone": "k8s.example", "name": "k8s-cluster", "key": str(self.key), **other}
        return 'type = "dns"; ' + " ".join(f'{name} = "{value}";' for name, value in keys.items() if value)


@pytest.fixture(scope="module")
def bind(tmp_path_factory):
    server = Bind(tmp_path_factory.mktemp("bind"))
    yield server
    server.process.terminate()
    server.process.wait(timeout=30)


def test_a_name_leads_to_the_servers_that_are_ready(bind, tmp_path):
    assert publish(tmp_path, bind.keys()) == (0, "")
    assert bind.addresses() == ["2001:db8::11", "2001:db8::12"] and bind.addresses("A") == []
    assert bind.addresses(name="other") == ["2001:db8::1"]
    assert publish(tmp_path, bind.keys(), "a=2001:db8::13", "b=192.0.2.7") == (0, "")  # as a whole, of both families
    assert bind.addresses() == ["2001:db8::13"] and bind.addresses("A") == ["192.0.2.7"]
    assert publish(tmp_path, bind.keys(name="k8s-cluster.k8s.example.", ttl="30s"), "a=2001:db8::14") == (0, "")
    assert bind.addresses() == ["2001:db8::14"] and bind.addresses("A") == []


@pytest.mark.parametrize("other, says", [
    ({"key": "wrong.key"}, "wrong.key is not the server's; copy the key from there"),
    ({"key": "unknown.key"}, "unknown.key; add it there"),
    ({"key": "reader.key"}, "REFUSED: the server does not let"),
    ({"key": None}, "REFUSED: the server does not let no key change zone k8s.example"),
    ({"key": "absent.key"}, "No such file or directory"),
    ({"key": "named.conf"}, "is not a key file of BIND; make one with tsig-keygen"),
    ({"zone": "nowhere.example"}, "NOTAUTH: the server is not the primary of zone nowhere.example"),
    ({"name": "k8s-cluster.other.example."}, "NOTZONE: k8s-cluster.other.example. is not in zone k8s.example"),
    ({"server": "[::1]:1"}, "[::1]:1: no connection by TCP: Connection refused; the name server does not run, or"),
], ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)))
def test_what_a_dns_server_refuses(bind, tmp_path, other, says):
    before = bind.addresses()
    if other.get("key"):
        other = {"key": str(bind.key.parent / other["key"])}
    code, said = publish(tmp_path, bind.keys(**other))
    assert code == 1 and says in said and bind.addresses() == before


def test_the_clock_of_a_dns_update(bind, tmp_path):
    code, said = publish(tmp_path, bind.keys(), before=("faketime", "-f", "+1h"))
    assert code == 1 and "BADTIME: the clocks of this node and of the server are more than 300 s apart; let both follow NTP" in said


def test_a_dns_server_that_hangs_and_another_one(bind, tmp_path):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as hangs:
        hung = f"[::1]:{hangs.getsockname()[1]}"
        code, said = publish(tmp_path, bind.keys(server=hung))
        assert code == 1 and said == f"{hung}: no answer within 3 s; the name server hangs"
        code, said = publish(tmp_path, bind.keys(server=hung, fallback=f"[::1]:{bind.port}"), "a=2001:db8::77")
        assert code == 0 and said == f"{hung}: no answer within 3 s; the name server hangs; the fallback took it"
    assert bind.addresses() == ["2001:db8::77"]


# ---- Kubernetes ----

@pytest.fixture(scope="module")
def server(tmp_path_factory):
    replaying = Server(tmp_path_factory.mktemp("api"))
    yield replaying
    replaying.close()


def target(server, tmp_path, kind="endpointslice", more=""):
    (tmp_path / "token").write_text("eyJhbGciOi.made.up\n")
    return (f'type = "{kind}"; url = "https://[::1]:{server.port}"; ca = "{server.certificate}"; token = "{tmp_path}/token"; '
            f'namespace = "default"; service = "kubernetes-api-vip"; {more}')


def test_a_slice_as_a_whole(server, tmp_path):
    server.will_answer("201-created")
    assert publish(tmp_path, target(server, tmp_path)) == (0, "")
    (head, body), = server.requests
    assert head[":method"] == "PATCH" and head["content-type"] == "application/apply-patch+yaml"
    assert head[":path"] == ("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes-api-vip-vipd"
                             "?fieldManager=vipd")
    assert head["authorization"] == "Bearer eyJhbGciOi.made.up"
    assert json.loads(body) == {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes-api-vip-vipd", "namespace": "default",
                     "labels": {"kubernetes.io/service-name": "kubernetes-api-vip",
                                "endpointslice.kubernetes.io/managed-by": "vipd"}},
        "addressType": "IPv6", "ports": [{"name": "https", "protocol": "TCP", "port": 6443}],
        "endpoints": [{"addresses": [f"2001:db8::1{i}"], "conditions": {"ready": i < 3}, "nodeName": f"k8s-node0{i}"}
                      for i in (1, 2, 3)]}


def test_an_endpoints_object_for_older_calico(server, tmp_path):
    server.will_answer("200-changed")
    assert publish(tmp_path, target(server, tmp_path, "endpoints")) == (0, "")
    (head, body), = server.requests
    assert head[":path"] == "/api/v1/namespaces/default/endpoints/kubernetes-api-vip?fieldManager=vipd"
    subset, = json.loads(body)["subsets"]
    assert [address["ip"] for address in subset["addresses"]] == ["2001:db8::11", "2001:db8::12"]
    assert subset["notReadyAddresses"] == [{"ip": "2001:db8::13", "nodeName": "k8s-node03"}]


def test_somebody_edited_the_slice(server, tmp_path):
    server.will_answer("409-conflict", "200-forced")
    code, said = publish(tmp_path, target(server, tmp_path))
    assert code == 0 and said == ('overruled: Apply failed with 1 conflict: conflict with "kubectl-edit" using discovery.k8s.io/v1: '
                                  ".endpoints")
    assert [head[":path"].endswith("&force=true") for head, _ in server.requests] == [False, True]


def test_an_edit_that_cannot_be_overruled(server, tmp_path):
    server.will_answer("409-conflict", "403-no-rbac")
    code, said = publish(tmp_path, target(server, tmp_path))
    assert code == 1 and said.startswith("HTTP 403: ")


with open(os.path.join(os.path.dirname(__file__), "answers.json")) as file:
    ANSWERS = json.load(file)  # of an API server, and what is said of it; null: nothing


@pytest.mark.parametrize("answer, says", ANSWERS.items())
def test_what_an_api_server_answers(server, tmp_path, answer, says):
    server.will_answer(answer)
    code, said = publish(tmp_path, target(server, tmp_path))
    assert (code, said) == (0, "") if says is None else code == 1 and says in said
    assert "made.up" not in said


def test_an_api_server_that_is_not_the_one(server, tmp_path):
    server.will_answer("201-created")
    keys = target(server, tmp_path)
    code, said = publish(tmp_path, keys.replace(str(server.certificate), "/etc/ssl/certs/ISRG_Root_X1.pem"))
    assert code == 1 and said and not server.requests
    assert publish(tmp_path, keys + 'server_name = "kubernetes.default";') == (0, "")
    server.will_answer("201-created")
    code, said = publish(tmp_path, keys + 'server_name = "somebody.else";')
    assert code == 1 and "somebody.else" in said and not server.requests
    (tmp_path / "token").write_text("\n")
    code, said = publish(tmp_path, keys)
    assert code == 1 and said.endswith("is not a token")
