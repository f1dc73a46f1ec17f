# SPDX-License-Identifier: Apache-2.0
"""vipctl doctor on a healthy group, and with one thing broken after the other: each gives its line and its exit status.

BIND answers for the name on port 5353 of the client; the first server runs BIRD, as Calico does, with the client as its
BGP peer. Both are there for this file alone.
"""

import contextlib
import json
import os
from concurrent import futures

import pytest
from hostile import advert, sequence
from keys import make_key, use
from hosts import Host
from testbed import BUILD, NAME, PREFIX, VIP, adverts_pass, config_text, ip_batch, run, wait_for

pytestmark = pytest.mark.together("doctor")

RESOLVER = f"[{PREFIX}50]:5353"
CALICO_AS, ROUTER_AS = 65010, 65101
NOT_HERE = {"unit", "kube-proxy", "firewall"}  # no systemd, no Kubernetes; adverts pass in one direction only

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
"""


def write(path, text):
    with open(path, "w") as out:
        out.write(text)
    return path


def start_bind(host):
    path = host.directory + "/bind"
    os.mkdir(path)
    write(path + "/k8s.lab.zone", ZONE.format(prefix=PREFIX, vip=VIP))
    conf = write(path + "/named.conf", NAMED.format(dir=path, address=host.address))
    return host.spawn(["named", "-f", "-g", "-n", "1", "-c", conf], "named")


def start_bird(host, own, peer, other):
    conf = write(host.directory + "/bird.conf",
                 BIRD.format(router_id=f"192.0.2.{host.number}", own=own, peer=peer.address, other=other))
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


def is_green(node):
    doctor = with_name(node)
    first = node is node.testbed.nodes[0]
    doctor.exits()
    assert doctor.troubles() == set(), doctor
    assert doctor.signs("unknown") == NOT_HERE | (set() if first else {"bgp"})
    assert [finding["sign"] for finding in doctor.of("firewall")] == (["unknown", "fine"] if first else ["fine", "unknown"])
    expected = {"configuration", "secrets", "agent", "reload", "router", "interface", "peers", "holder", "conflict", "group", "speakers", "kernel", "wire",
                "foreign", "firewall", "clock", "health", "api", "name", "publish", "k3s"}
    assert doctor.signs("fine") - {"engine"} == expected | ({"bgp", "route"} if first else set())
    if first:
        doctor.says("route", "fine", f"BIRD has {VIP}/128 unicast [direct1")
    doctor.says("wire", "fine", "held here" if first else "02:00:00:00:00:11 (fe80::11)")
    doctor.says("speakers", "fine", "fe80::11 (priority 150")
    return True


def test_healthy_group_is_green(calm):
    for node in calm.nodes:
        wait_for(f"all is green on {node.name}", lambda node=node: is_green(node), deadline=40)
    assert node.vipctl("check").stdout == "OK: api: by VRRP fe80::11 (priority 150) is the holder\n"


def test_engine_that_may_be_late(world):
    node = world.nodes[1]
    engine = node.status()["engine"]
    doctor = Doctor(node, "engine")
    wanted = {"realtime": "no real-time priority", "memory_locked": "memory that can be swapped out"}
    missing = [text for key, text in wanted.items() if not engine[key]]
    doctor.says("engine", "warning" if missing else "fine", " and ".join(missing))


def test_two_holders(world):
    """The second server does not hear the group any more, and takes over what the first still holds."""
    second, third = world.nodes[1:]
    with second.deaf_to("ff02::12"):
        wait_for("the second takes over too", world.holders, lambda names: len(names) == 2)
        doctor = Doctor(third)
        doctor.says("wire", "failure", "SPLIT BRAIN")
        assert "fe80::11" in doctor.of("wire")[0]["found"] and "fe80::12" in doctor.of("wire")[0]["found"]
        doctor.says("speakers", "failure", "2 routers advertise")
        assert doctor.sign("foreign") == "fine"
        check = wait_for("vipd notices", lambda: world.nodes[0].vipctl("check", check=False), lambda done: done.returncode == 2)
        assert check.stdout.startswith("CRITICAL: api: SPLIT BRAIN: 02:00:00:00:00:12 also claims"), check


@pytest.fixture
def api_with(world):
    """Restarts the third server's API server with another certificate; returns the server."""
    def start(certificate):
        node = world.nodes[2]
        node.api_kill()
        node.api_start(certificate=certificate)
        wait_for("the API server", lambda: Doctor(node, "api").findings,
                 lambda findings: not any("connect" in finding["found"] for finding in findings))
        return node
    return start


