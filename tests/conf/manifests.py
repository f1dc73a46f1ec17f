# SPDX-License-Identifier: Apache-2.0
"""vipctl manifest on a configuration, and a kubectl of a few lines that runs what it prints. VIPD_BUILD names the directory of
vipctl; run from the top directory."""

import json
import os
import shutil
import subprocess

import pytest
import schema

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
