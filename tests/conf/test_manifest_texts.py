# SPDX-License-Identifier: Apache-2.0
"""What vipctl manifest prints for k3s, the name, kubectl, Prometheus and kubelet; which router and address it is about; and
command lines that it refuses."""

import pathlib
import subprocess

import pytest
import yaml
from manifests import NODES, SERVERS, VIP, VIPCTL, conf, printed, vipctl  # noqa: F401, F811 (fixtures)


def test_reserve(conf):
    path = conf()
    thing = yaml.safe_load(printed(path, "--reserve", "--service-cidr", "2001:a61:1162:79fb:ff00::/112"))
    assert thing == {"apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
                     "metadata": {"name": VIP, "labels": {"ipaddress.kubernetes.io/ip-family": "IPv6"}},
                     "spec": {"parentRef": {"resource": "nodes", "name": "k8s-node02"}}}
    for cidr in ("2001:a61:1162:79fb:ff01::/112", "10.43.0.0/16"):
        done = vipctl(path, "--reserve", "--service-cidr", cidr)
        assert done.returncode == 2 and f"{VIP} is not in the service CIDR {cidr}" in done.stderr and not done.stdout
    assert 'name: "10.43.0.10"' in printed(conf('"10.43.0.10"'), "--reserve", "--service-cidr", "10.43.0.0/16")


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


def test_both_families(conf):
    """What has room for all addresses has all of them; a name stands for them; the rest is about one."""
    both, servers = conf(f'"192.0.2.100", "{VIP}"'), ["--server", "k8s-node01=192.0.2.11", "--server", "k8s-node03=2001:db8::13"]
    assert yaml.safe_load(printed(both, "--k3s", *servers))["tls-san"] == ["192.0.2.100", VIP]
    dns = ["--dns", "--zone", "a.b"]
    lines = [line for line in printed(both, *dns).splitlines() if line[0] != ";"]
    assert [line.split()[3:] for line in lines] == [["A", "192.0.2.100"], ["AAAA", VIP]]
    script = printed(both, *dns, "--dns-server", "2001:db8::53")
    assert [line for line in script.splitlines() if line.startswith("update")] == [
        "update delete k8s-api.a.b. A", "update delete k8s-api.a.b. AAAA",
        "update add k8s-api.a.b. 60 A 192.0.2.100", f"update add k8s-api.a.b. 60 AAAA {VIP}"]
    assert "AAAA" not in printed(both, *dns, "--address", "192.0.2.100")
    assert "https://k8s-api.a.b:6443" in printed(both, "--kubeconfig", "--zone", "a.b")
    assert "192.0.2.11:9752" in printed(both, "--prometheus", *servers)
    done = vipctl(both, "--kubeconfig")
    assert done.returncode == 2 and "say which with --address, or with --zone the name" in done.stderr
    done = vipctl(both, "--k3s", "--server", f"k8s-node01={VIP}")
    assert done.returncode == 2 and "that is the virtual address" in done.stderr


def test_wrong_or_missing_configuration(conf, tmp_path):
    done = vipctl(str(tmp_path / "none"), "--calico-holder")
    assert done.returncode == 4 and "none" in done.stderr and not done.stdout
    done = vipctl(conf('"192.0.2.256"'), "--calico-holder")
    assert done.returncode == 4 and "192.0.2.256" in done.stderr and not done.stdout


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
    (["--reserve"], "belong together"),
    (["--kubeconfig", "--service-cidr", "2001:db8::/112"], "belong together"),
    (["--reserve", "--service-cidr", "2001:db8::"], "write ADDRESS/BITS"),
    (["--reserve", "--service-cidr", "2001:db8::/129"], "write ADDRESS/BITS"),
    (["--reserve", "--service-cidr", "10.43.0.0/33"], "write ADDRESS/BITS"),
    (["--reserve", "--service-cidr", "services/112"], "write ADDRESS/BITS"),
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
    for probe in ("livenessProbe", "readinessProbe"):  # no listener that other processes can fill
        assert container[probe]["exec"]["command"] == ["/usr/bin/vipctl", "-s", "/run/vipd/vipd.sock", "check", "--alive"]
        assert container[probe]["timeoutSeconds"] > 3  # what vipctl takes at most