def test_certificate_of_somebody_else(api_with):
    with_name(api_with("stranger"), "api").says("api", "failure", "is not trusted")


def test_certificate_without_the_virtual_address(api_with):
    """A name in the subject alone counts no more, as it does not for clients in Go."""
    doctor = with_name(api_with("server-without-vip"), "api")
    doctor.says("api", "failure", f"does not name {VIP}")
    doctor.says("api", "failure", f"does not name {NAME}")


def test_certificate_is_checked_as_the_check_does(api_with):
    """The name is compared, too: that of the URL, or server_name."""
    node = api_with("server-of-vip-alone")

    def doctor(**changes):
        config = node.config()
        config["checks"][0].update(changes)
        return with_name(node, "-c", write(node.directory + "/other.conf", config_text(config)), "api")
    doctor().says("api", "failure", "no alternative certificate subject name matches")
    doctor(server_name="other.example").says("api", "failure", "no alternative certificate subject name matches")
    right = doctor(server_name=NAME)
    assert right.signs("fine") == {"api"} and right.code == 0, right
    doctor(server_name=NAME, body="no such text").says("api", "failure", "does not contain")


@pytest.mark.parametrize("name, text", [
    ("k8s-mixed.k8s.lab", f"leads also to {PREFIX}12"),
    ("k8s-node.k8s.lab", f"leads also to {PREFIX}12"),
    ("k8s-old.k8s.lab", "leads also to 192.0.2.7"),
    ("k8s-text.k8s.lab", "no AAAA record"),
    ("nowhere.k8s.lab", "there is no such name"),
    ("k8s-api.example.com", "refuses"),
])
def test_name(world, name, text):
    with_name(world.nodes[1], "name", name=name).says("name", "failure", text)


def test_no_resolver(world):
    """An empty /etc/resolv.conf is not an answer."""
    hidden = ["unshare", "-m", "sh", "-c", 'mount --bind /dev/null "$(realpath /etc/resolv.conf)" && exec "$@"', "sh"]
    Doctor(world.nodes[1], "--name", NAME, "name", more=hidden).says("name", "unknown", "there is no resolver in /etc/resolv.conf")


def test_name_by_alias(world):
    with_name(world.nodes[1], "name", name="k8s-alias.k8s.lab").says("name", "fine", "nowhere else")


def test_no_peers(calm):
    node = calm.nodes[2]
    node.blackhole()
    wait_for("it is alone", lambda: node.router()["state"], "active".__eq__)
    finds(node, "warning", "peers", "no peers")


@contextlib.contextmanager
def firewall(node, rules, family="inet"):
    node.exec("nft", f"table {family} doctor {{ {rules}\n }}")
    try:
        yield
    finally:
        node.exec("nft", f"delete table {family} doctor")


DROPPED_IN = [
    ("inet", "chain c { type filter hook input priority 0; policy drop; iifname lo accept; meta l4proto { tcp, udp, icmpv6 } accept; }"),
    ("ip6", "map verdicts { type inet_proto : verdict; elements = { 112 : drop }; }\n"
            "chain c { type filter hook prerouting priority -300; meta l4proto vmap @verdicts; }"),
    ("ip6", "chain c { type filter hook input priority 0; ip6 saddr fe80::11 ip6 hoplimit 255 meta pkttype multicast drop; }"),
    ("netdev", "chain c { type filter hook ingress device eth0 priority 0; ip6 nexthdr 112 drop; }"),
]


