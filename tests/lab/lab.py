"""Three servers and a client on one switch, each a network namespace, with real addresses, real HTTPS servers and vipd.

A Lab owns the switch (a bridge with multicast snooping and a querier, as a real one has), the certificates and the
nodes; a Node owns its namespace, its directory below Lab.directory, its API server (nginx) and its vipd. Everything
is made and ended by process id; space.enter() has seen to it that nothing outside can be reached.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess

from basics import BUILD, NAME, PREFIX, ROOT, SANITIZED, SANITIZER, URL, VIP, adverts_pass, config_text, ip_batch, run, \
    sample, transitions, wait_for  # noqa: F401 (the tests import what they need from here)
from servers import NGINX, make_certificates
from space import is_inside


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("vipd", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Host:
    """A namespace with one port on the switch. `number` is the end of its addresses and its MAC."""

    def __init__(self, lab, name, number):
        self.lab, self.name, self.number = lab, name, number
        self.address = PREFIX + number
        self.link_local = "fe80::" + number
        self.port = "p-" + name
        self.directory = os.path.join(lab.directory, name)
        os.mkdir(self.directory, 0o755)
        self.processes = []
        run("ip", "netns", "add", name)
        self.sysctl({"all/forwarding": int(lab.forwarding and name != "client"), "default/accept_dad": 0})
        ip_batch(name, ["link set lo up"])
        self.interface_create()
        # a process that stays there: /proc/PID/net shows the namespace without starting anything
        self.anchor = self.spawn(["sleep", "infinity"], "anchor")
        there = os.stat(f"/run/netns/{name}").st_ino
        wait_for("the namespace", lambda: os.stat(f"/proc/{self.anchor.pid}/ns/net").st_ino, lambda n: n == there)

    def sysctl(self, settings):
        self.exec("sh", "-c", "\n".join(f"echo {v} > /proc/sys/net/ipv6/conf/{k}" for k, v in settings.items()))

    def inside(self, command):
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]

    def exec(self, *command, **more):
        return run(*self.inside(command), **more)

    def spawn(self, command, log, **more):
        """Starts a process that the lab ends at the latest when it ends itself. Its process id is the command's own."""
        with open(os.path.join(self.directory, log + ".log"), "ab") as output:
            process = subprocess.Popen(self.inside(command), start_new_session=True, **{
                "stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **more})
        self.processes.append(process)
        return process

    def interface_create(self):
        """A cable from eth0 to a port of the switch."""
        run("ip", "-n", "switch", "link", "add", "name", self.port, "type", "veth",
            "peer", "name", "eth0", "address", f"02:00:00:00:00:{self.number}", "netns", self.name)
        self.sysctl({"eth0/accept_dad": 0, "eth0/router_solicitations": 0, "eth0/accept_ra": 0})
        ip_batch(self.name, ["link set eth0 addrgenmode none"])
        self.interface_up()
        ip_batch("switch", [f"link set {self.port} addrgenmode none", f"link set {self.port} master br0 up"])

    def interface_delete(self):
        """eth0 and the port at the other end are gone."""
        ip_batch(self.name, ["link delete eth0"])

    def interface_up(self):
        """Up, with the addresses that an administrator would have configured."""
        ip_batch(self.name, ["link set eth0 up", f"addr replace {self.link_local}/64 dev eth0 nodad scope link",
                             f"addr replace {self.address}/64 dev eth0 nodad"])

    def interface_down(self):
        ip_batch(self.name, ["link set eth0 down"])

    def carrier(self, on):
        ip_batch("switch", [f"link set {self.port} {'up' if on else 'down'}"])

    def blackhole(self):
        """Nothing gets in or out any more, and the interface does not notice: the carrier stays."""
        ip_batch("switch", [f"link set {self.port} nomaster"])

    def plug(self, bridge="br0"):
        ip_batch("switch", [f"link set {self.port} master {bridge} up"])

    def deaf_to(self, group):
        """The switch does not forward this multicast group to the port."""
        return self.lab.switch_drops(f"oifname {self.port} ip6 daddr {group}")

    def deaf(self):
        """Nothing arrives any more; what it sends does."""
        return self.lab.switch_drops(f"oifname {self.port}")

    def mute(self):
        """Nothing that it sends arrives; it hears everything."""
        return self.lab.switch_drops(f"iifname {self.port}")

    def has_address(self, address=VIP):
        """What the kernel says."""
        wanted = socket.inet_pton(socket.AF_INET6, address).hex()
        with open(f"/proc/{self.anchor.pid}/net/if_inet6") as lines:
            return any(line.startswith(wanted) for line in lines)

    def addresses(self):
        """The addresses of eth0 in the words of `ip -json`."""
        links = json.loads(self.exec("ip", "-6", "-json", "addr", "show", "dev", "eth0", check=False).stdout or "[]")
        return [address for link in links for address in link.get("addr_info", [])]

    def logs(self):
        """Name and text of every log."""
        for name in sorted(os.listdir(self.directory)):
            if name.endswith(".log"):
                with open(os.path.join(self.directory, name), errors="replace") as log:
                    yield f"{self.name}/{name}", log.read()

    def end(self, process, number=signal.SIGKILL):
        """Signals a process of ours and its group, and waits for it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait(timeout=15)
        self.processes.remove(process)

    def close(self):
        for process in list(self.processes):
            self.end(process)


class Node(Host):
    """A server: an API server and vipd."""

    def __init__(self, lab, name, number, priority):
        super().__init__(lab, name, number)
        self.priority = priority
        self.config_path = os.path.join(self.directory, "vipd.conf")
        self.socket_path = os.path.join(self.directory, "run", "vipd.sock")
        self.not_ready = os.path.join(self.directory, "not-ready")
        self.api = self.vipd = None
        os.mkdir(os.path.dirname(self.socket_path))
        self.write_config()

    def restore(self):
        """As at the start of the lab, whatever a test has done."""
        self.plug()
        self.interface_up()
        if self.api and self.api_special:
            self.api_kill()
        if self.api is None:
            self.api_start()
        self.api_signal(signal.SIGCONT)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.not_ready)
        if self.vipd and (self.special or self.vipd.poll() is not None or self.written != config_text(self.config())):
            self.vipd_stop(signal.SIGTERM)
        if self.vipd is None:
            self.write_config()
            self.vipd_start()
        else:
            for pid in self.vipd_pids().values():
                os.kill(pid, signal.SIGCONT)
            if wait_for("the agent answers", self.router)["drained"]:
                self.vipctl("resume", check=False)

    # the API server

    def api_start(self, keepalive="75s", certificate="server"):
        """keepalive: how long it keeps idle connections; 0 closes each after its answer."""
        assert self.api is None
        self.api_special = (keepalive, certificate) != ("75s", "server")
        path = os.path.join(self.directory, "nginx.conf")
        with open(path, "w") as out:
            out.write(NGINX.format(name=self.name, dir=self.directory, tls=self.lab.tls, not_ready=self.not_ready, keepalive=keepalive,
                                   certificate=certificate))
        self.api = self.spawn(["nginx", "-p", self.directory, "-c", path, "-e", self.directory + "/nginx.log"], "nginx")

    def api_answers(self):
        answer = self.exec(*self.lab.curl(f"https://[{self.address}]:6443/readyz"), check=False)
        return answer.stdout.strip()

    def api_kill(self):
        self.end(self.api)
        self.api = None

    def api_signal(self, number):
        os.killpg(self.api.pid, number)

    # vipd

    def config(self):
        """The configuration of the healthy group; a test changes what it needs and hands it to write_config()."""
        tls = self.lab.tls
        return {
            "node": self.name,
            "virtual_routers": [{
                "name": "api", "interface": "eth0", "vrid": 100, "addresses": [VIP], "priority": self.priority,
                "advert_interval": "100ms", "kernel_lease": "3s", "checks": ["apiserver"]}],
            "checks": [{
                "name": "apiserver", "type": "https", "url": "https://[::1]:6443/readyz",
                "interval": self.lab.check_interval, "timeout": "1s", "fall": 2, "rise": 2, "flap_count": 0, "expect": [200],
                "ca": f"{tls}/ca.crt", "cert": f"{tls}/client.crt", "key": f"{tls}/client.key"}],
            "control": {"socket": self.socket_path, "group": "root", "admin_group": "root"},
            "metrics": {"listen": "[::1]:9752"},
            "run_as": "root",
        }

    def reconfigure(self, check=None, router=None, more=None, **top):
        """Reloads with other settings of the first check and the first virtual router,
        and one more check. None takes a setting out."""
        config = {**self.config(), **top}
        if more:
            config["checks"].append({"interval": self.lab.check_interval, "rise": 1, "fall": 1, **more})
            config["virtual_routers"][0]["checks"].append(more["name"])
        for group, changes in ((config["checks"][0], check), (config["virtual_routers"][0], router)):
            group.update(changes or {})
            for key in [key for key, value in group.items() if value is None]:
                del group[key]
        self.write_config(config)
        self.vipctl("reload")

    def check(self, index=0):
        """A check, as the status shows it."""
        return self.status()["checks"][index]

    def probes(self):
        """How often the first check has asked, by result."""
        return {result: self.metric("vipd_check_results_total", result=result)
                for result in ("success", "unauthorized", "failure")}

    def write_config(self, config=None):
        self.written = config if isinstance(config, str) else config_text(config or self.config())
        with open(self.config_path + ".new", "w") as out:
            out.write(self.written)
        os.rename(self.config_path + ".new", self.config_path)

    def vipd_start(self, log=None, program=f"{BUILD}/vipd", **environment):
        """log: a descriptor instead of vipd.log."""
        assert self.vipd is None
        output = {} if log is None else {"stdout": log, "stderr": log}
        self.vipd = self.spawn([program, "-c", self.config_path], "vipd",
                               env={**self.lab.environment, **environment}, **output)
        self.special = bool(environment)

    def vipd_stop(self, number=signal.SIGTERM):
        """Signals the guardian alone, and returns its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.vipd.pid, number)
        return self.vipd_wait()

    def vipd_wait(self):
        """The exit status of a guardian that is about to end."""
        process, self.vipd = self.vipd, None
        status = process.wait(timeout=30)
        self.processes.remove(process)
        return status

    def vipd_pids(self):
        """{"guardian": pid, "engine": pid, "control": pid}, without those that are not running."""
        pids = {"guardian": self.vipd.pid} if self.vipd and self.vipd.poll() is None else {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/stat") as stat:
                    state, parent = stat.read().rpartition(")")[2].split()[:2]
                with open(f"/proc/{pid}/cmdline") as words:
                    program, *arguments = words.read().split("\0")
                if self.vipd and int(parent) == self.vipd.pid and state != "Z":
                    role = "control" if "vipd-control" in program else "engine" if "-E" in arguments else "other"
                    pids[role] = int(pid)
        return pids

    def vipd_kill_all(self):
        """All processes of vipd at once, by SIGKILL, so that none can clean up after another."""
        pids = self.vipd_pids().values()
        for pid in pids:  # stopped first: nobody sees another die
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.end(self.vipd)
        self.vipd = None

    def release(self):
        return self.exec(f"{BUILD}/vipd", "-c", self.config_path, "--release", env=self.lab.environment)

    def http(self, method, path):
        """Status and body of an answer on the socket."""
        connection = UnixConnection(self.socket_path)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def status(self):
        status, body = self.http("GET", "/v1/status")
        assert status == 200, body
        return json.loads(body)

    def router(self):
        return self.status()["virtual_routers"][0]

    def brief(self):
        """State, health and address in one line, for waiting."""
        r = self.router()
        return r["state"], r["healthy"], r["drained"], r["priority"], self.has_address()

    def vipctl(self, *arguments, check=True):
        return self.exec(f"{BUILD}/vipctl", "-s", self.socket_path, *arguments, check=check, timeout=30,
                         env=self.lab.environment)

    def metrics(self):
        return self.exec("curl", "-sS", "--noproxy", "*", "--max-time", "5", "http://[::1]:9752/metrics").stdout

    def metric(self, name, **labels):
        return sample(self.metrics(), name, **labels)


class Probe:
    """The client: see probe/probe.c. A window runs from one mark to the next."""

    def __init__(self, host, connect_us=1000, request_ms=10, limit_ms=2000, closed=False):
        tls = host.lab.tls
        self.host = host
        self.process = host.spawn(
            [f"{BUILD}/lab/probe", *(["-n"] if closed else []), "-i", str(connect_us), "-r", str(request_ms), "-l", str(limit_ms), "-a", f"{tls}/ca.crt",
             "-c", f"{tls}/client.crt", "-k", f"{tls}/client.key", VIP, "1" if closed else "6443", URL],
            "probe", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the probe has gone, exit status {self.process.wait()}")
        return json.loads(line)

    def mark(self):
        return self.ask("mark")

    def answered_by(self):
        """Which server gave the last good answer of this window."""
        nodes = self.ask("peek")["nodes"]
        return nodes[-1]["node"] if nodes else None

    def close(self):
        self.host.end(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


class Lab:
    """with Lab() as lab: …"""

    node_class = Node

    def __init__(self, forwarding=True, check_interval="200ms"):
        if not is_inside():
            raise RuntimeError("the lab runs in namespaces of its own: use tests/lab/run")
        self.forwarding, self.check_interval = forwarding, check_interval
        self.directory = "/run/lab"
        self.tls = self.directory + "/tls"
        self.environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
            "UBSAN_OPTIONS": "print_stacktrace=1"}
        os.mkdir(self.directory, 0o755)
        make_certificates(self.tls)
        run("ip", "netns", "add", "switch")
        run("ip", "-n", "switch", "link", "set", "lo", "up")
        self.bridge("br0")
        self.nodes = [self.node_class(self, f"k8s-node{i:02}", f"1{i}", priority)
                      for i, priority in enumerate((150, 120, 100), start=1)]
        self.client = Host(self, "client", "50")

    def bridge(self, name):
        ip_batch("switch", [
            f"link add name {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 1 mcast_querier 1 "
            "mcast_query_response_interval 100",
            f"link set {name} addrgenmode none", f"link set {name} up", f"addr add fe80::1/64 dev {name} nodad"])

    @contextlib.contextmanager
    def switch_drops(self, what):
        """What matches is not forwarded."""
        def nft(rules):
            run("nsenter", "--net=/run/netns/switch", "nft", rules)
        nft(f"table bridge drops {{ chain c {{ type filter hook forward priority 0; {what} drop; }}; }}")
        try:
            yield
        finally:
            nft("delete table bridge drops")

    def partition(self, *hosts):
        """These hosts see each other and nobody else; the carriers stay."""
        if not os.path.exists("/run/lab/partition"):
            self.bridge("br1")
            os.mkdir("/run/lab/partition")
        for host in hosts:
            host.plug("br1")

    def curl(self, url):
        return ["curl", "-sS", "--noproxy", "*", "--max-time", "5", "--cacert", f"{self.tls}/ca.crt",
                "--cert", f"{self.tls}/client.crt", "--key", f"{self.tls}/client.key", url]

    def start(self):
        for node in self.nodes:
            node.api_start()
        for node in self.nodes:
            wait_for(f"the API server of {node.name}", node.api_answers, lambda answer: answer == "ok")
        for node in self.nodes:
            node.vipd_start()

    def restore(self):
        """Three healthy servers, the first holds the VIP."""
        self.client.plug()
        for node in self.nodes:
            node.restore()
        for node in self.nodes:
            wait_for(f"the API server of {node.name}", node.api_answers, lambda answer: answer == "ok")
        for node in self.nodes:
            first = node is self.nodes[0]
            wanted = ("active" if first else "backup", True, False, node.priority, first)
            wait_for(f"{node.name} is {wanted}", node.brief, lambda seen, wanted=wanted: seen == wanted)

    def holders(self):
        """The names of the nodes on whose interface the VIP is, as their kernels say."""
        return [node.name for node in self.nodes if node.has_address()]

    def wait_holder(self, node, deadline=15.0):
        wait_for(f"{node.name} is the one holder", self.holders, lambda names: names == [node.name], deadline)

    def logs(self):
        for host in (*self.nodes, self.client):
            yield from host.logs()

    def close(self):
        for host in (*self.nodes, self.client):
            host.close()
        for name in ("switch", "client", *(node.name for node in self.nodes)):
            run("ip", "netns", "delete", name)
        shutil.rmtree(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
