# SPDX-License-Identifier: Apache-2.0
"""A private world for a testbed: own network, mounts and processes, gone with the process that made it.

enter() runs the calling program again inside fresh namespaces and returns only there. A small init is process 1 in
them and reaps orphans; when it goes, for whatever reason, the kernel ends every process in them and with them the
namespaces, the bridge and every address. Nothing of the host's network is visible from inside, so nothing can touch
it, and two worlds at once do not meet.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
MARK = "VIPD_LAB_OUTSIDE"  # in the environment, inside: the network namespace outside


def end_with_parent():
    """This process is killed as soon as the one that started it ends, whatever it becomes by exec."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def own_network():
    return str(os.stat("/proc/self/ns/net").st_ino)


def is_inside():
    return os.environ.get(MARK, own_network()) != own_network()


def enter():
    """Returns inside the namespaces; outside it never returns."""
    if not is_inside():
        if MARK in os.environ:
            sys.exit("testbed: the new network namespace is the old one; nothing was touched")
        if os.geteuid() != 0:
            sys.exit("testbed: needs root, for network namespaces of its own: sudo " + " ".join(sys.argv))
        missing = [tool for tool in ("unshare", "nsenter", "ip", "nginx", "openssl", "curl") if not shutil.which(tool)]
        if missing:
            sys.exit(f"testbed: missing: {' '.join(missing)}; apt-get install util-linux iproute2 nginx-light openssl curl")
        os.environ[MARK] = own_network()
        os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork",
                              "--kill-child", "--mount-proc", sys.executable, *sys.argv])
    child = os.fork()
    if child:
        init(child)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "testbed", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def init(child):
    """Process 1: waits for everybody and goes with `child`. Ctrl-C reaches the child by itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