def test_firewall_in(world):
    """However it is written: what counts is that adverts come in and do not arrive. On the holder nobody can see that."""
    holder, backup = world.nodes[0], world.nodes[2]
    for family, rules in DROPPED_IN:
        with firewall(backup, rules, family):
            doctor = Doctor(backup, "firewall")
            doctor.says("firewall", "failure", "none reached vipd: this machine drops them")
            assert f"{family} doctor c" in doctor.of("firewall")[0]["advice"], doctor.of("firewall")
    with firewall(backup, DROPPED_IN[0][1]):
        Doctor(backup, "firewall", more=["env", "PATH=/nonexistent"]).says("firewall", "failure", "none reached vipd")
    with firewall(holder, DROPPED_IN[0][1]):
        Doctor(holder, "firewall").says("firewall", "unknown", "in: nobody else advertises now")


def test_firewall_out(world):
    node = world.nodes[0]
    for family, rules in [("inet", "chain c { type filter hook output priority 0; ip6 daddr ff02::/16 meta l4proto 112 drop; }"),
                          ("netdev", "chain c { type filter hook egress device eth0 priority 0; ip6 nexthdr 112 drop; }")]:
        with firewall(node, rules, family):
            Doctor(node, "firewall").says("firewall", "failure", "none left: this machine drops them")


def test_deaf_without_membership(world):
    """What the kernel discards because nobody has joined is not the firewall's. Here a rule does it, and the list is hidden."""
    hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc/$$/net && : >/proc/$$/net/igmp6 && exec "$@"', "sh"]
    with firewall(world.nodes[2], DROPPED_IN[0][1]):
        Doctor(world.nodes[2], "firewall", more=hidden).says("firewall", "failure", "nobody here is a member of ff02::12")


def test_own_adverts_come_back(world):
    """As a bond or a bridge in the wrong mode sends them: that is not a second holder."""
    node = world.nodes[0]
    run("ip", "-n", "switch", "link", "set", node.port, "type", "bridge_slave", "hairpin", "on")
    try:
        doctor = Doctor(node, "speakers", "wire", "firewall")
        doctor.says("speakers", "warning", "come back")
        assert doctor.signs("failure") == set(), doctor
    finally:
        run("ip", "-n", "switch", "link", "set", node.port, "type", "bridge_slave", "hairpin", "off")


def test_somebody_else_answers(world):
    """As MetalLB does on the segment: it answers for the address and knows nothing of VRRP."""
    stranger = Host(world, "metallb", "77")
    try:
        stranger.exec("ip", "addr", "add", VIP + "/128", "dev", "eth0", "nodad")
        for node in world.nodes[:2]:
            doctor = Doctor(node)
            doctor.says("foreign", "failure", "02:00:00:00:00:77")
            doctor.says("wire", "failure", "SPLIT BRAIN")
    finally:
        stranger.close()


def test_many_addresses_on_an_interface_with_another_name(world):
    """All of them are asked for, where they are."""
    node, client = world.nodes[2], world.client
    addresses = [f"2001:db8:79fb:1::{number:x}" for number in range(1, 81)]
    routers = ", ".join(
        f'{{ name = "r{i}"; interface = "other0"; vrid = {i + 1}; priority = 100; addresses = '
        f'[{", ".join(f"{chr(34)}{a}{chr(34)}" for a in addresses[16 * i:16 * i + 16])}]; }}' for i in range(5))
    path = write(node.directory + "/many.conf", f"virtual_routers = ({routers});\n")
    ip_batch(client.name, [f"addr add {address}/128 dev eth0 nodad" for address in addresses])
    ip_batch(node.name, ["link property add dev eth0 altname other0"])
    try:
        doctor = Doctor(node, "-c", path, "interface", "wire")
        assert doctor.signs("fine") == {"interface"}, doctor
        assert all("answered for by 02:00:00:00:00:50" in finding["found"] for finding in doctor.of("wire")), doctor
        assert len(doctor.of("wire")) == len(addresses)
    finally:
        ip_batch(node.name, ["link property del dev eth0 altname other0"])
        ip_batch(client.name, [f"addr del {address}/128 dev eth0" for address in addresses])


