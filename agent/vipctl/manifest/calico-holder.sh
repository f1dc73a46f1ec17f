#!/bin/sh
# @VIP@ by BGP, from the one server that holds it.
#
# Made by `vipctl manifest --calico-holder` for the virtual router @ROUTER@ of @CONFIG@. Read it, then run it with
# a kubectl that is cluster admin. Run twice it changes nothing. How to take it back stands at the end.
#
# What it is: the holder has @VIP@/@BITS@ on its interface, so BIRD on that node knows a route to it (protocol direct).
# BIRD tells its peers only of routes that lie in an IPPool. This pool has one address, and no pod ever gets it. The route
# follows vipd: no Service, no endpoints, nothing of kube-proxy in between, no field of Kubernetes that is deprecated.
# What it is not: a way to use more than one server at a time. Nor is it immediate for those who come by BGP. BIRD hears
# of a new address from the kernel at once, but a holder that dies without a word keeps its route at the router until
# BGP's hold time, or BFD, ends the session. Other nodes and their pods learn the route by the mesh between the nodes and prefer it
# to Neighbor Discovery, so they follow a silent death when that session ends: after up to 240 s.
#
# If the address lies in the cluster's service CIDR and kube-proxy runs in nftables mode, nodes and pods cannot reach it,
# not even on the holder: kube-proxy drops what goes to an address of that CIDR that no Service has.
#
# Not together with `vipctl manifest --calico`: take back the one before the other.
set -eu
api=projectcalico.org/v3 # what Calico's API server serves; without one, the same object as it is stored
kubectl get ippools.projectcalico.org >/dev/null 2>&1 || api=crd.projectcalico.org/v1
kubectl apply -f - <<END
apiVersion: $api
kind: IPPool
metadata:
  name: @NAME@
spec:
  # Only this address, and in no other pool: Calico refuses pools that overlap.
  cidr: "@VIP@/@BITS@"
  blockSize: @BITS@
  disabled: true # no pod gets it; the pool only opens BIRD's export filter
  disableBGPExport: false
  # The address lives on the segment, so nothing is to be wrapped or rewritten.
  ipipMode: Never
  vxlanMode: Never
  natOutgoing: false
  nodeSelector: all()
---
# With the node-to-node mesh on (Calico's default) the nodes tell each other the route, and without this each of them tells the
# router, too, with itself as next hop: the router then has one path by every node, and after the silent death of the holder
# the others lead it there until the session of the mesh ends, by default after 240 s. Calico 3.27 or newer knows "source".
apiVersion: $api
kind: BGPFilter
metadata:
  name: @NAME@
spec:
  export@V@:
  - cidr: "@VIP@/@BITS@"
    matchOperator: Equal
    source: RemotePeers # what a node has learned from another
    action: Reject
END

# The filter does nothing before the router's BGPPeer names it. For each peer of `kubectl get bgppeers.projectcalico.org` that is
# a router:
#      kubectl edit bgppeers.projectcalico.org PEER         (or bgppeers.crd.projectcalico.org; spec.filters: [@NAME@])

# Look whether it works: on the router, then from a host behind it.
#      vtysh -c 'show bgp @FAMILY@ unicast @VIP@/@BITS@'      (one path: the server that `vipctl status` names as holder)
#      curl -k https://@HOST@:@PORT@/ping              (pong)
#
# What goes the other way:
#      kubectl delete ippools.projectcalico.org @NAME@       (or ippools.crd.projectcalico.org)
#      take @NAME@ out of the peers' spec.filters, then
#      kubectl delete bgpfilters.projectcalico.org @NAME@    (or bgpfilters.crd.projectcalico.org)
