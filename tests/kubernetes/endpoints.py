# SPDX-License-Identifier: Apache-2.0
"""`publish` before a real API server: the Endpoints object of a Service follows the servers, and the RBAC that
`vipctl manifest --calico --endpoints --publish` prints allows that and nothing more.

Kubernetes 1.20 has no EndpointSlice v1; tests/publish has the answers of a newer API server to those. What is printed is run
from its step 2 on, because the first is about objects of Calico, which is not here, and without the line externalTrafficPolicy,
which Kubernetes before 1.29 refuses. No controllers run, so nobody fills the Secret of the token: one is asked for instead.
"""

import json
import os
import time

from testbed import BUILD, run, wait_for

OBJECT = "/api/v1/namespaces/kube-system/endpoints/k8s-api"
# Method, path, body: what somebody with the token of a server must not do.
FORBIDDEN = [
    ("GET", "/api/v1/namespaces/kube-system/endpoints", None),
    ("GET", "/api/v1/endpoints", None),
    ("GET", "/api/v1/namespaces/kube-system/endpoints?watch=true", None),
    ("GET", "/api/v1/namespaces/default/endpoints/kubernetes", None),
    ("PATCH", "/api/v1/namespaces/kube-system/endpoints/another?fieldManager=vipd",
     {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "another"}}),
    ("POST", "/api/v1/namespaces/kube-system/endpoints", {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "another"}}),
    ("PUT", OBJECT, {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "k8s-api"}}),
    ("DELETE", OBJECT, None),
    ("DELETE", "/api/v1/namespaces/kube-system/endpoints", None),
    ("GET", "/api/v1/namespaces/kube-system/services/k8s-api", None),
    ("GET", "/api/v1/namespaces/kube-system/secrets/vipd-token", None),
    ("GET", "/api/v1/secrets", None),
    ("GET", "/api/v1/nodes", None),
    ("GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles/vipd", None),
    ("POST", "/api/v1/namespaces/kube-system/serviceaccounts/vipd/token",
     {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}),
]


class Tool:
    """kubectl as an administrator has it, by the first server, whoever holds the VIP."""

    def __init__(self, cluster):
        self.cluster, self.directory = cluster, os.path.join(cluster.client.directory, "tools")
        os.makedirs(self.directory, exist_ok=True)
        path = self.directory + "/kubectl"
        with open(path, "w") as out:
            out.write(f"#!/bin/sh\nexec {cluster.programs}/kubectl --kubeconfig {cluster.kubeconfig} "
                      f'--server https://[{cluster.nodes[0].address}]:6443 "$@"\n')
        os.chmod(path, 0o755)

    def run(self, *command, stdin="", check=True):
        path = self.directory + "/stdin"
        with open(path, "w") as out:
            out.write(stdin)
        words = ["sh", "-c", 'exec "$@" <"$0"', path, *command]
        return self.cluster.client.exec(*words, check=check, env={**self.cluster.environment, "HOME": self.directory,
                                                                 "PATH": f"{self.directory}:{os.environ['PATH']}"}).stdout

    def create(self, thing):
        return self.run("kubectl", "apply", "-f", "-", stdin=json.dumps(thing))


def token_path(cluster):
    return os.path.join(cluster.directory, "vipd.token")


def prepare(cluster):
    """Runs what is printed, and returns what it says belongs into vipd.conf."""
    tool, first = Tool(cluster), cluster.nodes[0]
    first.write_config()
    servers = [word for node in cluster.nodes for word in ("--server", f"{node.name}={node.address}")]
    script = run(f"{BUILD}/vipctl", "manifest", "--calico", "--endpoints", "--publish", "-c", first.config_path, *servers).stdout
    begin, local = script.index("# 2. The Service"), "  externalTrafficPolicy: Local\n"
    assert local in script
    tool.run("sh", "-e", stdin=script[begin:].replace(local, ""))
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    answer = tool.run("kubectl", "create", "--raw", "/api/v1/namespaces/kube-system/serviceaccounts/vipd/token", "-f", "-",
                      stdin=json.dumps(request))
    with open(token_path(cluster), "w") as out:
        out.write(json.loads(answer)["status"]["token"])
    lines = script.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("#      publish = ("))
    text = "\n".join(line.lstrip("# ") for line in lines[begin:begin + 2])
    for printed, here in (("/var/lib/rancher/k3s/server/tls/server-ca.crt", f"{cluster.tls}/ca.crt"),
                          ("/etc/vipd/kube.token", token_path(cluster))):
        assert printed in text
        text = text.replace(printed, here)
    return text + "\n"


