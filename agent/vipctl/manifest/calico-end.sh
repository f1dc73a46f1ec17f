
# At last look whether it works: on the router, then from a host behind it. Not from a node, where kube-proxy rewrites the address.
#      vtysh -c 'show bgp @FAMILY@ unicast @VIP@/@BITS@'      (one path for each server)
#      curl -k https://@HOST@:@PORT@/ping              (pong)
#
# Before a server is taken down for long: delete its line above and run this again. What goes the other way:
#      kubectl -n kube-system delete service/@NAME@ @ENDPOINTS@
#      kubectl edit bgpconfigurations default    (delete the line of @VIP@/@BITS@ under serviceExternalIPs)
