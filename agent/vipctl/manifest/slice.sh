---
# Calico 3.30 and older do not look at an EndpointSlice that was written by hand: for those add --endpoints.
# 3.31 and newer do; `ready: false` here is honoured from 3.31.7 on.
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: @NAME@-vipd
  namespace: kube-system
  labels:
    kubernetes.io/service-name: @NAME@ # whose endpoints these are
    endpointslice.kubernetes.io/managed-by: vipd # not a controller's name: that controller would delete it
addressType: @IP_FAMILY@
ports:
  - name: https
    protocol: TCP
    port: @PORT@
# One for each server: its own address, never @VIP@, and its name exactly as `kubectl get nodes` has it, because
# with Local a node advertises the address only for an endpoint whose nodeName is its own.
endpoints:
  - {nodeName: "@SERVER@", addresses: ["@SERVER_ADDRESS@"], conditions: {ready: true}}
END
