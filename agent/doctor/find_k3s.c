/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What k3s must know: the virtual address and its name in tls-san, and node-ip, so that nobody takes the
 * virtual address for the node's own. config.yaml and config.yaml.d are read as k3s does, by libyaml, and the
 * flags of its unit are added.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "doctor/doctor.h"
#include "doctor/tool.h"

#define K3S_CONFIG_DEFAULT "/etc/rancher/k3s/config.yaml"
#define VALUES_MAX	   64
#define VALUE_MAX	   256

struct values {
	unsigned count;
	char items[VALUES_MAX][VALUE_MAX];
};

struct k3s {
	struct values tls_san, node_ip;
};

static void value_add(struct values *values, const char *text, size_t length)
{
	if (values->count < VALUES_MAX && length < VALUE_MAX)
		snprintf(values->items[values->count++], VALUE_MAX, "%.*s", (int)length, text);
}

/* "a,b" is a list for k3s, as everything that stands for a flag. */
static void list_take(struct values *values, const char *text)
{
	for (size_t length; *text; text += length + (text[length] == ',')) {
		length = strcspn(text, ",");
		value_add(values, text, length);
	}
}

static void value_take(yaml_document_t *document, const yaml_node_t *value, struct values *values)
{
	if (value->type == YAML_SCALAR_NODE)
		list_take(values, (const char *)value->data.scalar.value);
	for (const yaml_node_item_t *item = value->data.sequence.items.start;
	     value->type == YAML_SEQUENCE_NODE && item < value->data.sequence.items.top; item++) {
		const yaml_node_t *node = yaml_document_get_node(document, *item);
		if (node && node->type == YAML_SCALAR_NODE)
			list_take(values, (const char *)node->data.scalar.value);
	}
}

/* A later file replaces a value, unless its key ends with '+'. */
static void pair_take(yaml_document_t *document, const yaml_node_pair_t *pair, struct k3s *k3s)
{
	const yaml_node_t *key = yaml_document_get_node(document, pair->key),
			  *value = yaml_document_get_node(document, pair->value);
	if (!key || !value || key->type != YAML_SCALAR_NODE)
		return;
	const char *name = (const char *)key->data.scalar.value;
	size_t length = strcspn(name, "+");
	struct values *values = length == 7 && strncmp(name, "tls-san", 7) == 0	  ? &k3s->tls_san
				: length == 7 && strncmp(name, "node-ip", 7) == 0 ? &k3s->node_ip
										  : NULL;
	if (!values)
		return;
	if (name[length] != '+')
		values->count = 0;
	value_take(document, value, values);
}

/* Returns 0, -errno, or -EINVAL if it is not a file with a YAML mapping. */
static int file_read(const char *path, struct k3s *k3s)
{
	yaml_parser_t parser;
	yaml_document_t document;
	FILE *file = file_open(path);
	if (!file)
		return -errno;
	int result = -EINVAL;
	if (yaml_parser_initialize(&parser)) {
		yaml_parser_set_input_file(&parser, file);
		if (yaml_parser_load(&parser, &document)) {
			const yaml_node_t *root = yaml_document_get_root_node(&document);
			bool mapping = root && root->type == YAML_MAPPING_NODE;
			for (const yaml_node_pair_t *pair = mapping ? root->data.mapping.pairs.start : NULL;
			     mapping && pair < root->data.mapping.pairs.top; pair++)
				pair_take(&document, pair, k3s);
			result = mapping || !root ? 0 : -EINVAL;
			yaml_document_delete(&document);
		}
		yaml_parser_delete(&parser);
	}
	fclose(file);
	return result;
}

static bool is_yaml(const char *path)
{
	const char *end = strrchr(path, '.');
	return end && (strcmp(end, ".yaml") == 0 || strcmp(end, ".yml") == 0);
}

static int files_read(const char *path, struct k3s *k3s)
{
	char pattern[512];
	glob_t more;
	int result = file_read(path, k3s);
	snprintf(pattern, sizeof pattern, "%s.d/*", path);
	if (glob(pattern, 0, NULL, &more) != 0)
		return result;
	for (size_t i = 0; i < more.gl_pathc && (result == 0 || result == -ENOENT); i++) {
		if (is_yaml(more.gl_pathv[i]))
			result = file_read(more.gl_pathv[i], k3s);
	}
	globfree(&more);
	return result;
}

/* ---- flags of the unit ---- */

/* "ExecStart={ path=… ; argv[]=/usr/local/bin/k3s server --tls-san NAME … ; ignore_errors=no ; …": the words,
 * the caller's to free; NULL: there is no such unit. */
static char *unit_words(void)
{
	char *text = access("/run/systemd/system", F_OK) == 0
			 ? tool_run("systemctl show k3s.service --property ExecStart")
			 : NULL;
	const char *begin = text ? strstr(text, "argv[]=") : NULL;
	const char *end = begin ? strstr(begin, " ;") : NULL;
	char *words = end ? strndup(begin, (size_t)(end - begin)) : NULL;
	free(text);
	return words;
}

