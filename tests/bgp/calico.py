# SPDX-License-Identifier: Apache-2.0
"""A stand-in for what lies between vipd and BIRD: the API server that keeps the EndpointSlice, and on each server Calico's confd
and kube-proxy, which follow it.

Of the API server it is one object that whoever has the token may set. Of confd, what it does with a Service of
externalTrafficPolicy Local: the /128 is a static blackhole route of BIRD as long as a ready endpoint has this node's name; then
BIRD reads its configuration again. Of kube-proxy: what arrives for the VIP goes to the ready endpoint on this node, or nowhere.
docs/bgp-lab.md says of which versions this is true.
"""

import http.server
import json
import os
import socket
import ssl
import sys
import threading
import time

PORT = 7443
LOOK_S = 0.05


class Handler(http.server.BaseHTTPRequestHandler):
    def do_PATCH(self):  # noqa: N802 (the name is the library's)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(self.server.path + ".new", "wb") as out:
            out.write(body)
        os.rename(self.server.path + ".new", self.server.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(address, tls, path):
    """calico.py ADDRESS TLS FILE: the API server."""
    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6

    server = Server((address, PORT), Handler)
    server.path = path
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{tls}/server.crt", f"{tls}/server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


class Calico:
    """Follows the slice. on_change(server, advertises) is called for each server whose place in it has changed."""

    def __init__(self, world, on_change):
        self.world, self.on_change = world, on_change
        self.path = os.path.join(world.client.directory, "slice.json")
        self.token = os.path.join(world.client.directory, "token")
        with open(self.token, "w") as out:
            out.write("of.the.lab\n")
        self.advertises = {node.name: True for node in world.nodes}  # what the manifest says at first
        self.changed = {}  # name: when its place changed last
        self.api = world.client.spawn([sys.executable, "-B", __file__, world.client.address, world.tls, self.path], "slices")
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def ready(self):
        with open(self.path) as text:
            return {endpoint["nodeName"]: endpoint["conditions"]["ready"] for endpoint in json.load(text)["endpoints"]}

    def follow(self):
        while not self.over.wait(LOOK_S):
            if not os.path.exists(self.path):
                continue
            ready = self.ready()
            for node in self.world.nodes:
                now = ready.get(node.name, False)
                if now != self.advertises[node.name]:
                    self.advertises[node.name], self.changed[node.name] = now, time.monotonic()
                    self.on_change(node, now)

    def target(self):
        """For `publish` of vipd.conf."""
        return {"type": "endpointslice", "url": f"https://[{self.world.client.address}]:{PORT}", "ca": f"{self.world.tls}/ca.crt",
                "server_name": "kubernetes.default", "token": self.token, "service": "k8s-api"}

    def end(self):
        self.over.set()
        self.thread.join()
        self.world.client.end(self.api)
        if os.path.exists(self.path):
            os.unlink(self.path)


if __name__ == "__main__":
    serve(*sys.argv[1:])
