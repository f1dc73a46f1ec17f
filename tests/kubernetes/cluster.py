# SPDX-License-Identifier: Apache-2.0
"""A control plane: three servers, each with etcd, kube-apiserver and vipd, and a client with kubectl.

The servers are set up as k3s sets up its own: every API server talks to the etcd beside it, etcd has k3s's slow
timers, nobody may ask anonymously, and vipd has the checks of the shipped example (conf/vipd.conf).
"""

import json
import os
import re
import signal
import subprocess

from testbed import ROOT, VIP, Cluster, Node, run, wait_for

EXAMPLE = os.environ.get("VIPD_EXAMPLE", os.path.join(ROOT, "conf", "vipd.conf"))
ETCD = {"heartbeat-interval": 500, "election-timeout": 5000}  # ms, k3s's values
QUICK = 'interval = "250ms"; timeout = "500ms";'
PATIENT = 'interval = "3s"; fast_interval = "3s"; timeout = "5s"; fall = 4; rise = 1;'
SERVICES = "2001:db8:79fb::ff00:0/112"


def example(server, settings):
    """The shipped example with the paths and the address of the lab. `settings`: more of the virtual router."""
    with open(EXAMPLE) as file:
        text = file.read()
    tls = server.testbed.tls
    files = f'ca = "{tls}/ca.crt"; cert = "{tls}/client.crt"; key = "{tls}/client.key";'
    found = f'type = "kubernetes"; port = 6443; {files}'
    old = (  # what vipd.conf(5) says for an API server without the gate etcd-readiness
        f'type = "https"; {QUICK} url = "https://[::1]:6443/readyz?exclude=etcd"; {files} }},\n'
        f'  {{ name = "apiserver-etcd"; type = "https"; {PATIENT} url = "https://[::1]:6443/readyz"; {files}')
    changes = [('type = "kubernetes";', found if server.testbed.etcd_readiness else old),
               ("2001:a61:1162:79fb:ff00::100", VIP),
               ('group = "vipd"; admin_group = "root";',
                f'socket = "{server.socket_path}"; group = "root"; admin_group = "root";')]
    if not server.testbed.etcd_readiness:
        changes.append(('checks    = [ "apiserver" ];', 'checks    = [ "apiserver", "apiserver-etcd" ];'))
    for before, after in changes:
        assert before in text, f"{EXAMPLE} does not contain {before}"
        text = text.replace(before, after)
    for key, value in settings.items():
        text = re.sub(rf"(?m)^\s*{key}\s*=.*\n", "", text)
        text = re.sub(r"(?m)^(\s*)vrid +=", rf"\1{key} = {value};\n\1vrid =", text)
    return f'node = "{server.name}";\nrun_as = "root";\n{text}{server.testbed.more}'


class Server(Node):
    """Its API server is the real one. `settings`: of the virtual router, beside those of the example."""

    def __init__(self, testbed, name, number, priority):
        self.etcd, self.settings = None, {}
        super().__init__(testbed, name, number, priority)

    def write_config(self, config=None):
        super().write_config(config or example(self, self.settings))

    # etcd

    def etcd_start(self):
        assert self.etcd is None
        peers = ",".join(f"{node.name}=http://[{node.address}]:2380" for node in self.testbed.nodes)
        settings = {"name": self.name, "data-dir": self.directory + "/etcd", "listen-client-urls": "http://[::1]:2379",
                    "advertise-client-urls": "http://[::1]:2379", "listen-peer-urls": f"http://[{self.address}]:2380",
                    "initial-advertise-peer-urls": f"http://[{self.address}]:2380", "initial-cluster": peers,
                    "initial-cluster-state": "new", **ETCD}
        self.etcd = self.spawn([self.testbed.programs + "/etcd", *(f"--{key}={value}" for key, value in settings.items())], "etcd",
                               env={**self.testbed.environment, "ETCD_UNSUPPORTED_ARCH": "arm64"})

    def etcd_kill(self):
        self.end(self.etcd)
        self.etcd = None

    def etcd_ask(self, path, body):
        answer = self.exec("curl", "-sS", "--max-time", "2", "-d", json.dumps(body), f"http://[::1]:2379/v3/{path}")
        return json.loads(answer.stdout)

    def etcd_is_leader(self):
        status = self.etcd_ask("maintenance/status", {})
        return status["leader"] == status["header"]["member_id"]

    # the API server

    def api_start(self, delay_s=0):
        """delay_s: how long it goes on serving after SIGTERM while its readiness already fails."""
        assert self.api is None
        tls = self.testbed.tls
        settings = {"etcd-servers": "http://[::1]:2379", "bind-address": "::", "secure-port": 6443, "advertise-address": self.address,
                    "tls-cert-file": f"{tls}/server.crt", "tls-private-key-file": f"{tls}/server.key",
                    "client-ca-file": f"{tls}/ca.crt", "anonymous-auth": "false", "authorization-mode": "RBAC",
                    "service-account-issuer": "https://kubernetes.default.svc", "service-account-key-file": f"{tls}/server.crt",
                    "service-account-signing-key-file": f"{tls}/server.key", "service-cluster-ip-range": SERVICES,
                    "shutdown-delay-duration": f"{delay_s}s", "apiserver-count": 3}
        self.delay_s = delay_s
        self.api = self.spawn([self.testbed.programs + "/kube-apiserver", *(f"--{key}={value}" for key, value in settings.items())],
                              "kube-apiserver")

    def api_stop(self):
        """As a service manager does it: SIGTERM, and until it has gone."""
        os.killpg(self.api.pid, signal.SIGTERM)
        self.api.wait(timeout=90)  # it waits for its watches
        self.api_kill()

    def api_answer(self, path="/readyz"):
        """Status and body, asked on the server itself."""
        answer = self.exec(*self.testbed.curl(f"https://[::1]:6443{path}"), "-w", "\n%{http_code}", check=False)
        body, _, status = answer.stdout.rpartition("\n")
        return int(status or 0), body

    def api_ready(self):
        wait_for(f"the API server of {self.name} is ready", self.api_answer, lambda answer: answer[0] == 200, 60)

    def checks_pass(self):
        return all(check["state"] == "passing" for check in self.status()["checks"])

    def recover(self, delay_s):
        """Everything runs and is plugged in, and vipd is to be started."""
        if self.vipd:
            self.vipd_kill_all()
            self.interface_down()  # takes the address with it
        self.plug()
        self.interface_up()
        if self.etcd:
            os.killpg(self.etcd.pid, signal.SIGCONT)
        else:
            self.etcd_start()
        if self.api and self.delay_s != delay_s:
            self.api_kill()
        if self.api:
            self.api_signal(signal.SIGCONT)
        else:
            self.api_start(delay_s)


