---
# Calico 3.30 and older look at Endpoints only. Kubernetes makes the EndpointSlice for kube-proxy from it by itself, so
# write none by hand. 1.33 and later warn that Endpoints are deprecated: once Calico is 3.31 or newer, delete this
# object and run what `vipctl manifest --calico` prints without --endpoints.
apiVersion: v1
kind: Endpoints
metadata:
  name: @NAME@ # the same as the Service's: that is what brings them together
  namespace: kube-system
subsets:
  # One for each server: its own address, never @VIP@, and its name exactly as `kubectl get nodes` has it, because
  # with Local a node advertises the address only for an endpoint whose nodeName is its own.
  - addresses:
      - {nodeName: "@SERVER@", ip: "@SERVER_ADDRESS@"}
    ports:
      - {name: https, protocol: TCP, port: @PORT@}
END
