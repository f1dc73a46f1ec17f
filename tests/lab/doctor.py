# SPDX-License-Identifier: Apache-2.0
"""Runs of vipctl doctor, and what stands around the servers for it.

BIND answers for the name on port 5353 of the client; the first server runs BIRD, as Calico does, with the client as its
BGP peer. Both are there for the files of the doctor alone.
"""

import json
import os

import pytest
from testbed import BUILD, NAME, PREFIX, VIP, run, wait_for

RESOLVER = f"[{PREFIX}50]:5353"
CALICO_AS, ROUTER_AS = 65010, 65101
NOT_HERE = {"unit", "kube-proxy", "firewall", "arp", "publishing"}  # no systemd, Kubernetes, IPv4, publish; adverts pass in one direction only

NAMED = """
options {{
  directory "{dir}"; pid-file none; session-keyfile "{dir}/session.key"; managed-keys-directory "{dir}";
  listen-on {{ none; }}; listen-on-v6 port 5353 {{ {address}; }};
  recursion no; empty-zones-enable no; dnssec-validation no; notify no;
}};
controls {{ }};
zone "k8s.lab" {{ type primary; file "{dir}/k8s.lab.zone"; }};
"""
ZONE = """$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN AAAA {prefix}50
k8s-api IN AAAA {vip}
k8s-alias IN CNAME k8s-api
k8s-mixed IN AAAA {vip}
k8s-mixed IN AAAA {prefix}12
k8s-node IN AAAA {prefix}12
k8s-old IN AAAA {vip}
k8s-old IN A 192.0.2.7
k8s-text IN TXT "no address"
"""
BIRD = """
log stderr all;
router id {router_id};
protocol device {{ }}
protocol direct {{ ipv6; interface "eth0"; }}
protocol bgp neighbour {{
  local as {own};
  neighbor {peer} as {other};
  connect delay time 1; connect retry time 1; error wait time 1, 1;
  ipv6 {{ import all; export all; }};
}}
{more}"""


def write(path, text):
    with open(path, "w") as out:
        out.write(text)
    return path


def start_bind(host):
    path = host.directory + "/bind"
    os.makedirs(path, exist_ok=True)
    write(path + "/k8s.lab.zone", ZONE.format(prefix=PREFIX, vip=VIP))
    conf = write(path + "/named.conf", NAMED.format(dir=path, address=host.address))
    return host.spawn(["named", "-f", "-g", "-n", "1", "-c", conf], "named")


def bird_config(host, own, peer, other, more=""):
    return write(host.directory + "/bird.conf",
                 BIRD.format(router_id=f"192.0.2.{host.number}", own=own, peer=peer.address, other=other, more=more))


def start_bird(host, own, peer, other):
    conf = bird_config(host, own, peer, other)
    return host.spawn(["bird", "-f", "-c", conf, "-s", host.directory + "/bird.ctl"], "bird")


def birdc(host, *command):
    return run("birdc", "-s", host.directory + "/bird.ctl", *command).stdout


def k3s_config(node, tls_san=(VIP, NAME), node_ip=None):
    lines = ["tls-san:", *(f'  - "{name}"' for name in tls_san)] if tls_san else []
    if node_ip != "":
        lines.append(f'node-ip: "{node_ip or node.address}"')
    return write(node.directory + "/k3s.yaml", "\n".join(["write-kubeconfig-mode: '0640'", *lines, ""]))


@pytest.fixture(scope="module")
def services(session_lab):
    first, client = session_lab.nodes[0], session_lab.client
    started = [(client, start_bind(client)), (first, start_bird(first, CALICO_AS, client, ROUTER_AS)),
               (client, start_bird(client, ROUTER_AS, first, CALICO_AS))]
    for node in session_lab.nodes:
        k3s_config(node)
    wait_for("BIND answers", lambda: with_name(first, "name").sign("name"), "fine".__eq__)
    yield
    for host, process in started:
        host.end(process)


@pytest.fixture
def world(lab, services):
    wait_for("the BGP session", lambda: birdc(lab.nodes[0], "show", "protocols", "neighbour"),
             lambda text: "Established" in text)
    return lab


@pytest.fixture
def calm(world):
    """Nobody remembers a second holder of an earlier test any more."""
    for node in world.nodes:
        wait_for("no conflict is left", lambda node=node: node.router()["conflict"], lambda conflict: conflict is None)
    return world


class Doctor:
    """One run of it."""

    def __init__(self, node, *options, environment=None, more=(), k3s_config=True):
        options = [*(["--k3s-config", node.directory + "/k3s.yaml"] if k3s_config else []), *options]
        if node is node.testbed.nodes[0]:
            options += ["--bird", node.directory + "/bird.ctl"]
        done = node.exec(*more, f"{BUILD}/vipctl", "-s", node.socket_path, "doctor", "-c", node.config_path, "-o", "json",
                         *options, check=False, timeout=60, env={**node.testbed.environment, **(environment or {})})
        assert not done.stderr, done.stderr
        answer = json.loads(done.stdout)
        self.code, self.worst, self.findings = done.returncode, answer["worst"], answer["findings"]

    def __repr__(self):
        """What is not well."""
        return "\n".join(f"{f['sign']} {f['check']} {f['subject']}: {f['found']}" for f in self.findings if f["sign"] != "fine")

    def of(self, check):
        return [finding for finding in self.findings if finding["check"] == check]

    def signs(self, sign):
        return {finding["check"] for finding in self.findings if finding["sign"] == sign}

    def sign(self, check):
        """The worst of this check."""
        order = ["fine", "unknown", "warning", "failure"]
        return max((finding["sign"] for finding in self.of(check)), key=order.index)

    def says(self, check, sign, text):
        """That line is there, and says what to do unless all is well; the exit status fits the worst line."""
        found = [finding for finding in self.of(check) if finding["sign"] == sign and text in finding["found"]]
        assert found, f"no {sign} of {check} with {text!r}: {self.of(check)}\n{self!r}"
        assert sign in ("fine", "unknown") or found[0]["advice"], found[0]
        self.exits()

    def troubles(self):
        """What is not well. Whether memory can be locked depends on where the lab runs."""
        return (self.signs("warning") | self.signs("failure")) - {"engine"}

    def exits(self):
        wanted = 2 if self.signs("failure") else 1 if self.signs("warning") else 0
        assert self.code == wanted, (self.code, self.worst)

    def only(self, sign, *checks):
        """Nothing else is worse than unknown."""
        assert self.troubles() == set(checks), self
        assert self.worst == sign


def finds(node, sign, check, text):
    """This and nothing else; in one of some looks, because on a busy machine the address moves now and then, which is found, too."""
    def look():
        doctor = Doctor(node)
        doctor.says(check, sign, text)
        doctor.only(sign, check)
        return doctor
    wait_for("the doctor finds it", look, deadline=40)


def with_name(node, *checks, name=NAME):
    return Doctor(node, "--name", name, "--resolver", RESOLVER, *checks)
