# SPDX-License-Identifier: Apache-2.0
"""vipctl doctor on a healthy group, and with one thing broken after the other: each gives its line and its exit status."""

import contextlib
import os
import sys

import pytest
from doctor import CALICO_AS, NOT_HERE, ROUTER_AS, Doctor, bird_config, birdc, calm, finds, k3s_config, services, with_name, world, write  # noqa: F401, F811 (fixtures)
from slices import Slices
from testbed import NAME, PREFIX, VIP, config_text, wait_for

pytestmark = pytest.mark.together("doctor")


def is_green(node):
    doctor = with_name(node)
    first = node is node.testbed.nodes[0]
    doctor.exits()
    assert doctor.troubles() == set(), doctor
    assert doctor.signs("unknown") == NOT_HERE | (set() if first else {"bgp", "route"})
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
    assert node.vipctl("check").stdout == f"OK: api: by VRRP {calm.nodes[0].name} (priority 150) is the holder\n"


def test_engine_that_may_be_late(world):
    node = world.nodes[1]
    engine = node.status()["engine"]
    doctor = Doctor(node, "engine")
    wanted = {"realtime": "no real-time priority", "memory_locked": "memory that can be swapped out"}
    missing = [text for key, text in wanted.items() if not engine[key]]
    doctor.says("engine", "warning" if missing else "fine", " and ".join(missing))


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


@pytest.mark.parametrize("key", ["ca", "cert", "key"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(world, key):
    node = world.nodes[2]
    config, pipe = node.config(), f"{node.directory}/{key}.pipe"
    os.mkfifo(pipe)
    config["checks"][0][key] = pipe
    doctor = with_name(node, "-c", write(node.directory + "/pipe.conf", config_text(config)), "api")
    doctor.says("api", "failure", f"is not asked: cannot read {pipe}: it is not a regular file")


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


def test_route_is_missing(calm):
    first = calm.nodes[0]
    birdc(first, "disable", "direct1")
    try:
        finds(first, "failure", "route", "BIRD has no route")
    finally:
        birdc(first, "enable", "direct1")
    wait_for("the route is back", lambda: Doctor(first, "route").sign("route"), "fine".__eq__)


@pytest.fixture
def routes(calm):
    """The holder publishes a slice. routes(own=…, other=…): whether the first server has its route, and that of the second."""
    first, second, client = calm.nodes[0], calm.nodes[1], calm.client
    slices = Slices(client)

    def routes(own, other):
        static = "protocol static service {{ ipv6; route {vip}/128 {to}; }}\n"
        bird_config(first, CALICO_AS, client, ROUTER_AS, static.format(vip=VIP, to="blackhole") if own else "")
        bird_config(client, ROUTER_AS, first, CALICO_AS, static.format(vip=VIP, to=f"via {second.address}") if other else "")
        for host in (first, client):
            birdc(host, "configure")
    for node in calm.nodes:
        node.write_config({**node.config(), "publish": [slices.target()]})
        node.vipctl("reload")
    yield routes
    routes(own=False, other=False)
    slices.end()


def test_the_routes_of_the_servers_that_are_ready(calm, routes):
    """Its own is static, as Calico makes it of a Service; the others' come by BGP."""
    first, second, third = calm.nodes

    def says(sign, text):
        wait_for(text, lambda: Doctor(first, "route").says("route", sign, text) is None)
    routes(own=True, other=False)
    says("unknown", "so those of k8s-node02, k8s-node03 are not known")
    routes(own=False, other=False)
    says("failure", "BIRD has none to who is: k8s-node01")
    routes(own=True, other=True)
    says("failure", "BIRD has none to who is: k8s-node03")
    third.drain()
    says("fine", "the routes of exactly the 2 servers that are ready")
    second.drain()
    says("failure", "a route to who is not ready: k8s-node02")
    Doctor(first, "publish").says("publish", "fine", "leads to the 1 servers that are ready")


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


KUBE_PROXY = """table ip6 kube-proxy {{
  map service-ips {{ type ipv6_addr . inet_proto . inet_service : verdict; elements = {{ {service} . tcp . 6443 : accept }}; }}
  chain cluster-ips-check {{ ip6 daddr {cidr} drop; }}
}}"""
MODE = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.wfile.write(b"HTTP/1.0 200 OK\\r\\n\\r\\nnftables")
http.server.HTTPServer(("127.0.0.1", 10249), Handler).serve_forever()
"""


def test_kube_proxy_in_nftables_mode(calm):
    """Its rules as it makes them: what goes to the service CIDR is dropped unless a Service has the address."""
    node = calm.nodes[1]
    mode = node.spawn([sys.executable, "-c", MODE], "kube-proxy")
    try:
        wait_for("it says its mode", lambda: Doctor(node, "kube-proxy"), lambda doctor: "nftables" in doctor.of("kube-proxy")[0]["found"])
        Doctor(node, "kube-proxy").says("kube-proxy", "unknown", "its rules cannot be read")
        for service, cidr, sign, text in [
                (PREFIX + "1", PREFIX + "/112", "warning", "in the service CIDR and no Service has it"),
                (PREFIX + "1", f"{{ {PREFIX}/112, 2001:db8:1::/112 }}", "warning", "in the service CIDR and no Service has it"),
                (VIP, PREFIX + "/112", "fine", f"a Service has {VIP}"),
                (PREFIX + "1", "2001:db8:1::/112", "fine", "is not in the service CIDR")]:
            node.exec("nft", KUBE_PROXY.format(service=service, cidr=cidr))
            Doctor(node, "kube-proxy").says("kube-proxy", sign, text)
            node.exec("nft", "delete table ip6 kube-proxy")
    finally:
        node.end(mode)
        node.exec("nft", "destroy table ip6 kube-proxy", check=False)


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
