# SPDX-License-Identifier: Apache-2.0
"""Whether Kubernetes would take an object: against the OpenAPI models that Kubernetes publishes (Debian's
python3-kubernetes has them), and for Calico's custom resources against a schema of the fields that vipctl may print."""

import ipaddress
import re

import kubernetes.client

MODELS = {
    ("v1", "Service"): "V1Service",
    ("v1", "Endpoints"): "V1Endpoints",
    ("v1", "ServiceAccount"): "V1ServiceAccount",
    ("v1", "Secret"): "V1Secret",
    ("rbac.authorization.k8s.io/v1", "Role"): "V1Role",
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): "V1RoleBinding",
    ("discovery.k8s.io/v1", "EndpointSlice"): "V1EndpointSlice",
}
SIMPLE = {"str": str, "int": int, "bool": bool, "object": (str, int)}


def check_model(kind, value, where):
    """Every field known and of the right type; the model itself complains of required ones that are missing."""
    if kind in SIMPLE:
        assert isinstance(value, SIMPLE[kind]) and (kind == "bool") == isinstance(value, bool), f"{where}: no {kind}"
        return value
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        assert isinstance(value, list), f"{where}: no list"
        return [check_model(match[1], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if match := re.fullmatch(r"dict\(str, (.*)\)", kind):
        return {key: check_model(match[1], item, f"{where}.{key}") for key, item in value.items()}
    model = getattr(kubernetes.client, kind)
    fields = {theirs: ours for ours, theirs in model.attribute_map.items()}
    unknown = set(value) - set(fields)
    assert not unknown, f"{where}: {kind} has no {unknown}"
    return model(**{fields[key]: check_model(model.openapi_types[fields[key]], item, f"{where}.{key}")
                    for key, item in value.items()})


def cidr(text):
    return str(ipaddress.ip_network(text)) == text


# Of Calico's definitions of BGPConfiguration, IPPool and BGPFilter, what is used.
CALICO = {
    "BGPConfiguration": {
        "asNumber": lambda number: type(number) is int,
        "serviceExternalIPs": lambda entries: all(list(e) == ["cidr"] and cidr(e["cidr"]) for e in entries)},
    "IPPool": {
        "cidr": cidr, "blockSize": lambda size: type(size) is int and 116 <= size <= 128,
        "disabled": lambda value: type(value) is bool, "disableBGPExport": lambda value: type(value) is bool,
        "natOutgoing": lambda value: type(value) is bool, "nodeSelector": lambda value: value == "all()",
        "ipipMode": lambda mode: mode in ("Never", "Always", "CrossSubnet"),
        "vxlanMode": lambda mode: mode in ("Never", "Always", "CrossSubnet")},
    "BGPFilter": {
        "exportV6": lambda rules: all(
            set(r) == {"cidr", "matchOperator", "source", "action"} and cidr(r["cidr"]) and r["source"] == "RemotePeers"
            and r["matchOperator"] in ("Equal", "NotEqual", "In", "NotIn") and r["action"] in ("Accept", "Reject") for r in rules)},
}
CALICO_VERSIONS = ("projectcalico.org/v3", "crd.projectcalico.org/v1")


def check(document):
    """Asserts that the object is valid."""
    kind = document["apiVersion"], document["kind"]
    if kind in MODELS:
        check_model(MODELS[kind], document, kind[1])
        return
    assert kind[0] in CALICO_VERSIONS and set(document) == {"apiVersion", "kind", "metadata", "spec"}
    for key, value in document["spec"].items():
        assert CALICO[kind[1]][key](value), f"{kind[1]}.spec.{key}: {value}"