def test_static_pod_without_metrics_and_with_processes(tmp_path):
    path = tmp_path / "vipd.conf"
    path.write_text('metrics = { listen = ""; };\n' + POD % ', { name = "k3s"; type = "process"; process = "k3s-server"; }')
    pod, container, _ = pod_of(str(path))
    assert pod["spec"]["hostPID"] is True and "exec" in container["livenessProbe"]


PUBLISH = """publish = ( { type = "endpointslice"; router = "api"; service = "api"; url = "https://[::1]:6443"; ca = "/srv/ca/ca.crt"; token = "/srv/token/t"; } );
"""
FILE_CHECK = ', { name = "file"; type = "file"; path = "%s"; }'


def test_static_pod_has_every_file_that_is_named(tmp_path):
    """Those of `publish`, too; /proc and /sys every container has."""
    path = tmp_path / "vipd.conf"
    path.write_text(POD % (FILE_CHECK % "/proc/sys/kernel/tainted") + PUBLISH)
    directories = pod_of(str(path))[2]
    assert {"/srv/ca", "/srv/token"} <= directories.keys() and not [name for name in directories if name.startswith("/proc")]


@pytest.mark.parametrize("text, place, why", [
    ((POD % "").replace('/srv/a \\"key\\"/1', "/run/credentials/vipd.service/advert-key"), "/run/credentials/vipd.service", "end with the unit"),
    (POD % (FILE_CHECK % "/ready"), "/", "has its own files there"),
    (POD % (FILE_CHECK % "/etc/ready"), "/etc", "has its own files there"),
    (POD % (FILE_CHECK % "/usr/ready"), "/usr", "has its own files there"),
])
def test_static_pod_cannot_have_everything(tmp_path, text, place, why):
    path = tmp_path / "vipd.conf"
    path.write_text(text)
    done = vipctl(str(path), "--static-pod")
    assert done.returncode == 2 and f"{place} cannot be mounted into the pod" in done.stderr and why in done.stderr and not done.stdout, done


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
    lines = [line.strip() for line in pathlib.Path("docs/k3s-calico.md").read_text().splitlines()]
    commands = [line for line in lines if line.startswith("vipctl manifest")]
    servers = [line for line in lines if line.startswith("servers=")]
    assert servers
    for command in commands:
        script = "\n".join([*servers, command.split(" >")[0].replace("vipctl manifest", '"$0" manifest -c conf/vipd.conf')])
        done = subprocess.run(["sh", "-c", script, VIPCTL], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and done.stdout, (command, done.stderr)
    kinds = {word for command in commands for word in command.split() if word in (
        "--calico", "--calico-holder", "--reserve", "--k3s", "--dns", "--kubeconfig", "--prometheus")}
    assert len(kinds) == 7


@pytest.mark.parametrize("path", ["README.md", "docs/k3s-calico.md"])
def test_configurations_of_the_texts(path, tmp_path):
    """Each is a whole one."""
    blocks = [block for block in pathlib.Path(path).read_text().split("```")[1::2] if block.startswith("\nvirtual_routers")]
    assert blocks
    for block in blocks:
        conf = tmp_path / "vipd.conf"
        conf.write_text(block + 'run_as = "root";\n')
        done = subprocess.run([VIPCTL.replace("vipctl", "vipd"), "-n", "-c", str(conf)], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, (block, done.stderr)


def test_too_many_servers(conf):
    many = [word for i in range(33) for word in ("--server", f"n{i}=2001:db8::{i:x}1")]
    assert "more than 32" in vipctl(conf(), *many).stderr
    assert printed(conf(), *many[:64]).count("nodeName: \"n") == 32
