# SPDX-License-Identifier: Apache-2.0
"""The image as the static pod: crun runs it with the mounts, rights and command of the printed manifest, and no others.

Not a part of `make check`; `make pod` makes the image and comes here.
"""

import json
import re
import tarfile

import pytest
import yaml

from testbed import BUILD, ROOT, run, wait_for


@pytest.fixture
def server(lab, nodes):
    """The first server, without vipd, with a configuration for the image."""
    node = nodes[0]
    assert node.vipd_stop() == 0
    node.special = True
    node.write_config({**node.config(), "run_as": "vipd"})
    return node


def manifest(node):
    pod = yaml.safe_load(run(f"{BUILD}/vipctl", "manifest", "-c", node.config_path, "--static-pod").stdout)
    [container] = pod["spec"]["containers"]
    return pod["spec"], container


def bundle_of(node, spec, container):
    """What a container runtime makes of image and manifest."""
    layout, bundle = f"{node.directory}/layout", f"{node.directory}/bundle"
    with tarfile.open(f"{ROOT}/build/vipd-image.tar") as image:
        image.extractall(layout)
    run("umoci", "unpack", "--image", f"{layout}:{container['image'].rpartition(':')[2]}", bundle)
    with open(f"{bundle}/config.json") as file:
        config = json.load(file)
    security = container["securityContext"]
    assert security["capabilities"]["drop"] == ["ALL"] and spec["hostNetwork"] and not spec.get("hostPID")
    # Where this machine, a container itself, has not got one, vipd does without.
    here = re.search("bounding set: (.*)", run("setpriv", "--dump").stdout)[1].upper().split(",")
    rights = [f"CAP_{name}" for name in security["capabilities"]["add"] if name in here]
    config["process"].update(
        terminal=False, args=container["command"], user={"uid": security["runAsUser"], "gid": 0},
        noNewPrivileges=not security["allowPrivilegeEscalation"],
        capabilities={kind: rights for kind in ("bounding", "effective", "permitted")})
    config["root"]["readonly"] = security["readOnlyRootFilesystem"]
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"]}
    config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "cgroup"] + [
        {"destination": mount["mountPath"], "type": "bind", "source": paths[mount["name"]],
         "options": ["rbind", "ro" if mount.get("readOnly") else "rw"]} for mount in sorted(container["volumeMounts"], key=lambda mount: mount["mountPath"].count("/"))]  # as containerd does
    config["linux"].pop("seccomp", None)
    config["linux"].pop("resources", None)
    config["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")] + [
        {"type": "network", "path": f"/run/netns/{node.name}"}]
    with open(f"{bundle}/config.json", "w") as file:
        json.dump(config, file)
    return bundle


def test_it_holds_the_address(lab, nodes, server):
    spec, container = manifest(server)
    # It wants to see one kind of cgroups, whatever this machine has.
    alone = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             'umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh"]
    crun = [*alone, "crun", f"--root={server.directory}/crun", "--cgroup-manager=disabled"]
    pod = server.spawn([*crun, "run", "--bundle", bundle_of(server, spec, container), "vipd"], "pod")
    lab.wait_holder(server)
    for probe in ("livenessProbe", "readinessProbe"):
        assert run(*crun, "exec", "vipd", *container[probe]["exec"]["command"]).stdout.startswith("OK: ")
    assert server.router()["state"] == "active" and server.status()["checks"][0]["state"] == "passing"

    # The unit beside it: refused, also with another socket.
    other = server.config()
    other["control"]["socket"] = f"{server.directory}/run/other.sock"
    server.write_config(other)
    second = server.exec(f"{BUILD}/vipd", "-c", server.config_path, check=False, timeout=30)
    assert second.returncode == 1 and "beside another vipd" in second.stderr, second.stderr

    # An engine that dies, and a control process that hangs, whose user is another one.
    def inside(role):
        return run("pgrep", "--ns", init, "--nslist", "pid", "-f", role, check=False).stdout.split()
    init = str(json.loads(run(*crun, "state", "vipd").stdout)["pid"])
    for role, number in (("vipd -E", "KILL"), ("vipd-control", "STOP")):
        [old] = inside(role)
        run("kill", f"-{number}", old)
        wait_for(f"another {role}", lambda role=role, old=old: inside(role), lambda new, old=old: new not in ([], [old]), 30)
    lab.wait_holder(server)

    run(*crun, "kill", "vipd", "TERM")
    assert pod.wait(timeout=int(spec["terminationGracePeriodSeconds"])) == 0
    assert not server.has_address()
    lab.wait_holder(nodes[1])
