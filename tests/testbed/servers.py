# SPDX-License-Identifier: Apache-2.0
"""What the API servers of the lab present and how they answer."""

import os

from basics import NAME, PREFIX, VIP, VIP_IPV4, run


def make_certificates(directory):
    """A CA, a server certificate for the VIP and every node, and a client certificate: P-256, so that they cost little."""
    os.mkdir(directory, 0o755)
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365"]
    ca = ["-CA", f"{directory}/ca.crt", "-CAkey", f"{directory}/ca.key", "-addext", "basicConstraints=CA:FALSE"]
    own = ",".join(f"IP:{a}" for a in ("::1", "127.0.0.1", *(f"{PREFIX}1{i}" for i in (1, 2, 3))))
    for name, subject, more in (
            ("ca", "/CN=lab CA", []),
            ("server", "/CN=k8s-api", [*ca, "-addext", f"subjectAltName=DNS:{NAME},DNS:kubernetes.default,IP:{VIP},IP:{VIP_IPV4},{own}"]),
            ("server-without-vip", f"/CN={NAME}", [*ca, "-days", "2", "-addext", f"subjectAltName={own}"]),
            ("server-of-vip-alone", "/CN=k8s-api", [*ca, "-addext", f"subjectAltName=DNS:{NAME},IP:{VIP}"]),
            ("stranger", "/CN=stranger", []),
            ("client", "/O=system:node-proxier/CN=system:kube-proxy", ca)):
        run(*new, "-subj", subject, "-keyout", f"{directory}/{name}.key", "-out", f"{directory}/{name}.crt", *more)


# Like the API server of k3s: 401 without a client certificate that its CA has signed.
NGINX = """
daemon off;
user root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx.log error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_timeout {keepalive};
  keepalive_requests 1000000;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen [::]:8080 ipv6only=on;
    listen 127.0.0.1:8080;
    location / {{ return 200 "hello from {name}"; }}
    location = /endless {{ alias {dir}/endless; }}
  }}
  server {{
    listen [::]:6443 ssl ipv6only=on backlog=4096;
    listen 6443 ssl backlog=4096;
    ssl_certificate {tls}/{certificate}.crt; ssl_certificate_key {tls}/{certificate}.key;
    ssl_client_certificate {tls}/ca.crt; ssl_verify_client optional;
    ssl_session_cache none; ssl_session_tickets off;
    add_header X-Node {name} always;
    default_type text/plain;
    if ($ssl_client_verify != SUCCESS) {{ return 401; }}
    if (-f {not_ready}-403) {{
      return 403 '{{"kind": "Status", "message": "forbidden: User \\\\"system:kube-proxy\\\\" cannot get path"}}';
    }}
    if (-f {not_ready}) {{ return 500 "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"; }}
    location = /readyz {{ return 200 "ok"; }}
    location / {{ return 404; }}
  }}
  server {{
    listen [::]:8443 ssl http2 ipv6only=on backlog=4096;
    listen 8443 ssl http2 backlog=4096;
    ssl_certificate {tls}/{certificate}.crt; ssl_certificate_key {tls}/{certificate}.key;
    location / {{ return 200 "ok"; }}
  }}
}}
"""