class ControlPlane(Cluster):
    """with ControlPlane(programs) as cluster: …"""

    node_class = Server

    def __init__(self, programs):
        self.programs, self.etcd_readiness, self.more = programs, False, ""
        super().__init__()
        self.kubeconfig = os.path.join(self.directory, "kubeconfig")
        self.make_admin()

    def make_admin(self):
        """A certificate that may do everything, and kubectl's configuration with it, by the VIP."""
        tls = self.tls
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365",
            "-CA", f"{tls}/ca.crt", "-CAkey", f"{tls}/ca.key", "-addext", "basicConstraints=CA:FALSE",
            "-subj", "/O=system:masters/CN=admin", "-keyout", f"{tls}/admin.key", "-out", f"{tls}/admin.crt")
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "lab",
                  "clusters": [{"name": "lab", "cluster": {"server": f"https://[{VIP}]:6443",
                                                           "certificate-authority": f"{tls}/ca.crt"}}],
                  "users": [{"name": "admin", "user": {"client-certificate": f"{tls}/admin.crt", "client-key": f"{tls}/admin.key"}}],
                  "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin"}}]}
        with open(self.kubeconfig, "w") as file:
            json.dump(config, file)

    def kubectl(self, *arguments):
        return self.client.inside([self.programs + "/kubectl", "--kubeconfig", self.kubeconfig, "--request-timeout", "5s",
                                   *arguments])

    def begin(self, settings, delay_s, prepare=None):
        """Three healthy servers and one holder, which is returned; vipd has just been started, with these settings. prepare: what
        is done before that, and returns more of the configuration."""
        self.more = ""
        for node in self.nodes:
            node.settings = settings
            node.recover(delay_s)
        for node in self.nodes:
            node.api_ready()
        self.etcd_readiness = "etcd-readiness" in self.nodes[0].api_answer("/readyz?verbose")[1]
        self.more = prepare(self) if prepare else ""
        for node in self.nodes:
            node.forget_drains()
            node.write_config()
            node.vipd_start()
        for node in self.nodes:
            wait_for(f"the checks of {node.name} pass", node.checks_pass, deadline=60)
        wait_for("one holder", self.holders, lambda names: len(names) == 1, 30)
        return self.holder()

    def holder(self):
        return next(node for node in self.nodes if node.has_address())

    def others(self, node):
        return [other for other in self.nodes if other is not node]

    def etcd_lead(self, wanted):
        """Makes the etcd of this server the leader."""
        def leader():
            return next(node for node in self.nodes if node.etcd_is_leader())
        first = wait_for("etcd has a leader", leader, deadline=30)
        if first is not wanted:
            target = wanted.etcd_ask("maintenance/status", {})["header"]["member_id"]
            first.etcd_ask("maintenance/transfer-leadership", {"targetID": target})
        wait_for(f"{wanted.name} leads etcd", wanted.etcd_is_leader, deadline=30)


def version(programs):
    """What the figures were made with."""
    words = [subprocess.run([f"{programs}/{name}", *arguments], capture_output=True, text=True).stdout.splitlines()[0]
             for name, arguments in (("kube-apiserver", ["--version"]), ("etcd", ["--version"]))]
    return ", ".join(words)