def test_route_is_missing(calm):
    first = calm.nodes[0]
    birdc(first, "disable", "direct1")
    try:
        finds(first, "failure", "route", "BIRD has no route")
    finally:
        birdc(first, "enable", "direct1")
    wait_for("the route is back", lambda: Doctor(first, "route").sign("route"), "fine".__eq__)


def test_bgp_session_is_down(calm):
    birdc(calm.client, "disable", "neighbour")
    try:
        first = calm.nodes[0]
        wait_for("the session is down", lambda: birdc(first, "show", "protocols", "neighbour"),
                 lambda text: "Established" not in text)
        finds(first, "failure", "bgp", "0 of 1 BGP sessions")
    finally:
        birdc(calm.client, "enable", "neighbour")


def test_drained(calm):
    node = calm.nodes[1]
    node.drain()
    finds(node, "warning", "router", "drained")
    check = node.vipctl("check", check=False)
    assert check.returncode == 1 and check.stdout.startswith("WARNING: api: drained"), check


@contextlib.contextmanager
def sending(attacker, frame):
    """It sends that frame a hundred times a second meanwhile."""
    with futures.ThreadPoolExecutor() as pool:
        flood = pool.submit(attacker.flood, [frame], 100, 3)
        yield
        flood.result()


def test_clock_is_off(world, attacker):
    """What somebody of the group signs is 90 s ahead."""
    path, _ = make_key(world, 1)
    for mode in ("receive-only", "permissive"):
        for node in world.nodes:
            use(node, mode, 1, {1: path})
    adverts_pass(world.nodes[0], 2)
    assert "the holder's" in Doctor(world.nodes[1], "clock").of("clock")[0]["found"]
    source = attacker.host.link_local
    with sending(attacker, advert(source, priority=1, auth={"number": sequence(90)})):
        doctor = Doctor(world.nodes[1])
    doctor.says("clock", "failure", f"the clock of {source} is ")
    doctor.says("firewall", "warning", "in: vipd refused ")


def test_vrid_of_another_group(world, attacker):
    source = attacker.host.link_local
    with sending(attacker, advert(source, priority=1, addresses=("fe80::200", "2001:db8::200"))):
        doctor = Doctor(world.nodes[1])
    doctor.says("speakers", "failure", f"vrid 100 is also used for other addresses, by {source} (priority 1,")


def test_agent_is_stopped(calm):
    node = calm.nodes[2]
    node.vipd_stop()
    finds(node, "failure", "agent", "the agent is not running here")
    node.exec("ip", "addr", "add", VIP + "/128", "dev", "eth0", "nodad")
    Doctor(node, "kernel").says("kernel", "failure", "ADDRESS LEFT BEHIND")
    node.exec("ip", "addr", "del", VIP + "/128", "dev", "eth0")
    check = node.vipctl("check", check=False)
    assert check.returncode == 2 and check.stdout.startswith("CRITICAL: the agent is not running here"), check


@pytest.mark.parametrize("settings, sign, text", [
    ({"tls_san": ()}, "failure", f"tls-san does not have {VIP}, {NAME}"),
    ({"tls_san": (NAME,)}, "failure", f"tls-san does not have {VIP}"),
    ({"tls_san": (f"{VIP},{NAME.upper()}",)}, "fine", "tls-san has"),
    ({"node_ip": ""}, "warning", "node-ip is not set"),
    ({"node_ip": VIP}, "failure", "node-ip is the virtual address"),
])
def test_k3s(world, settings, sign, text):
    node = world.nodes[1]
    k3s_config(node, **settings)
    try:
        with_name(node, "k3s").says("k3s", sign, text)
    finally:
        k3s_config(node)


