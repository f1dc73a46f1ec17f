# SPDX-License-Identifier: Apache-2.0
"""The three servers with BIRD, a router with FRR beside them, and a client behind the router.

A World is a cluster (tests/testbed) and two hosts more. The router has its LAN port on the same switch, in the same /64; so it can
ask for the VIP by Neighbor Discovery like everybody, and prefers the /128 as soon as BGP brings one. What BIRD is told is
what Calico's templates come to, in the words of BIRD 2; docs/bgp-lab.md goes through it line by line.
"""

import ipaddress
import json
import os

from calico import Calico
from hosts import Host
from node import Node
from segment import Frr
from testbed import PREFIX, VIP, Cluster, ip_batch, run, wait_for

CLUSTER_AS, ROUTER_AS = 65010, 65101
ROUTER = PREFIX + "61"
BEHIND = "2001:db8:beef::"
HOLD_S = 9
BFD_MS, BFD_MULTIPLIER = 300, 3


class Variant:
    """A manifest, and what of it reaches BIRD. learned: whether a server passes on what it has learned from another. published:
    the holder keeps the list of the Service."""

    def __init__(self, name, service=False, learned=False, bfd=False, published=False):
        self.name, self.service, self.learned, self.bfd, self.published = name, service, learned, bfd, published

    def paths(self, holder):
        """Through whom the router reaches the VIP while all is well."""
        return {"k8s-node01", "k8s-node02", "k8s-node03"} if self.service or self.learned else {holder.name}


class Server(Node):
    """A server that also runs BIRD, and for a Service what kube-proxy puts into the kernel."""

    def interface_up(self):
        super().interface_up()
        ip_batch(self.name, [f"route replace default via {ROUTER} dev eth0"])

    def config(self):
        calico = self.testbed.calico
        return {**super().config(), **({"publish": [calico.target()]} if calico else {})}

    def bird_write(self, variant, advertises):
        path = os.path.join(self.directory, "bird.conf")
        with open(path, "w") as out:
            out.write(bird_config(self, variant, advertises))
        return path

    def bird_start(self, variant):
        path = self.bird_write(variant, True)
        self.bird = self.spawn(["bird", "-f", "-c", path, "-s", self.directory + "/bird.ctl"], "bird")
        if variant.service:
            self.exec("nft", PROXY.format(vip=VIP, to=f"dnat to [{self.address}]:6443"))

    def follow(self, variant, advertises):
        """Its place in the list of the Service has changed."""
        self.bird_write(variant, advertises)
        self.birdc("configure")
        self.exec("nft", "delete table ip6 proxy; " + PROXY.format(vip=VIP, to=f"dnat to [{self.address}]:6443" if advertises else "drop"))

    def bird_stop(self, variant):
        self.end(self.bird)
        self.exec("ip", "-6", "route", "flush", "proto", "bird", check=False)
        if variant.service:
            self.exec("nft", "delete table ip6 proxy")

    def birdc(self, *command):
        return run("birdc", "-s", self.directory + "/bird.ctl", *command).stdout

    def established(self):
        """How many of its sessions are up."""
        return self.birdc("show", "protocols").count("Established")


class Gateway(Frr):
    """The router: FRR's zebra and bgpd, for BFD also bfdd, between the segment and the network behind it."""

    def interface_create(self):
        super().interface_create()
        self.sysctl({"all/forwarding": 1})
        # by ports, too: FreeBSD and Linux differ in what they hash, and one client shall meet all servers
        self.exec("sysctl", "-qw", "net.ipv6.fib_multipath_hash_policy=1")

    def bgp_start(self, servers, variant):
        self.daemons = []
        if variant.bfd:
            self.daemons.append(self.daemon("bfdd", "log stdout\n"))
            wait_for("bfdd answers", lambda: self.vtysh("bfdd", "show bfd peers json"), lambda text: text.startswith("["))
        neighbors = "".join(NEIGHBOR.format(address=s.address, cluster=CLUSTER_AS, keepalive=HOLD_S // 3, hold=HOLD_S,
                                            bfd=f" neighbor {s.address} bfd\n" if variant.bfd else "") for s in servers)
        active = "".join(f"  neighbor {s.address} activate\n" for s in servers)
        self.daemons.append(self.daemon("bgpd", BGPD.format(router=ROUTER_AS, neighbors=neighbors, active=active)))

    def bgp_stop(self):
        for process in reversed(self.daemons):
            self.end(process)
        self.exec("ip", "-6", "route", "flush", "proto", "bgp", check=False)

    def vtysh(self, daemon, command):
        return run("vtysh", "--pathspace", self.name, "-d", daemon, "-c", command, check=False).stdout

    def established(self):
        peers = json.loads(self.vtysh("bgpd", "show bgp ipv6 unicast summary json"))["peers"]
        return sum(peer["state"] == "Established" for peer in peers.values())


