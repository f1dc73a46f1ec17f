# SPDX-License-Identifier: Apache-2.0
"""What vipctl manifest prints for Calico: run by a shell against a kubectl of a few lines. The traps that the texts avoid stand
here one by one, so that none comes back."""

import json
import pathlib
import subprocess

import pytest
from manifests import BGP, NODES, OTHERS, SERVERS, VIP, VIPD, Cluster, cluster, conf, external, printed  # noqa: F401, F811 (fixtures)


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
