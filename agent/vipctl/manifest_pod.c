/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `manifest --static-pod`: vipd as a pod of kubelet. The directories of the server that vipd.conf names are
 * in the container at the same paths.
 */
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
	if (all->count == DIRECTORIES_MAX || !path[0] || is_within(path, "/proc") || is_within(path, "/sys"))
		return; /* every container has those two */
	struct directory *directory = &all->items[all->count++];
	snprintf(directory->path, sizeof directory->path, "%s", path);
	directory->writable = writable;
}

static void directory_of(struct directories *all, const char *file, bool writable)
{
	char path[CONFIG_PATH_MAX];
	const char *slash = strrchr(file, '/');
	if (!slash)
		return;
	snprintf(path, sizeof path, "%.*s", slash == file ? 1 : (int)(slash - file), file);
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
	for (uint32_t i = 0; i < config->publish_count; i++) {
		const struct config_publish *publish = &config->publish[i];
		directory_of(all, publish->ca.path, false);
		directory_of(all, publish->token.path, false);
		directory_of(all, publish->cert.path, false);
		directory_of(all, publish->key.path, false);
	}
}

/* Why a directory of the server cannot be in the pod; NULL: it can. */
static const char *directory_refusal(const char *path)
{
	/* What the container itself needs. */
	static const char *const own[] = {"/usr/sbin/vipd", "/usr/bin/vipctl",
	    "/usr/libexec/vipd/vipd-control", "/etc/passwd", "/lib/", "/lib64/", "/usr/lib/", "/dev/"};
	if (is_within(path, "/run/credentials"))
		return "credentials of systemd end with the unit, so a pod cannot have them: name the file "
		       "itself in vipd.conf";
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (!strcmp(path, "/") || is_within(own[i], path))
			return "the pod has its own files there: move the server's into a directory such as "
			       "/etc/vipd, and name them in vipd.conf";
	return NULL;
}

static bool directories_check(const struct config *config, const struct directories *all)
{
	bool right = true;
	for (unsigned i = 0; i < all->count; i++) {
		const char *why = directory_refusal(all->items[i].path);
		if (why)
			fprintf(stderr, "vipctl: %s: %s cannot be mounted into the pod: %s\n", config->path,
			    all->items[i].path, why);
		right = right && !why;
	}
	if (all->count == DIRECTORIES_MAX)
		fprintf(stderr, "vipctl: %s: a pod can have %d directories of it at most; use fewer\n",
		    config->path, DIRECTORIES_MAX - 1);
	return right && all->count < DIRECTORIES_MAX;
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
	char path[QUOTED_MAX], socket[QUOTED_MAX];
	struct directories directories;
	directories_find(config, &directories);
	if (!directories_check(config, &directories))
		return false;
	const struct value items[] = {{"VERSION", VIPD_VERSION}, {"CONFIG", quoted(config->path, path)},
	    {"SOCKET", quoted(config->socket, socket)},
	    {"HOST_PID", has_process_check(config) ? "true" : NULL}};
	const struct values values = {.items = items, .count = sizeof items / sizeof items[0]};
	template_print(template_static_pod, &values, stdout);
	directories_print(&directories);
	return true;
}
