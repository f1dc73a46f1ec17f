#!/bin/sh
# @VIP@ by BGP, from every server that the list at the end names.
#
# Made by `vipctl manifest --calico` for the virtual router @ROUTER@ of @CONFIG@. Read it, then run it with a
# kubectl that is cluster admin. Run twice it changes nothing. How to take it back stands at the end.
#
# What it is: Calico advertises @VIP@/@BITS@ from every node that has an endpoint of the Service below, and kube-proxy of that
# node hands what arrives to the API server of the same node. What it is not: nobody marks a server in that list as dead.
# While a server is away its route goes with its BGP session; while only its API server is down the route stays,
# and its share of the new connections that come by BGP fails. So does its share of those from nodes and pods, which kube-proxy
# spreads over the list. vipd moves the address itself, and with it what comes over the segment from outside the cluster.
# For a route that follows vipd: vipctl manifest --calico-holder. Use one of the two, never both.
#
# Kubernetes before 1.29 refuses externalTrafficPolicy on a ClusterIP Service. 1.36 and later warn that externalIPs
# are deprecated; their removal is planned for 1.43. The admission plugin DenyServiceExternalIPs, where it is on, refuses the
# Service: then only --calico-holder is left.
set -eu

# 1. Calico may advertise this address. The list may have other entries, and a merge patch would replace it, because
#    lists of custom resources are not merged. So: a JSON patch that appends, and only to what was read.
#    /@BITS@, because a shorter prefix would take neighbours of the address along.
#    Calico 3.29 and older advertise a /@BITS@ of this list from every node, also from those without an endpoint.
entry='{"cidr": "@VIP@/@BITS@"}'
api=projectcalico.org/v3 # what Calico's API server serves; without one, the same object as it is stored
kubectl get bgpconfigurations.projectcalico.org >/dev/null 2>&1 || api=crd.projectcalico.org/v1
bgp=bgpconfigurations.${api%/*}
have=$(kubectl get "$bgp" default --ignore-not-found \
	-o jsonpath='{.metadata.resourceVersion}{" "}{.spec.serviceExternalIPs[*].cidr}')
append() { # path value: fails, and changes nothing, if somebody else has changed the object meanwhile; then run it again
	kubectl patch "$bgp" default --type=json -p "[
		{\"op\": \"test\", \"path\": \"/metadata/resourceVersion\", \"value\": \"${have%% *}\"},
		{\"op\": \"add\", \"path\": \"/spec/serviceExternalIPs$1\", \"value\": $2}]"
}
case "$have " in
" "*) # there is no such object: Calico runs with its defaults, and still does with this one
	kubectl create -f - <<-END
		{"apiVersion": "$api", "kind": "BGPConfiguration", "metadata": {"name": "default"},
		 "spec": {"serviceExternalIPs": [$entry]}}
	END
	;;
*" @VIP@/@BITS@ "*) echo "Calico may advertise @VIP@/@BITS@ already" ;;
*" "*/*) append /- "$entry" ;;  # to the others
*) append "" "[$entry]" ;;      # there is no list yet
esac

# 2. The Service, and where it leads.
kubectl apply -f - <<'END'
apiVersion: v1
kind: Service
metadata:
  name: @NAME@
  namespace: kube-system
spec:
  # Not LoadBalancer: it would wait for a controller, and k3s's ServiceLB would start pods that take host port @PORT@.
  # No clusterIP here, so that it gets one; with None both Calico and kube-proxy pass it over.
  type: ClusterIP
  # No selector: the API servers are no pods.
  ipFamilies: [@IP_FAMILY@]
  ipFamilyPolicy: SingleStack
  externalIPs:
    - "@VIP@"
  # Local: only servers advertise it, each for its own API server. With Cluster every node would, workers too, ready or not.
  externalTrafficPolicy: Local
  ports:
    - name: https # the same name as below, or the two are not brought together
      protocol: TCP
      port: @PORT@
      targetPort: @PORT@