def ready(cluster):
    asked = run(*cluster.kubectl("get", "--raw", OBJECT), check=False)
    if asked.returncode:  # it goes by the VIP, and may be cut off by the very move that is waited for
        raise LookupError(asked.stderr)
    answer = json.loads(asked.stdout)
    return sorted(address["nodeName"] for subset in answer["subsets"] for address in subset["addresses"])


def follows(cluster, watch, event, act, names):
    """Until the object has these servers as ready; how long that took is noted."""
    begin = time.monotonic()
    act()
    wanted = sorted(names)
    wait_for(f"{event}: the object has {wanted}", lambda: ready(cluster), wanted.__eq__, 90)
    watch.seen.notes[event.replace(" ", "_") + "_s"] = time.monotonic() - begin


def publishing(node):
    return node.status()["publish"][0]


def says(holder, text):
    wait_for(f"status says {text}", lambda: publishing(holder)["last_error"], lambda error: error and text in error, 60)
    assert text in holder.log()


def restored(holder):
    holder.vipctl("reload")
    wait_for("it is told again", lambda: publishing(holder)["state"], "done".__eq__, 60)


def refused(holder, cluster):
    """How many things that the token must not do the API server refused: all of them."""
    for method, path, body in FORBIDDEN:
        kind = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        with open(token_path(cluster)) as token:
            words = ["-X", method, "-H", f"Content-Type: {kind}", "-H", f"Authorization: Bearer {token.read()}"]
        answer = holder.exec("curl", "-sS", "--max-time", "9", "--cacert", f"{cluster.tls}/ca.crt", *words,
                             *(["-d", json.dumps(body)] if body else []), "-o", "/dev/null", "-w", "%{http_code}",
                             f"https://[::1]:6443{path}")
        assert answer.stdout == "403", f"{method} {path}: {answer.stdout}"
    return len(FORBIDDEN)


def faults(cluster, holder):
    """Without the binding, with another token, and after somebody else's edit."""
    tool = Tool(cluster)
    binding = tool.run("kubectl", "-n", "kube-system", "get", "rolebinding", "vipd", "-o", "json")
    tool.run("kubectl", "-n", "kube-system", "delete", "rolebinding", "vipd")
    holder.vipctl("reload")  # it says everything anew
    says(holder, 'cannot patch resource "endpoints" in API group "" in the namespace "kube-system"; RBAC does not allow it')
    tool.create({key: value for key, value in json.loads(binding).items() if key != "metadata"} |
                {"metadata": {"name": "vipd", "namespace": "kube-system"}})
    restored(holder)
    with open(token_path(cluster)) as text:
        good = text.read()
    with open(token_path(cluster), "w") as out:
        out.write("not.a.token\n")
    holder.vipctl("reload")
    says(holder, "HTTP 401: Unauthorized; the API server does not know this token")
    with open(token_path(cluster), "w") as out:
        out.write(good)
    restored(holder)
    tool.run("kubectl", "-n", "kube-system", "patch", "endpoints", "k8s-api", "--type=merge", "-p",
             json.dumps({"subsets": [{"addresses": [{"ip": "2001:db8::dead", "nodeName": "nobody"}]}]}))
    holder.vipctl("reload")
    wait_for("the log says who has edited the object", holder.log, lambda text: 'conflict with "kubectl-patch"' in text, 60)
    restored(holder)
    log = holder.log()
    assert good not in log and "not.a.token" not in log


def endpoints_follow(cluster, holder, watch):
    one, two = cluster.others(holder)
    everybody = [node.name for node in cluster.nodes]

    def without(node):
        return [name for name in everybody if name != node.name]

    follows(cluster, watch, "begin", lambda: None, everybody)
    follows(cluster, watch, "API death", one.api_kill, without(one))
    follows(cluster, watch, "return", one.api_start, everybody)
    follows(cluster, watch, "drain", two.drain, without(two))
    follows(cluster, watch, "resume", lambda: two.vipctl("resume"), everybody)
    follows(cluster, watch, "node death", two.blackhole, without(two))
    follows(cluster, watch, "node return", two.plug, everybody)
    wait_for("one holder", cluster.holders, lambda names: len(names) == 1, 30)
    holder = cluster.holder()  # two alone was one, too, and may be the one that has stayed
    watch.mark()
    follows(cluster, watch, "holder API death", holder.api_kill, without(holder))
    follows(cluster, watch, "holder return", holder.api_start, everybody)
    watch.seen.notes["refused"] = refused(cluster.holder(), cluster)
    faults(cluster, cluster.holder())
    follows(cluster, watch, "end", lambda: None, everybody)
