# SPDX-License-Identifier: Apache-2.0
"""An API server that keeps one object, such as an EndpointSlice, and asks nobody for a right: slices.py ADDRESS TLS FILE."""

import http.server
import json
import os
import socket
import ssl
import sys

PORT = 7443


class Handler(http.server.BaseHTTPRequestHandler):
    def do_PATCH(self):  # noqa: N802 (the name is the library's)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(self.server.path + ".new", "wb") as out:
            out.write(body)
        os.rename(self.server.path + ".new", self.server.path)
        self.answer(body)

    def do_GET(self):  # noqa: N802
        with open(self.server.path, "rb") as file:
            self.answer(file.read())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def serve(address, tls, path):
    server = Server((address, PORT), Handler)
    server.path = path
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{tls}/server.crt", f"{tls}/server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


class Slices:
    """It runs on a host of the testbed."""

    def __init__(self, host):
        self.host, self.tls = host, host.testbed.tls
        self.path, self.token = (os.path.join(host.directory, name) for name in ("slice.json", "token"))
        with open(self.token, "w") as out:
            out.write("of.the.lab\n")
        self.process = host.spawn([sys.executable, "-B", __file__, host.address, self.tls, self.path], "slices")

    def ready(self):
        """{name: whether it is ready}; FileNotFoundError: nobody has said anything yet."""
        with open(self.path) as text:
            return {endpoint["nodeName"]: endpoint["conditions"]["ready"] for endpoint in json.load(text)["endpoints"]}

    def target(self):
        """For `publish` of vipd.conf."""
        return {"type": "endpointslice", "url": f"https://[{self.host.address}]:{PORT}", "ca": f"{self.tls}/ca.crt",
                "server_name": "kubernetes.default", "token": self.token, "service": "k8s-api"}

    def end(self):
        self.host.end(self.process)
        if os.path.exists(self.path):
            os.unlink(self.path)


if __name__ == "__main__":
    serve(*sys.argv[1:])