class Remote(Host):
    """A client behind the router."""

    def interface_create(self):
        run("ip", "-n", "router", "link", "add", "name", "wan0", "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip_batch("router", [f"addr add {BEHIND}1/64 dev wan0 nodad", "link set wan0 up"])
        ip_batch(self.name, ["link set eth0 up", f"addr add {BEHIND}50/64 dev eth0 nodad", f"route add default via {BEHIND}1"])


class World(Cluster):
    """with World() as world: …"""

    node_class, calico = Server, None

    def __init__(self):
        super().__init__()
        self.router = Gateway(self, "router", "61")
        self.remote = Remote(self, "remote", "60")

    def bgp_start(self, variant):
        self.variant = variant
        if variant.published:
            self.calico = Calico(self, lambda node, advertises: node.follow(variant, advertises))
            self.restore()  # with `publish`
        self.router.bgp_start(self.nodes, variant)
        for node in self.nodes:
            node.bird_start(variant)
        self.bgp_settles()

    def bgp_stop(self):
        if self.calico:
            self.calico.end()
            self.calico = None
        for node in self.nodes:
            node.bird_stop(self.variant)
        self.router.bgp_stop()

    def paths(self, host):
        """The names of the servers to which the host's kernel sends what goes to the VIP by its /128."""
        name = {address: node.name for node in self.nodes for address in (node.address, node.link_local)}
        routes = json.loads(run("ip", "-n", host.name, "-6", "-json", "route", "show", VIP + "/128").stdout or "[]")
        return {name[hop["gateway"]] for route in routes for hop in route.get("nexthops", [route])}

    def bgp_settles(self):
        """All sessions are up, and the router has the paths that it should have."""
        wait_for("BGP at the router", self.router.established, lambda count: count == len(self.nodes), 90)
        for node in self.nodes:
            wait_for(f"BGP at {node.name}", node.established, lambda count: count == len(self.nodes), 90)
        if self.variant.bfd:
            wait_for("BFD", lambda: json.loads(self.router.vtysh("bfdd", "show bfd peers json")),
                     lambda peers: [peer["status"] for peer in peers] == ["up"] * len(self.nodes), 30)
        if self.calico:  # the holder's own route would hide that its place in the list is not there yet
            wait_for("the list of the Service", lambda: self.calico.ready(), lambda ready: all(ready.values()), 30)
            wait_for("BIRD follows it", lambda: all(self.calico.advertises.values()))
        wait_for("the paths of the router", lambda: self.paths(self.router), lambda names: names == self.variant.paths(self.nodes[0]), 30)



def bird_config(server, variant, advertises):
    others = [node for node in server.testbed.nodes if node is not server]
    static = f"protocol static service {{\n  ipv6;\n  route {VIP}/128 blackhole;\n}}\n" if variant.service and advertises else ""
    bfd = (f"protocol bfd {{\n  interface \"eth0\" {{ interval {BFD_MS} ms; multiplier {BFD_MULTIPLIER}; }};\n}}\n"
           if variant.bfd else "")
    mesh = "".join(MESH.format(number=node.number, address=node.address, own=server.address, cluster=CLUSTER_AS,
                               passive="  passive on;\n" if ipaddress.ip_address(node.address) > ipaddress.ip_address(server.address)
                               else "") for node in others)
    return BIRD.format(
        number=server.number, vip=VIP, cluster=CLUSTER_AS, static=static, bfd=bfd, mesh=mesh, own=server.address,
        router=ROUTER, router_as=ROUTER_AS, kernel="reject" if variant.service else "accept",
        distance="direct;\n  bfd on" if variant.bfd else "multihop",
        learned="" if variant.learned else "if source = RTS_BGP then reject; ")


PROXY = "table ip6 proxy {{ chain c {{ type nat hook prerouting priority dstnat; ip6 daddr {vip} tcp dport 6443 {to}; }}; }}"
BIRD = """
log stderr all;
router id 192.0.2.{number};

function for_peers() {{
  if net = {vip}/128 then accept;
  reject;
}}
filter for_kernel {{
  if net = {vip}/128 then {kernel};
  accept;
}}

protocol device {{ scan time 2; }}
protocol direct {{
  ipv6;
  interface -"cali*", -"kube-ipvs*", "*";
}}
protocol kernel {{
  learn;
  persist;
  scan time 2;
  graceful restart on;
  merge paths on;
  ipv6 {{ import all; export filter for_kernel; }};
}}
{static}{bfd}
template bgp peer {{
  local {own} as {cluster};
  connect delay time 2;
  connect retry time 5;
  error wait time 5, 30;
  graceful restart on;
}}
{mesh}
protocol bgp Global_router from peer {{
  neighbor {router} as {router_as};
  ttl security off;
  {distance};
  ipv6 {{
    gateway recursive;
    add paths on;
    import all;
    export filter {{ {learned}for_peers(); }};
  }};
}}
"""
MESH = """
protocol bgp Mesh_{number} from peer {{
  neighbor {address} as {cluster};
{passive}  ipv6 {{
    gateway recursive;
    add paths on;
    import all;
    export filter {{ for_peers(); }};
  }};
}}
"""
BGPD = """
log stdout
router bgp {router}
 bgp router-id 192.0.2.61
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
{neighbors} address-family ipv6 unicast
{active}  maximum-paths 3
 exit-address-family
"""
NEIGHBOR = """ neighbor {address} remote-as {cluster}
 neighbor {address} timers {keepalive} {hold}
 neighbor {address} timers connect 2
{bfd}"""
