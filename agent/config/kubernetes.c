/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check of type kubernetes asks, and where each distribution has what is needed for it.
 *
 * It is two checks, because an API server has two questions that want different times. Whether it serves is
 * asked often and answered at once. Whether it reaches etcd takes seconds to answer when it does not, and an
 * election of etcd, in which no server does better, must not count. The second check is made here; the file
 * knows only the first, and whoever names it names both.
 *
 * The API server is asked at localhost, of either family, and by the name "kubernetes.default": that one is
 * in the certificate of every distribution, while kubeadm's has no loopback address.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/settings.h"
#include "vipd/shortage.h"

#define PORT_DEFAULT 6443
#define PATH_ROOM    (2 * CONFIG_PATH_MAX)
#define FILE_ROOM    (64 * 1024)
#define WITHOUT_ETCD "/readyz?exclude=etcd&exclude=etcd-readiness"
#define WITH_ETCD    "/readyz?exclude=etcd" /* leaves etcd-readiness, which asks the same */

/* Any certificate of the cluster's CA may ask: the least powerful one that is there. */
static const struct place {
	const char *ca, *cert, *key;
	const char *port_file, *port_mark; /* the last number of the line that has it */
} places[DISTRIBUTIONS] = {
#define RANCHER(name, file) "/var/lib/rancher/" name "/server/tls/" file
#define KUBELET		    "/var/lib/kubelet/pki/kubelet-client-current.pem"
    [DISTRIBUTION_K3S] = {RANCHER("k3s", "server-ca.crt"), RANCHER("k3s", "client-kube-proxy.crt"),
	RANCHER("k3s", "client-kube-proxy.key"), "/etc/rancher/k3s/k3s.yaml", "server: "},
    [DISTRIBUTION_RKE2] = {RANCHER("rke2", "server-ca.crt"), RANCHER("rke2", "client-kube-proxy.crt"),
	RANCHER("rke2", "client-kube-proxy.key"), "/etc/rancher/rke2/rke2.yaml", "server: "},
    [DISTRIBUTION_KUBEADM] = {"/etc/kubernetes/pki/ca.crt", KUBELET, KUBELET,
	"/etc/kubernetes/manifests/kube-apiserver.yaml", "--secure-port="},
    [DISTRIBUTION_K0S] = {"/var/lib/k0s/pki/ca.crt", "/var/lib/k0s/pki/scheduler.crt",
	"/var/lib/k0s/pki/scheduler.key", "/var/lib/k0s/pki/admin.conf", "server: "},
};

/* ---- two checks of one ---- */

static void write_url(struct config_check *check, const char *question)
{
	char url[128];
	snprintf(
	    url, sizeof url, "https://localhost:%u%s", check->port ? check->port : PORT_DEFAULT, question);
	set_text(check->url, sizeof check->url, url);
}

bool config_second_name(const char *first, char second[static CONFIG_NAME_MAX])
{
	snprintf(second, CONFIG_NAME_MAX, "%.*s-etcd", (int)CONFIG_FIRST_NAME_MAX - 1, first);
	return strlen(first) < CONFIG_FIRST_NAME_MAX;
}

static void complete(struct config *config, struct config_check *first)
{
	struct config_check *second = &config->checks[first->second - 1];
	write_url(first, WITHOUT_ETCD);
	*second = *first;
	second->second = 0;
	second->is_second = true;
	config_second_name(first->name, second->name);
	write_url(second, WITH_ETCD);
	second->interval_us = second->fast_interval_us = first->ready_interval_us;
	second->timeout_us = first->ready_timeout_us;
	second->fall = first->ready_fall;
	second->rise = first->ready_rise;
}

bool kubernetes_add_second(struct config *config, struct config_check *first)
{
	if (config->check_count == CONFIG_CHECKS_MAX)
		return false;
	first->second = ++config->check_count;
	complete(config, first);
	return true;
}

/* ---- what is on this server ---- */

static void path_under(const char *root, const char *path, char out[static PATH_ROOM])
{
	snprintf(out, PATH_ROOM, "%s%s", root, path);
}

static bool is_here(const char *root, const char *path)
{
	struct stat st;
	char whole[PATH_ROOM];
	path_under(root, path, whole);
	return stat(whole, &st) == 0 && S_ISREG(st.st_mode);
}

static enum config_distribution find(const char *root)
{
	for (int i = DISTRIBUTION_AUTO + 1; i < DISTRIBUTIONS; i++)
		if (is_here(root, places[i].ca))
			return (enum config_distribution)i;
	return DISTRIBUTION_AUTO;
}

/* The number that ends the first line with `mark` in it; 0 if there is none. */
static uint16_t last_number(const char *text, const char *mark)
{
	const char *line = strstr(text, mark);
	if (!line)
		return 0;
	const char *end = line + strcspn(line, "\r\n");
	while (end > line && strchr("\"' \t/", end[-1]))
		end--;
	const char *begin = end;
	while (begin > line && begin[-1] >= '0' && begin[-1] <= '9')
		begin--;
	long port = strtol(begin, NULL, 10);
	return begin < end && port >= 1 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* 0 for want of memory or descriptors: it is looked for again. */
static uint16_t find_port(const char *root, const struct place *place)
{
	char path[PATH_ROOM];
	uint16_t port = 0;
	path_under(root, place->port_file, path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = fd < 0 ? NULL : malloc(FILE_ROOM);
	ssize_t size = text ? read(fd, text, FILE_ROOM - 1) : -1;
	if (size > 0) {
		text[size] = '\0';
		port = last_number(text, place->port_mark);
	}
	bool is_short = fd < 0 ? is_shortage(-errno) : !text;
	free(text);
	if (fd >= 0)
		close(fd);
	if (is_short)
		return 0;
	return port ? port : PORT_DEFAULT;
}

static void fill(char *path, const char *found)
{
	if (!path[0])
		set_text(path, CONFIG_PATH_MAX, found);
}

static void look_for(struct config *config, struct config_check *check, const char *root)
{
	if (check->ca.path[0] && check->cert.path[0] && check->port)
		return;
	if (check->distribution == DISTRIBUTION_AUTO)
		check->distribution = find(root);
	if (check->distribution == DISTRIBUTION_AUTO)
		return;
	const struct place *place = &places[check->distribution];
	fill(check->ca.path, place->ca);
	if (!check->cert.path[0]) {
		fill(check->cert.path, place->cert);
		fill(check->key.path, place->key);
	}
	if (!check->port && is_here(root, place->ca))
		check->port = find_port(root, place);
	complete(config, check);
}

void config_discover(struct config *config, const char *root)
{
	for (unsigned i = 0; i < config->written_checks; i++)
		if (config->checks[i].type == CHECK_KUBERNETES)
			look_for(config, &config->checks[i], root);
}