/* Adds the values of "--NAME VALUE", "--NAME=VALUE", or "-N VALUE". */
static void flag_take(const char *words, const char *name, char letter, struct values *values)
{
	char value[VALUE_MAX] = "", flag[VALUE_MAX];
	for (size_t length; words && *words; words += length + (words[length] == ' ')) {
		length = strcspn(words, " ");
		snprintf(flag, sizeof flag, "%.*s", (int)length, words);
		size_t dashes = strspn(flag, "-"), end = strcspn(flag, "=");
		const char *after = words + length + (words[length] == ' ');
		bool named = end - dashes == strlen(name) && strncmp(flag + dashes, name, end - dashes) == 0;
		if (!dashes || !(named || (end == dashes + 1 && flag[dashes] == letter)))
			continue;
		snprintf(value, sizeof value, "%.*s",
		    (int)(flag[end] ? length - end - 1 : strcspn(after, " ")),
		    flag[end] ? words + end + 1 : after);
		list_take(values, value);
	}
}

/* As the command line of k3s adds to what its files say. It may also name the file. */
static int k3s_read(const char *path, struct k3s *k3s)
{
	char *words = unit_words();
	struct values named = {0};
	flag_take(words, "config", 'c', &named);
	int result = files_read(path ? path : named.count ? named.items[0] : K3S_CONFIG_DEFAULT, k3s);
	flag_take(words, "tls-san", '\0', &k3s->tls_san);
	flag_take(words, "node-ip", 'i', &k3s->node_ip);
	if (result == -ENOENT && words)
		result = 0;
	free(words);
	return result;
}

/* ---- judgement ---- */

static bool has_address(const struct values *values, const struct address *address)
{
	for (unsigned i = 0; i < values->count; i++) {
		struct address item;
		if (address_parse(values->items[i], &item) && address_equal(&item, address))
			return true;
	}
	return false;
}

static bool has_name(const struct values *values, const char *name)
{
	for (unsigned i = 0; i < values->count; i++) {
		if (strcasecmp(values->items[i], name) == 0)
			return true;
	}
	return false;
}

static void san_judge(struct doctor *doctor, const struct k3s *k3s)
{
	const char *name = doctor->request->name;
	char missing[512] = "", text[ADDRESS_TEXT_MAX];
	for (unsigned r = 0; r < doctor->config.router_count; r++) {
		const struct config_router *router = &doctor->config.routers[r];
		for (unsigned a = 0; a < router->address_count; a++) {
			if (!has_address(&k3s->tls_san, &router->addresses[a]))
				list_add(
				    missing, sizeof missing, address_format(&router->addresses[a], text));
		}
	}
	if (name && !has_name(&k3s->tls_san, name))
		list_add(missing, sizeof missing, name);
	if (*missing)
		finding_add(doctor, DOCTOR_FAILURE, "",
		    "add it on every server and restart k3s, one after the other; vipctl manifest --k3s "
		    "prints the lines",
		    "tls-san does not have %s", missing);
	else
		finding_add(doctor, DOCTOR_FINE, "", NULL, "tls-san has the virtual address%s%s",
		    name ? " and " : "", name ? name : "");
}

static void node_ip_judge(struct doctor *doctor, const struct k3s *k3s)
{
	char text[ADDRESS_TEXT_MAX];
	const char *taken = NULL;
	for (unsigned r = 0; r < doctor->config.router_count; r++) {
		const struct config_router *router = &doctor->config.routers[r];
		for (unsigned a = 0; a < router->address_count; a++) {
			if (has_address(&k3s->node_ip, &router->addresses[a]))
				taken = address_format(&router->addresses[a], text);
		}
	}
	if (taken)
		finding_add(doctor, DOCTOR_FAILURE, "", "write the node's own address there and restart k3s",
		    "node-ip is the virtual address %s, which moves", taken);
	else if (!k3s->node_ip.count)
		finding_add(doctor, DOCTOR_WARNING, "",
		    "write node-ip: the node's own address, and set Calico's "
		    "IP6_AUTODETECTION_METHOD=kubernetes-internal-ip",
		    "node-ip is not set: kubelet or Calico may take the virtual address for the node's own");
	else
		finding_add(doctor, DOCTOR_FINE, "", NULL, "node-ip is %s", k3s->node_ip.items[0]);
}

void find_k3s(struct doctor *doctor)
{
	const char *path = doctor->request->k3s_config;
	struct k3s k3s = {0};
	int result = k3s_read(path, &k3s);
	path = path ? path : K3S_CONFIG_DEFAULT;
	if (result == -EINVAL)
		finding_add(doctor, DOCTOR_FAILURE, "", "k3s does not start with it",
		    "%s (or a file in %s.d) is not YAML", path, path);
	else if (result)
		finding_add(doctor, DOCTOR_UNKNOWN, "",
		    result == -ENOENT
			? "is this a k3s server? If its flags stand elsewhere: --k3s-config FILE"
			: ADVICE_ROOT,
		    "%s: %s", path, strerrordesc_np(-result));
	if (result)
		return;
	san_judge(doctor, &k3s);
	node_ip_judge(doctor, &k3s);
}
