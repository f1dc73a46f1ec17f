# SPDX-License-Identifier: Apache-2.0
"""A connection of HTTP/2 that is kept as Kubernetes' clients keep theirs: with a ping when nothing was heard for 30 s."""

import socket
import ssl

import h2.connection
import h2.events

PING_S = 30


class Http2:
    def __init__(self, context, address, port, timeout=5):
        """context: of the client's certificates."""
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection((address, port), timeout=timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address, self.socket = address, context.wrap_socket(plain, server_hostname=address)
        if self.socket.selected_alpn_protocol() != "h2":
            raise ssl.SSLError("the server does not speak HTTP/2")
        self.state = h2.connection.H2Connection()
        self.state.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.state.data_to_send())

    def events(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        events = self.state.receive_data(data)
        self.flush()
        return events

    def ask(self, path):
        """A request, until all of its answer is there."""
        stream = self.state.get_next_available_stream_id()
        authority = f"[{self.address}]" if ":" in self.address else self.address
        self.state.send_headers(stream, [(":method", "GET"), (":scheme", "https"), (":authority", authority), (":path", path)], end_stream=True)
        self.flush()
        while not any(isinstance(event, h2.events.StreamEnded) for event in self.events()):
            pass

    def keep(self):
        """Until it ends, which is an exception."""
        self.socket.settimeout(PING_S)
        while True:
            try:
                self.events()
            except TimeoutError:
                self.state.ping(b"are you?")
                self.flush()

    def close(self):
        self.socket.close()
