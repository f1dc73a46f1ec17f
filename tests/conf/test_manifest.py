# SPDX-License-Identifier: Apache-2.0
"""What vipctl manifest prints: run by a shell against a kubectl of a few lines, or read by whoever reads it in earnest. The traps
that the texts avoid stand here one by one, so that none comes back. VIPD_BUILD names the directory of vipctl; run from
the top directory."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
import schema
import yaml

VIPCTL = os.path.join(os.environ.get("VIPD_BUILD", "build"), "vipctl")
VIPD = os.path.join(os.environ.get("VIPD_BUILD", "build"), "vipd")
VIP = "2001:a61:1162:79fb:ff00::100"
NODES = {f"k8s-node0{i}": f"2001:a61:1162:79fb::1{i}" for i in (1, 2, 3)}
SERVERS = [word for name, address in NODES.items() for word in ("--server", f"{name}={address}")]
BGP = "bgpconfigurations.projectcalico.org/default"
OTHERS = [{"cidr": "2001:db8:1::/64"}, {"cidr": "192.0.2.0/24"}]

CONFIG = """node = "k8s-node02";
virtual_routers = ( {{ name = "api"; interface = "eth0"; vrid = 100; addresses = [ {addresses} ]; }}{more} );
metrics = {{ listen = "{listen}"; }};
"""


@pytest.fixture
def conf(tmp_path):
    def write(addresses=f'"{VIP}"', more="", listen="[::]:9752"):
        path = tmp_path / "vipd.conf"
        path.write_text(CONFIG.format(addresses=addresses, more=more, listen=listen))
        return str(path)
    return write


def vipctl(path, *arguments):
    return subprocess.run([VIPCTL, "manifest", "-c", path, *arguments], capture_output=True, text=True, timeout=30)


def printed(path, *arguments):
    done = vipctl(path, *arguments)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


class Cluster:
    def __init__(self, path, groups=("projectcalico.org", "crd.projectcalico.org")):
        self.path, self.tools = path / "cluster", path / "bin"
        self.tools.mkdir()
        shutil.copy("tests/conf/kubectl", self.tools / "kubectl")
        self.cluster = {"version": 41, "groups": list(groups), "objects": {}}

    def give_bgp(self, spec):
        self.cluster["objects"][BGP] = {
            "apiVersion": "projectcalico.org/v3", "kind": "BGPConfiguration",
            "metadata": {"name": "default", "resourceVersion": "17"}, "spec": spec}

    def run(self, script):
        self.path.write_text(json.dumps(self.cluster))
        environment = {"PATH": f"{self.tools}:/usr/bin:/bin", "CLUSTER": str(self.path)}
        done = subprocess.run(["sh"], input=script, capture_output=True, text=True, timeout=30, env=environment)
        self.cluster = json.loads(self.path.read_text())
        return done

    def apply(self, script):
        done = self.run(script)
        assert done.returncode == 0, done.stderr
        for document in self.objects.values():
            schema.check(document)
        return self.objects

    @property
    def objects(self):
        return self.cluster["objects"]


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path)


def external(cluster, name=BGP):
    return cluster.objects[name]["spec"]["serviceExternalIPs"]


# ---- the list of BGPConfiguration ----

def test_entries_of_others_stay(cluster, conf):
    cluster.give_bgp({"asNumber": 65010, "serviceExternalIPs": list(OTHERS)})
    cluster.apply(printed(conf(), "--calico", *SERVERS))
    assert external(cluster) == [*OTHERS, {"cidr": f"{VIP}/128"}]
    assert cluster.objects[BGP]["spec"]["asNumber"] == 65010


@pytest.mark.parametrize("spec", [{"asNumber": 65010}, {"asNumber": 65010, "serviceExternalIPs": []}])
def test_no_list_yet(cluster, conf, spec):
    cluster.give_bgp(spec)
    cluster.apply(printed(conf(), *SERVERS))  # --calico is the default
    assert cluster.objects[BGP]["spec"] == {"asNumber": 65010, "serviceExternalIPs": [{"cidr": f"{VIP}/128"}]}


def test_no_object_yet(cluster, conf):
    cluster.apply(printed(conf(), *SERVERS))
    assert cluster.objects[BGP]["spec"] == {"serviceExternalIPs": [{"cidr": f"{VIP}/128"}]}


def test_twice_changes_nothing(cluster, conf):
    script = printed(conf(), *SERVERS)
    cluster.give_bgp({"serviceExternalIPs": list(OTHERS)})
    cluster.apply(script)
    before = json.dumps(cluster.objects[BGP])
    cluster.apply(script)
    assert json.dumps(cluster.objects[BGP]) == before


def test_a_change_by_somebody_else_meanwhile_is_not_lost(cluster, conf):
    cluster.give_bgp({"serviceExternalIPs": [OTHERS[0]]})
    changed = json.loads(json.dumps(cluster.objects[BGP]))
    changed["metadata"]["resourceVersion"] = "18"
    changed["spec"]["serviceExternalIPs"] = []
    cluster.cluster["meanwhile"] = {BGP: changed}
    done = cluster.run(printed(conf(), *SERVERS))
    assert done.returncode != 0 and "resourceVersion" in done.stderr and external(cluster) == []
    cluster.apply(printed(conf(), *SERVERS))
    assert external(cluster) == [{"cidr": f"{VIP}/128"}]


def test_without_calicos_api_server(tmp_path, conf):
    cluster = Cluster(tmp_path, groups=["crd.projectcalico.org"])
    cluster.apply(printed(conf(), *SERVERS))
    assert external(cluster, "bgpconfigurations.crd.projectcalico.org/default") == [{"cidr": f"{VIP}/128"}]
    cluster.apply(printed(conf(), "--calico-holder"))
    assert "ippools.crd.projectcalico.org/k8s-api" in cluster.objects


def test_without_calico(tmp_path, conf):
    for number, kind in enumerate((["--calico", *SERVERS], ["--calico-holder"])):
        (tmp_path / str(number)).mkdir()
        cluster = Cluster(tmp_path / str(number), groups=[])
        done = cluster.run(printed(conf(), *kind))
        assert done.returncode != 0 and "doesn't have a resource type" in done.stderr and not cluster.objects


# ---- the Service and its endpoints: the traps ----

def test_service(cluster, conf):
    service = cluster.apply(printed(conf(), *SERVERS))["services/k8s-api"]
    spec = service["spec"]
    assert spec["type"] == "ClusterIP"  # LoadBalancer starts ServiceLB pods on host port 6443
    assert "clusterIP" not in spec  # None is passed over by Calico and kube-proxy
    assert "selector" not in spec
    assert spec["externalTrafficPolicy"] == "Local"  # Cluster: every node would advertise it
    assert spec["externalIPs"] == [VIP]
    assert spec["ipFamilies"] == ["IPv6"]
    assert spec["ports"] == [{"name": "https", "protocol": "TCP", "port": 6443, "targetPort": 6443}]


def test_endpoint_slice(cluster, conf):
    objects = cluster.apply(printed(conf(), *SERVERS))
    service, piece = objects["services/k8s-api"], objects["endpointslices.discovery.k8s.io/k8s-api-vipd"]
    labels = piece["metadata"]["labels"]
    assert labels["kubernetes.io/service-name"] == service["metadata"]["name"]
    assert labels["endpointslice.kubernetes.io/managed-by"] == "vipd"  # a controller would delete one with its own name
    assert piece["metadata"]["namespace"] == service["metadata"]["namespace"]
    assert piece["addressType"] == "IPv6"
    assert [p["name"] for p in piece["ports"]] == [p["name"] for p in service["spec"]["ports"]]
    assert [p["port"] for p in piece["ports"]] == [p["targetPort"] for p in service["spec"]["ports"]]
    assert {e["nodeName"]: e["addresses"] for e in piece["endpoints"]} == {n: [a] for n, a in NODES.items()}
    assert all(e["conditions"] == {"ready": True} for e in piece["endpoints"])
    assert "endpointss/k8s-api" not in objects


@pytest.mark.parametrize("more, group, kind, name", [
    ([], "discovery.k8s.io", "endpointslices", "k8s-api-vipd"), (["--endpoints"], "", "endpoints", "k8s-api")])
def test_what_publishing_may_do(cluster, conf, more, group, kind, name):
    """That one object, which it cannot make; and the example that is printed is right."""
    script = printed(conf(), "--publish", *more, *SERVERS)
    objects = cluster.apply(script)
    rule, = objects["roles.rbac.authorization.k8s.io/vipd"]["rules"]
    assert rule == {"apiGroups": [group], "resources": [kind], "resourceNames": [name], "verbs": ["get", "patch"]}
    assert f"{kind}.{group}/{name}" in objects or f"{kind}s/{name}" in objects
    binding = objects["rolebindings.rbac.authorization.k8s.io/vipd"]
    assert binding["roleRef"]["name"] == "vipd" and binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "vipd", "namespace": "kube-system"}]
    assert objects["secrets/vipd-token"]["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "vipd"}
    example = [line.lstrip("# ") for line in script.splitlines() if line.startswith("#  ")]
    begin = next(i for i, line in enumerate(example) if line.startswith("publish = ("))
    path = pathlib.Path(conf(more=""))
    path.write_text(path.read_text() + "\n".join([*example[begin:begin + 2], 'run_as = "root";']))
    assert subprocess.run([VIPD, "-n", "-c", path], capture_output=True, text=True, timeout=30).returncode == 0


def test_endpoints_for_old_calico(cluster, conf):
    objects = cluster.apply(printed(conf(), "--endpoints", *SERVERS))
    endpoints = objects["endpointss/k8s-api"]
    assert not any("endpointslice" in name for name in objects)  # Kubernetes makes it; two would count twice
    subset, = endpoints["subsets"]
    assert {a["nodeName"]: a["ip"] for a in subset["addresses"]} == NODES
    assert subset["ports"] == [{"name": "https", "protocol": "TCP", "port": 6443}]


def test_holder_pool(cluster, conf):
    objects = cluster.apply(printed(conf(), "--calico-holder"))
    assert list(objects) == ["ippools.projectcalico.org/k8s-api", "bgpfilters.projectcalico.org/k8s-api"]  # no Service
    spec = objects["ippools.projectcalico.org/k8s-api"]["spec"]
    assert spec["cidr"] == f"{VIP}/128" and spec["blockSize"] == 128
    assert spec["disabled"] is True and spec["disableBGPExport"] is False
    assert spec["ipipMode"] == spec["vxlanMode"] == "Never" and spec["natOutgoing"] is False


def test_holder_filter(cluster, conf):
    """Nodes do not pass on to the router what they learned from each other: `make lab-bgp` shows what happens if they do."""
    rule, = cluster.apply(printed(conf(), "--calico-holder"))["bgpfilters.projectcalico.org/k8s-api"]["spec"]["exportV6"]
    assert rule == {"cidr": f"{VIP}/128", "matchOperator": "Equal", "source": "RemotePeers", "action": "Reject"}


def test_name_and_port(cluster, conf):
    objects = cluster.apply(printed(conf(), "--name", "vip", "--port", "443", *SERVERS))
    assert objects["services/vip"]["spec"]["ports"][0]["port"] == 443
    labels = objects["endpointslices.discovery.k8s.io/vip-vipd"]["metadata"]["labels"]
    assert labels["kubernetes.io/service-name"] == "vip"


@pytest.mark.parametrize("kind", [["--calico"], ["--calico", "--endpoints"], ["--calico", "--publish"], ["--calico-holder"]])
def test_versions_and_limits_are_told(conf, kind):
    text = printed(conf(), *kind, *SERVERS)
    told = ["deprecated", "DenyServiceExternalIPs", "1.29", "3.29 and older", "3.30 and older"]
    assert all(word in text for word in told) if "--calico" in kind else "BFD" in text and "nftables" in text
    assert "The other way" in text or "the other way" in text


@pytest.mark.parametrize("kind", [["--calico"], ["--calico", "--endpoints"], ["--calico", "--publish"], ["--calico-holder"],
                                  ["--dns", "--zone", "a.b", "--dns-server", "2001:db8::53"]])
def test_scripts_are_clean(conf, kind):
    done = subprocess.run(["shellcheck", "-"], input=printed(conf(), *kind, *SERVERS), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# ---- the others ----

def test_k3s(conf):
    text = printed(conf(), "--k3s", "--zone", "k8s.lzadm.com", *SERVERS)
    fragment = yaml.safe_load(text)
    assert fragment == {"tls-san": [VIP, "k8s-api.k8s.lzadm.com"], "node-ip": NODES["k8s-node02"]}  # this server's
    assert all(f'#node-ip: "{address}" # on {name}\n' in text for name, address in NODES.items())
    assert yaml.safe_load(printed(conf(), "--k3s", "--server", "k8s-node03=2001:db8::3")) == {"tls-san": [VIP]}


def test_zone_line(conf):
    lines = [line for line in printed(conf(), "--dns", "--zone", "k8s.lzadm.com").splitlines() if line[0] != ";"]
    assert [line.split() for line in lines] == [["k8s-api", "60", "IN", "AAAA", VIP]]


def test_nsupdate(conf):
    script = printed(conf(), "--dns", "--zone", "k8s.lzadm.com", "--dns-server", "2001:a61:1162:79fb::1", "--dns-port",
                     "5353", "--key", "/etc/vipd/k8s.key")
    assert "nsupdate -k /etc/vipd/k8s.key <<" in script
    for line in ("server 2001:a61:1162:79fb::1 5353", "zone k8s.lzadm.com", "update delete k8s-api.k8s.lzadm.com. AAAA",
                 f"update add k8s-api.k8s.lzadm.com. 60 AAAA {VIP}", "send"):
        assert line in script.splitlines()


def test_nsupdate_ipv4(conf):
    script = printed(conf(), "--dns", "--zone", "k8s.lzadm.com", "--dns-server", "192.0.2.53")
    assert "server 192.0.2.53 53" in script.splitlines()
    assert f"update add k8s-api.k8s.lzadm.com. 60 AAAA {VIP}" in script.splitlines()


def test_kubeconfig(conf):
    entry = yaml.safe_load(printed(conf(), "--kubeconfig"))
    assert entry["clusters"][0]["cluster"]["server"] == f"https://[{VIP}]:6443"
    assert "insecure-skip-tls-verify" not in entry["clusters"][0]["cluster"]
    assert entry["contexts"][0]["context"]["cluster"] == entry["clusters"][0]["name"]
    entry = yaml.safe_load(printed(conf(), "--kubeconfig", "--zone", "k8s.lzadm.com"))
    assert entry["clusters"][0]["cluster"]["server"] == "https://k8s-api.k8s.lzadm.com:6443"


def test_prometheus(conf, tmp_path):
    text = printed(conf(), "--prometheus", *SERVERS)
    (tmp_path / "prometheus.yml").write_text(text)
    done = subprocess.run(["promtool", "check", "config", str(tmp_path / "prometheus.yml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    job, = yaml.safe_load(text)["scrape_configs"]
    assert [(c["labels"]["node"], c["targets"]) for c in job["static_configs"]] == [
        (name, [f"[{address}]:9752"]) for name, address in NODES.items()]
    assert "This server answers" not in text
    assert "This server answers on [::1]:9999 only" in printed(conf(listen="[::1]:9999"), "--prometheus", *SERVERS)
    done = vipctl(conf(listen=""), "--prometheus", *SERVERS)
    assert done.returncode == 2 and "nothing to scrape" in done.stderr


# ---- from vipd.conf ----

SECOND = ', { name = "web"; interface = "eth0"; vrid = 101; addresses = [ "2001:db8::80" ]; }'


def test_which_router(conf):
    done = vipctl(conf(more=SECOND), "--calico-holder")
    assert done.returncode == 2 and "--router; there are: api web" in done.stderr and not done.stdout
    done = vipctl(conf(more=SECOND), "--calico-holder", "--router", "nope")
    assert done.returncode == 2 and "called nope; there are: api web" in done.stderr
    assert "2001:db8::80/128" in printed(conf(more=SECOND), "--calico-holder", "--router", "web")


def test_which_address(conf):
    two = f'"{VIP}", "2001:db8::99"'
    done = vipctl(conf(two), "--calico-holder")
    assert done.returncode == 2 and "several addresses; say which with --address" in done.stderr and not done.stdout
    assert "2001:db8::99/128" in printed(conf(two), "--calico-holder", "--address", "2001:DB8:0::99")
    done = vipctl(conf(two), "--calico-holder", "--address", "2001:db8::98")
    assert done.returncode == 2 and "has no address 2001:db8::98" in done.stderr


def test_wrong_or_missing_configuration(conf, tmp_path):
    done = vipctl(str(tmp_path / "none"), "--calico-holder")
    assert done.returncode == 4 and "none" in done.stderr and not done.stdout
    done = vipctl(conf('"192.0.2.256"'), "--calico-holder")
    assert done.returncode == 4 and "192.0.2.256" in done.stderr and not done.stdout


def test_ipv4(conf):
    """The same with an IPv4 address: nothing in it is of IPv6."""
    servers = ["--server", "k8s-node02=192.0.2.12"]
    path = conf('"192.0.2.100"', listen="0.0.0.0:9752")
    holder = printed(path, "--calico-holder")
    assert 'cidr: "192.0.2.100/32"' in holder and "blockSize: 32" in holder and "exportV4:" in holder
    assert "show bgp ipv4 unicast 192.0.2.100/32" in holder and "https://192.0.2.100:6443/ping" in holder
    calico = printed(path, "--calico", *servers)
    assert "ipFamilies: [IPv4]" in calico and "addressType: IPv4" in calico and 'addresses: ["192.0.2.12"]' in calico
    k3s = printed(path, "--k3s", *servers)
    assert '- "192.0.2.100"' in k3s and 'node-ip: "192.0.2.12"' in k3s
    assert " IP_AUTODETECTION_METHOD=" in k3s and "nodeAddressAutodetectionV4" in k3s
    assert "IN\tA\t192.0.2.100" in printed(path, "--dns", "--zone", "k8s.example.com")
    update = printed(path, "--dns", "--zone", "k8s.example.com", "--dns-server", "192.0.2.1")
    assert "60 A 192.0.2.100\n" in update
    assert 'server: "https://192.0.2.100:6443"' in printed(path, "--kubeconfig")
    assert '["192.0.2.12:9752"]' in printed(path, "--prometheus", *servers)
    for text in (holder, calico, k3s, update):
        assert "IPv6" not in text and "128" not in text and "[::1]" not in text, text


SERVER = "k8s-node01=2001:db8::11"


@pytest.mark.parametrize("arguments, says", [
    (["--calico"], "--calico needs every server"),
    (["--k3s"], "--k3s needs every server"),
    (["--prometheus"], "--prometheus needs every server"),
    (["--server", "2001:db8::11"], "write NAME=ADDRESS"),
    (["--server", "=2001:db8::11"], "not the name of a node"),
    (["--server", "K8S=2001:db8::11"], "lower case"),
    (["--server", "a b=2001:db8::11"], "not the name of a node"),
    (["--server", "x'y=2001:db8::11"], "not the name of a node"),
    (["--server", "a" * 64 + "=2001:db8::11"], "not the name of a node"),
    (["--server", "a.a." * 70 + "a=2001:db8::11"], "not the name of a node"),
    (["--server", "a=192.0.2.1"], "of the family of the virtual one"),
    (["--server", "a=::ffff:192.0.2.1"], "cannot be reached"),
    (["--server", "a=2001:db8::11/64"], "without a prefix length"),
    (["--server", "a=fe80::1"], "cannot be reached"),
    (["--server", "a=::1"], "cannot be reached"),
    (["--server", "a="], "not an IP address"),
    (["--server", "a=node01"], "not an IP address"),
    (["--server", f"a={VIP}"], "that is the virtual address"),
    (["--server", SERVER, "--server", "k8s-node01=2001:db8::12"], "there twice"),
    (["--server", SERVER, "--server", "k8s-node02=2001:db8:0::11"], "k8s-node01 has that address already"),
    (["--calico", "--k3s", "--server", SERVER], "one kind at a time"),
    (["--dns"], "--dns needs --zone"),
    (["--dns", "--zone", "k8s.lzadm.com."], "without a dot at the end"),
    (["--dns", "--zone", "K8s"], "lower case"),
    (["--dns", "--zone", "a.b", "--name", "x.y"], "one label"),
    (["--dns", "--zone", "a.b", "--name", "1x"], "beginning with a letter"),
    (["--dns", "--zone", "a.b", "--name", ""], "one label"),
    (["--dns", "--zone", "a.b", "--key", "k"], "--key belongs to --dns-server"),
    (["--dns", "--zone", "a.b", "--dns-server", "192.0.2.53:5353"], "the port is --dns-port"),
    (["--dns", "--zone", "a.b", "--dns-server", "224.0.0.1"], "not the address of a host"),
    (["--dns", "--zone", "a.b", "--dns-server", "2001:db8::53", "--key", "k'; rm"], "path of a key file"),
    (["--dns", "--zone", "a.b", "--dns-server", "2001:db8::53", "--dns-port", "0"], "not a port"),
    (["--kubeconfig", "--port", "65536"], "not a port"),
    (["--kubeconfig", "--port", "x"], "not a port"),
    (["--kubeconfig", "--dns-server", "2001:db8::53"], "belong to --dns"),
    (["--kubeconfig", "--endpoints"], "--endpoints and --publish belong to --calico"),
    (["--kubeconfig", "more"], "what is 'more'?"),
    (["--nonsense"], "manifest takes no --nonsense"),
])
def test_wrong_command_lines(conf, arguments, says):
    done = vipctl(conf(), *arguments)
    assert done.returncode == 2 and says in done.stderr and not done.stdout


POD = """virtual_routers = ( { name = "api"; interface = "eth0"; vrid = 100; addresses = [ "2001:db8:79fb::100" ]; checks = [ "api" ];
  auth = { mode = "enforce"; active_key = 1; keys = ( { id = 1; file = "/srv/a \\"key\\"/1"; } ); }; },
  { name = "other"; interface = "eth0"; vrid = 101; addresses = [ "2001:db8:79fb::101" ]; } );
