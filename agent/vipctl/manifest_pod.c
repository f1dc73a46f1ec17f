/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `manifest --static-pod`: vipd as a pod of kubelet. The directories of the server that vipd.conf names are
 * in the container at the same paths.
 */
#include <arpa/inet.h>
#include <string.h>

#include "vipctl/manifest.h"

#define DIRECTORIES_MAX 64
#define QUOTED_MAX	(4 * CONFIG_PATH_MAX + 3)

struct directory {
	char path[CONFIG_PATH_MAX];
	bool writable;
};

struct directories {
	struct directory items[DIRECTORIES_MAX];
	unsigned count;
};

static bool is_within(const char *path, const char *directory)
{
	size_t length = strlen(directory);
	return strncmp(path, directory, length) == 0 && (path[length] == '/' || !path[length]);
}

static void directory_add(struct directories *all, const char *path, bool writable)
{
	for (unsigned i = 0; i < all->count; i++)
		if (is_within(path, all->items[i].path) && all->items[i].writable == writable)
			return;
	if (all->count == DIRECTORIES_MAX || !path[0])
		return;
	struct directory *directory = &all->items[all->count++];
	snprintf(directory->path, sizeof directory->path, "%s", path);
	directory->writable = writable;
}

static void directory_of(struct directories *all, const char *file, bool writable)
{
	char path[CONFIG_PATH_MAX];
	const char *slash = strrchr(file, '/');
	if (!slash || slash == file)
		return;
	snprintf(path, sizeof path, "%.*s", (int)(slash - file), file);
	directory_add(all, path, writable);
}

/* Where a check of type kubernetes finds the port of the API server. */
static const char *const of_distribution[DISTRIBUTIONS] = {
    [DISTRIBUTION_AUTO] = "",
    [DISTRIBUTION_K3S] = "/etc/rancher/k3s",
    [DISTRIBUTION_RKE2] = "/etc/rancher/rke2",
    [DISTRIBUTION_KUBEADM] = "/etc/kubernetes/manifests",
    [DISTRIBUTION_K0S] = "/var/lib/k0s/pki",
};

static void directories_find(const struct config *config, struct directories *all)
{
	*all = (struct directories){0};
	directory_of(all, config->socket, true);
	directory_add(all, config->record_dir, true);
	directory_of(all, config->path, false);
	for (uint32_t i = 0; i < config->router_count; i++)
		for (uint32_t k = 0; k < config->routers[i].key_count; k++)
			directory_of(all, config->routers[i].keys[k].file.path, false);
	for (uint32_t i = 0; i < config->check_count; i++) {
		const struct config_check *check = &config->checks[i];
		if (check->type == CHECK_KUBERNETES)
			directory_add(all, of_distribution[check->distribution], false);
		directory_of(all, check->ca.path, false);
		directory_of(all, check->cert.path, false);
		directory_of(all, check->key.path, false);
		directory_of(all, check->file, false);
	}
}

/* As a string of YAML, in quotes. */
static const char *quoted(const char *text, char out[static QUOTED_MAX])
{
	char *at = out;
	*at++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*at++ = '\\';
		if ((unsigned char)*text < ' ')
			at += sprintf(at, "\\x%02x", *text);
		else
			*at++ = *text;
	}
	memcpy(at, "\"", 2);
	return out;
}

static void directories_print(const struct directories *all)
{
	char text[QUOTED_MAX];
	puts("      volumeMounts:");
	for (unsigned i = 0; i < all->count; i++)
		printf("        - { name: directory-%u, mountPath: %s%s }\n", i + 1,
		    quoted(all->items[i].path, text), all->items[i].writable ? "" : ", readOnly: true");
	puts("  volumes:");
	for (unsigned i = 0; i < all->count; i++)
		printf("    - { name: directory-%u, hostPath: { path: %s, type: %s } }\n", i + 1,
		    quoted(all->items[i].path, text),
		    all->items[i].writable ? "DirectoryOrCreate" : "Directory");
}

static bool has_process_check(const struct config *config)
{
	for (uint32_t i = 0; i < config->check_count; i++)
		if (config->checks[i].type == CHECK_PROCESS)
			return true;
	return false;
}

/* What is looked for when vipd starts must be known now. */
static bool is_known(const struct config *config)
{
	for (uint32_t i = 0; i < config->check_count; i++) {
		const struct config_check *check = &config->checks[i];
		if (check->type != CHECK_KUBERNETES || check->distribution != DISTRIBUTION_AUTO)
			continue;
		fprintf(stderr,
		    "vipctl: %s: check \"%s\": no API server was found here; run this on a server, or name "
		    "the distribution in the check\n",
		    config->path, check->name);
		return false;
	}
	return true;
}

bool manifest_pod_print(struct config *config)
{
	config_discover(config, "");
	if (!is_known(config))
		return false;
	char path[QUOTED_MAX], host[ADDRESS_TEXT_MAX], port[8];
	struct directories directories;
	struct address listens = {config->metrics_address.sin6_addr};
	if (address_is_unspecified(&listens))
		listens.in6 = in6addr_loopback;
	address_format(&listens, host);
	snprintf(port, sizeof port, "%u", ntohs(config->metrics_address.sin6_port));
	const struct value items[] = {{"VERSION", VIPD_VERSION}, {"CONFIG", quoted(config->path, path)},
	    {"HOST_PID", has_process_check(config) ? "true" : NULL}, {"METRICS_HOST", host},
	    {"METRICS_PORT", port}};
	const struct values values = {items, sizeof items / sizeof items[0], NULL, 0};
	template_print(template_static_pod, &values, stdout);
	if (config->metrics_address.sin6_family)
		template_print(template_static_pod_probes, &values, stdout);
	directories_find(config, &directories);
	directories_print(&directories);
	return true;
}
