
# 3. vipd keeps that list: whoever holds the address marks each server as ready or not, from what the servers say of
#    themselves. This lets it read and change that one object, and nothing else; it cannot make it, which is done above.
kubectl apply -f - <<'END'
apiVersion: v1
kind: ServiceAccount
metadata: {name: vipd, namespace: kube-system}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: vipd, namespace: kube-system}
rules:
  - apiGroups: ["@API_GROUP@"]
    resources: ["@RESOURCE@"]
    resourceNames: ["@OBJECT@"]
    verbs: ["get", "patch"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: vipd, namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: vipd}
subjects:
  - {kind: ServiceAccount, name: vipd, namespace: kube-system}
---
# A token that does not expire, because vipd must be able to use it when nobody could renew it.
apiVersion: v1
kind: Secret
metadata:
  name: vipd-token
  namespace: kube-system
  annotations: {kubernetes.io/service-account.name: vipd}
type: kubernetes.io/service-account-token
END
#    On every server, as root:
#      kubectl -n kube-system get secret vipd-token -o jsonpath='{.data.token}' | base64 -d |
#          install -m 600 /dev/stdin /etc/vipd/kube.token
#    and in vipd.conf (on k3s; ca is the one that signed the API server's certificate):
#      publish = ( { type = "@PUBLISH_TYPE@"; service = "@NAME@"; port = @PORT@; url = "https://[::1]:@PORT@";
#                    ca = "/var/lib/rancher/k3s/server/tls/server-ca.crt"; token = "/etc/vipd/kube.token"; } );
#    Then: vipctl publish (what it says, and whether it could).