checks = ( { name = "api"; type = "https"; url = "https://[::1]:6443/readyz"; ca = "/var/lib/rancher/k3s/server/tls/server-ca.crt";
  cert = "/var/lib/rancher/k3s/server/tls/client-admin.crt"; key = "/var/lib/rancher/k3s/server/tls/client-admin.key"; } %s );
record_dir = "/var/log/vipd/captures";
"""


def pod_of(path):
    pod = yaml.safe_load(printed(path, "--static-pod"))
    container, = pod["spec"]["containers"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume["hostPath"] for volume in pod["spec"]["volumes"]}
    assert mounts.keys() == volumes.keys()
    assert all(mounts[name]["mountPath"] == volumes[name]["path"] for name in mounts)
    return pod, container, {mount["mountPath"]: not mount.get("readOnly") for mount in mounts.values()}


def test_static_pod(tmp_path):
    """Several routers need no choice; each directory once, as far as it is written to."""
    path = tmp_path / "vipd.conf"
    path.write_text(POD % "")
    pod, container, directories = pod_of(str(path))
    assert directories == {"/run/vipd": True, "/var/log/vipd/captures": True, str(tmp_path): False, '/srv/a "key"': False,
                           "/var/lib/rancher/k3s/server/tls": False}
    assert pod["spec"]["hostNetwork"] is True and "hostPID" not in pod["spec"]
    assert container["command"] == ["/usr/sbin/vipd", "-c", str(path)]
    security = container["securityContext"]
    assert security["capabilities"]["drop"] == ["ALL"] and not security.get("privileged")
    unit = pathlib.Path("init/vipd.service").read_text()
    of_unit = {name for line in unit.splitlines() if line.startswith("CapabilityBoundingSet=") for name in line[22:].split()}
    assert {f"CAP_{name}" for name in security["capabilities"]["add"]} == of_unit | {"CAP_SYS_RESOURCE"}
    for probe in ("livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"host": "::1", "port": 9752, "path": "/healthz"}


def test_static_pod_without_metrics_and_with_processes(tmp_path):
    path = tmp_path / "vipd.conf"
    path.write_text('metrics = { listen = ""; };\n' + POD % ', { name = "k3s"; type = "process"; process = "k3s-server"; }')
    pod, container, _ = pod_of(str(path))
    assert pod["spec"]["hostPID"] is True and "livenessProbe" not in container


def test_static_pod_of_a_distribution(tmp_path):
    """What a check finds by itself is mounted, too; where nothing can be found, that is said."""
    path = tmp_path / "vipd.conf"
    path.write_text(POD % ', { name = "kubernetes"; type = "kubernetes"; distribution = "kubeadm"; }')
    directories = pod_of(str(path))[2]
    assert {"/etc/kubernetes/manifests", "/etc/kubernetes/pki", "/var/lib/kubelet/pki"} <= directories.keys()
    path.write_text(POD % ', { name = "kubernetes"; type = "kubernetes"; }')
    done = vipctl(str(path), "--static-pod")
    assert done.returncode == 2 and "no API server was found here" in done.stderr and not done.stdout
    done = vipctl("vipd.conf", "--static-pod")
    assert done.returncode == 2 and "write the whole path" in done.stderr


def test_commands_of_the_guide():
    """Each `vipctl manifest` of the guide works with the example configuration."""
    lines = pathlib.Path("docs/k3s-calico.md").read_text().splitlines()
    commands = [line for line in lines if line.startswith("vipctl manifest")]
    servers = [line for line in lines if line.startswith("servers=")]
    assert servers
    for command in commands:
        script = "\n".join([*servers, command.split(" >")[0].replace("vipctl manifest", '"$0" manifest -c conf/vipd.conf')])
        done = subprocess.run(["sh", "-c", script, VIPCTL], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and done.stdout, (command, done.stderr)
    kinds = {word for command in commands for word in command.split() if word in (
        "--calico", "--calico-holder", "--k3s", "--dns", "--kubeconfig", "--prometheus")}
    assert len(kinds) == 6


def test_too_many_servers(conf):
    many = [word for i in range(33) for word in ("--server", f"n{i}=2001:db8::{i:x}1")]
    assert "more than 32" in vipctl(conf(), *many).stderr
    assert printed(conf(), *many[:64]).count("nodeName: \"n") == 32