def test_what_others_may_change(world):
    node = world.nodes[1]
    os.chmod(node.config_path, 0o666)
    Doctor(node, "secrets").says("secrets", "failure", "mode 0666")
    os.chmod(node.config_path, 0o644)
    write(node.config_path, node.written + "# another\n")
    os.utime(node.config_path, (0, 0))
    Doctor(node, "reload").says("reload", "warning", "has changed since vipd read it")
    write(node.config_path, "virtual_routers = 7;\n")
    Doctor(node, "configuration").says("configuration", "failure", "vipd.conf:1:")
    node.write_config()
    node.vipctl("reload")


def test_without_root(world):
    """Nothing that needs root is green, and nothing is called broken that could not be looked at."""
    node = world.nodes[1]
    doctor = Doctor(node, more=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    for check in ("agent", "api", "peers", "speakers", "wire", "foreign", "firewall", "bgp"):
        assert doctor.sign(check) == "unknown", (check, doctor)
    doctor.exits()


def test_kube_proxy_in_ipvs_mode(calm):
    node = calm.nodes[1]
    node.exec("ip", "link", "add", "kube-ipvs0", "type", "bridge")
    node.exec("ip", "addr", "add", VIP + "/128", "dev", "kube-ipvs0", "nodad")
    try:
        doctor = Doctor(node)
        doctor.says("kube-proxy", "fine", "mode ipvs; kube-ipvs0 has the virtual address on every node")
        assert doctor.troubles() == set(), doctor
    finally:
        node.exec("ip", "link", "del", "kube-ipvs0")


@contextlib.contextmanager
def systemctl(node, *lines):
    """It is a script here, which prints these lines: there is no systemd in the lab. Yields the environment for it."""
    os.makedirs("/run/systemd/system")
    tools = node.directory + "/tools"
    os.makedirs(tools, exist_ok=True)
    os.chmod(write(tools + "/systemctl", "#!/bin/sh\ncat <<'end'\n" + "\n".join([*lines, "end", ""])), 0o755)
    try:
        yield {"PATH": f"{tools}:{os.environ['PATH']}"}
    finally:
        os.rmdir("/run/systemd/system")
        os.rmdir("/run/systemd")


def test_unit(world):
    node = world.nodes[1]
    for load, enabled, privileges, sign, text in [
            ("loaded", "enabled", "yes", "fine", "enabled and hardened"),
            ("loaded", "disabled", "yes", "warning", "does not start with the machine"),
            ("loaded", "enabled", "no", "warning", "not hardened"),
            ("not-found", "", "no", "warning", "no vipd.service")]:
        with systemctl(node, f"LoadState={load}", f"UnitFileState={enabled}", f"NoNewPrivileges={privileges}",
                       "ProtectSystem=strict", "SystemCallFilter=read") as environment:
            Doctor(node, "unit", environment=environment).says("unit", sign, text)


def test_k3s_by_flags_of_its_unit(world):
    """They add to what the files say, and may name the file."""
    node = world.nodes[1]
    node_ip = write(node.directory + "/node-ip.yaml", f"node-ip: {node.address}\n")
    os.makedirs(node_ip + ".d", exist_ok=True)
    write(node_ip + ".d/name.yml", f"tls-san: {NAME}\n")
    write(node_ip + ".d/ignored.txt", "tls-san+: [\n")
    for flags, sign in [(f"--tls-san {VIP} --config={node_ip}", "fine"), (f"-c {node_ip} --tls-san=other,{VIP}", "fine"),
                        (f"--tls-san {NAME} --config={node_ip}", "failure"), (f"--tls-san={VIP},{NAME}", "warning")]:
        command = f"ExecStart={{ path=/usr/local/bin/k3s ; argv[]=/usr/local/bin/k3s server {flags} ; ignore_errors=no ; }}"
        with systemctl(node, command) as environment:
            assert Doctor(node, "--name", NAME, "k3s", environment=environment, k3s_config=False).sign("k3s") == sign, flags
