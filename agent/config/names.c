/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names as they stand in the configuration file, in the order of their enums, and what is said of
 * distributions of Kubernetes. On its own, because everybody who shows a configuration links it.
 */
#include <string.h>

#include "vipd/config.h"

const char *const config_unhealthy_names[] = {"demote", "resign", NULL};
const char *const config_conflict_names[] = {"take", "wait", NULL};
const char *const config_checksum_names[] = {"rfc5798", "rfc9568", NULL};
const char *const config_auth_names[] = {"off", "receive-only", "permissive", "enforce", NULL};
const char *const config_check_type_names[] = {
    "https", "http", "tcp", "exec", "file", "process", "kubernetes", NULL};

const char *const config_distribution_names[] = {"auto", "k3s", "rke2", "kubeadm", "k0s", NULL};
const char *const config_publish_type_names[] = {"dns", "endpointslice", "endpoints", NULL};

#define NAME_OF(names, value)                                                                                \
	((size_t)(value) < sizeof(names) / sizeof *(names)-1 ? (names)[value] : "unknown")

const char *config_auth_name(enum config_auth value)
{
	return NAME_OF(config_auth_names, value);
}

const char *config_check_type_name(enum config_check_type value)
{
	return NAME_OF(config_check_type_names, value);
}

const char *config_distribution_name(enum config_distribution value)
{
	return NAME_OF(config_distribution_names, value);
}

const char *config_publish_type_name(enum config_publish_type value)
{
	return NAME_OF(config_publish_type_names, value);
}

const char *config_check_target(const struct config_check *check)
{
	switch (check->type) {
	case CHECK_TCP: return check->address;
	case CHECK_EXEC: return check->command;
	case CHECK_FILE: return check->file;
	case CHECK_PROCESS: return check->file[0] ? check->file : check->process;
	case CHECK_HTTPS:
	case CHECK_HTTP:
	case CHECK_KUBERNETES:
	case CHECK_TYPES: break;
	}
	return check->url;
}

void config_dns_name(const struct config_publish *publish, char name[static CONFIG_DNS_NAME_MAX])
{
	size_t length = strlen(publish->name);
	bool whole = length && publish->name[length - 1] == '.';
	snprintf(
	    name, CONFIG_DNS_NAME_MAX, "%s%s%s", publish->name, whole ? "" : ".", whole ? "" : publish->zone);
}

_Static_assert(
    sizeof config_check_type_names / sizeof *config_check_type_names == CHECK_TYPES + 1, "a name each");
_Static_assert(
    sizeof config_publish_type_names / sizeof *config_publish_type_names == PUBLISH_TYPES + 1, "a name each");

/* ---- advice ---- */

static const struct {
	const char *files; /* below which its certificates are */
	const char *renew_server, *renew_client, *add_name, *look;
} distributions[DISTRIBUTIONS] = {
    [DISTRIBUTION_AUTO] = {"", "renew it", "renew it", "make one that does", "look at its log"},
    [DISTRIBUTION_K3S] = {"/var/lib/rancher/k3s/", "k3s renews it when it is restarted",
	"k3s renews it when it is restarted",
	"add it to tls-san in /etc/rancher/k3s/config.yaml and restart k3s", "journalctl -u k3s"},
    [DISTRIBUTION_RKE2] = {"/var/lib/rancher/rke2/", "RKE2 renews it when rke2-server is restarted",
	"RKE2 renews it when rke2-server is restarted",
	"add it to tls-san in /etc/rancher/rke2/config.yaml and restart rke2-server",
	"journalctl -u rke2-server"},
    [DISTRIBUTION_KUBEADM] = {"/etc/kubernetes/",
	"run kubeadm certs renew apiserver and restart kube-apiserver",
	"the kubelet renews its own (journalctl -u kubelet), kubeadm certs renew the others",
	"add it to apiServer.certSANs of kubeadm's ClusterConfiguration, move "
	"/etc/kubernetes/pki/apiserver.* away "
	"and run kubeadm init phase certs apiserver with it",
	"journalctl -u kubelet; crictl ps -a --name kube-apiserver"},
    [DISTRIBUTION_K0S] = {"/var/lib/k0s/", "k0s renews it when k0scontroller is restarted",
	"k0s renews it when k0scontroller is restarted",
	"add it to spec.api.sans in /etc/k0s/k0s.yaml and restart k0scontroller",
	"journalctl -u k0scontroller"},
};

enum config_distribution config_check_distribution(const struct config_check *check)
{
	int found = check->distribution;
	for (int i = DISTRIBUTION_AUTO + 1; i < DISTRIBUTIONS && found == DISTRIBUTION_AUTO; i++)
		if (!strncmp(check->ca.path, distributions[i].files, strlen(distributions[i].files)))
			found = i;
	return (enum config_distribution)found;
}

const char *config_renew_server(const struct config_check *check)
{
	return distributions[config_check_distribution(check)].renew_server;
}

const char *config_renew_client(const struct config_check *check)
{
	return distributions[config_check_distribution(check)].renew_client;
}

const char *config_add_name(const struct config_check *check)
{
	return distributions[config_check_distribution(check)].add_name;
}

const char *config_look_at(const struct config_check *check)
{
	return distributions[config_check_distribution(check)].look;
}
