/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of type kubernetes: what is found of each distribution below a made-up root, that what the file says
 * wins, and the second check that belongs to each.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/report.h"
#include "vipd/config.h"

#define ROUTERS                                                                                              \
	"virtual_routers = ( { interface = \"eth0\"; vrid = 1; addresses = [ \"2001:db8::100\" ]; "          \
	"checks = [ \"api\" ]; } );\n"

static struct config config;
static struct config_errors errors;
static char root[64];

static void read_text(const char *text)
{
	int result = config_read_text("test.conf", text, strlen(text), &config, &errors);
	assert_string_equal(errors.text, "");
	assert_int_equal(result, 0);
}

static void read_check(const char *keys)
{
	char text[1024];
	snprintf(
	    text, sizeof text, ROUTERS "checks = ( { name = \"api\"; type = \"kubernetes\"; %s } );", keys);
	read_text(text);
}

static void put(const char *path, const char *text)
{
	char whole[512];
	snprintf(whole, sizeof whole, "%s%s", root, path);
	for (char *slash = whole + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(whole, 0700);
	}
	FILE *file = fopen(whole, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/test_kubernetes.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int forget(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static int remove_root(void **state)
{
	(void)state;
	return nftw(root, forget, 8, FTW_DEPTH | FTW_PHYS);
}

static void expect_found(
    enum config_distribution distribution, const char *ca, const char *cert, const char *key, unsigned port)
{
	const struct config_check *check = &config.checks[0];
	char url[128];
	assert_string_equal(
	    config_distribution_name(check->distribution), config_distribution_name(distribution));
	assert_string_equal(check->ca.path, ca);
	assert_string_equal(check->cert.path, cert);
	assert_string_equal(check->key.path, key);
	assert_string_equal(check->server_name, "kubernetes.default");
	assert_int_equal(check->port, port);
	snprintf(url, sizeof url, "https://localhost:%u/readyz?exclude=etcd&exclude=etcd-readiness", port);
	assert_string_equal(check->url, url);
	snprintf(url, sizeof url, "https://localhost:%u/readyz?exclude=etcd", port);
	assert_string_equal(config.checks[1].url, url);
	assert_string_equal(config.checks[1].ca.path, ca);
}

/* The first one liveness, often; the second one readiness, patiently. Whoever names it names both. */
static void test_two_questions(void **state)
{
	(void)state;
	read_check("");
	assert_int_equal(config.written_checks, 1);
	assert_int_equal(config.check_count, 2);
	assert_int_equal(config.routers[0].checks, 0x3);
	const struct config_check *first = &config.checks[0], *second = &config.checks[1];
	assert_string_equal(second->name, "api-etcd");
	assert_true(second->is_second && !first->is_second);
	assert_int_equal(first->interval_us, 250000);
	assert_int_equal(first->timeout_us, 500000);
	assert_int_equal(first->fall, 2);
	assert_int_equal(second->interval_us, 3000000);
	assert_int_equal(second->fast_interval_us, 3000000);
	assert_int_equal(second->timeout_us, 3000000);
	assert_int_equal(second->fall, 4);
	assert_int_equal(second->rise, 1);
	read_check("timeout = \"2s\"; ready = { timeout = \"5s\"; fall = 2; };");
	assert_int_equal(first->timeout_us, 2000000);
	assert_int_equal(second->timeout_us, 5000000);
	assert_int_equal(second->fall, 2);
	assert_int_equal(second->interval_us, 3000000);
}

static void test_nothing_found(void **state)
{
	(void)state;
	read_check("");
	config_discover(&config, root);
	assert_int_equal(config.checks[0].distribution, DISTRIBUTION_AUTO);
	assert_string_equal(config.checks[0].ca.path, "");
	assert_int_equal(config.checks[0].port, 0);
}

static void test_k0s(void **state)
{
	(void)state;
	read_check("");
	put("/var/lib/k0s/pki/ca.crt", "");
	config_discover(&config, root); /* later than the start */
	expect_found(DISTRIBUTION_K0S, "/var/lib/k0s/pki/ca.crt", "/var/lib/k0s/pki/scheduler.crt",
	    "/var/lib/k0s/pki/scheduler.key", 6443);
	put("/var/lib/k0s/pki/admin.conf",
	    "clusters:\n- cluster:\n    server: https://localhost:7443\n    x: 1\n");
	read_check("");
	config_discover(&config, root);
	assert_int_equal(config.checks[0].port, 7443);
}

static void test_kubeadm(void **state)
{
	(void)state;
	put("/etc/kubernetes/pki/ca.crt", "");
	put("/etc/kubernetes/manifests/kube-apiserver.yaml",
	    "    - --service-cluster-ip-range=10.96.0.0/12\n    - --secure-port=8443\n    - --v=2\n");
	read_check("");
	config_discover(&config, root);
	expect_found(DISTRIBUTION_KUBEADM, "/etc/kubernetes/pki/ca.crt",
	    "/var/lib/kubelet/pki/kubelet-client-current.pem",
	    "/var/lib/kubelet/pki/kubelet-client-current.pem", 8443);
	assert_non_null(strstr(config_add_name(&config.checks[0]), "apiServer.certSANs"));
}

#define RKE2_TLS "/var/lib/rancher/rke2/server/tls/"

static void test_rke2(void **state)
{
	(void)state;
	put(RKE2_TLS "server-ca.crt", "");
	put("/etc/rancher/rke2/rke2.yaml", "    server: \"https://[::1]:6444\"\n");
	read_check("");
	config_discover(&config, root);
	expect_found(DISTRIBUTION_RKE2, RKE2_TLS "server-ca.crt", RKE2_TLS "client-kube-proxy.crt",
	    RKE2_TLS "client-kube-proxy.key", 6444);
	assert_non_null(strstr(config_renew_client(&config.checks[0]), "rke2-server"));
}

#define K3S_TLS "/var/lib/rancher/k3s/server/tls/"

/* Several were installed here in turn: the file may say which. */
static void test_k3s(void **state)
{
	(void)state;
	put(K3S_TLS "server-ca.crt", "");
	put("/etc/rancher/k3s/k3s.yaml", "    server: https://127.0.0.1:99999\n");
	read_check("");
	config_discover(&config, root);
	expect_found(DISTRIBUTION_K3S, K3S_TLS "server-ca.crt", K3S_TLS "client-kube-proxy.crt",
	    K3S_TLS "client-kube-proxy.key", 6443);
	read_check("distribution = \"rke2\";");
	config_discover(&config, root);
	expect_found(DISTRIBUTION_RKE2, RKE2_TLS "server-ca.crt", RKE2_TLS "client-kube-proxy.crt",
	    RKE2_TLS "client-kube-proxy.key", 6444);
}

static void test_the_file_wins(void **state)
{
	(void)state;
	read_check("ca = \"/my/ca\"; port = 1234; server_name = \"k8s.example\";");
	config_discover(&config, root);
	assert_string_equal(config.checks[1].ca.path, "/my/ca");
	assert_string_equal(config.checks[1].cert.path, K3S_TLS "client-kube-proxy.crt");
	assert_string_equal(config.checks[1].server_name, "k8s.example");
	assert_int_equal(config.checks[1].port, 1234);
	read_check("cert = \"/my/cert\"; key = \"/my/key\";");
	config_discover(&config, root);
	assert_string_equal(config.checks[0].ca.path, K3S_TLS "server-ca.crt");
	assert_string_equal(config.checks[0].key.path, "/my/key");
	assert_int_equal(config.checks[0].port, 6443);
	read_check("ca = \"/my/ca\"; cert = \"/my/cert\"; key = \"/my/key\"; port = 1234;");
	config_discover(&config, root); /* nothing is looked for */
	assert_int_equal(config.checks[0].distribution, DISTRIBUTION_AUTO);
}

/* A distribution that is not there yet: the files are named, so that the check says which one it misses. */
static void test_named_and_not_there(void **state)
{
	(void)state;
	read_check("distribution = \"k3s\";");
	config_discover(&config, "/nonexistent");
	assert_string_equal(config.checks[0].ca.path, K3S_TLS "server-ca.crt");
	assert_int_equal(config.checks[0].port, 0); /* it is looked for again */
}

/* Whose an https check is, is seen by its files. */
static void test_advice_for_https(void **state)
{
	(void)state;
	struct config_check check = {.type = CHECK_HTTPS};
	assert_int_equal(config_check_distribution(&check), DISTRIBUTION_AUTO);
	strcpy(check.ca.path, RKE2_TLS "server-ca.crt");
	assert_int_equal(config_check_distribution(&check), DISTRIBUTION_RKE2);
	strcpy(check.ca.path, "/etc/ssl/k8s.crt");
	assert_string_equal(config_renew_server(&check), "renew it");
}

/* Each counts as two. */
static void test_too_many(void **state)
{
	(void)state;
	static char text[16384];
	size_t used = (size_t)snprintf(text, sizeof text, ROUTERS "checks = (");
	for (int i = 0; i < 33; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
		    "%s\n{ name = \"api%.*d\"; type = \"kubernetes\"; }", i ? "," : "", i ? 1 : 0, i);
	snprintf(text + used, sizeof text - used, ");");
	assert_int_equal(config_read_text("test.conf", text, strlen(text), &config, &errors), -EINVAL);
	assert_non_null(strstr(errors.text, "checks[32].type = \"kubernetes\": counts as two checks"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_two_questions),
	    cmocka_unit_test(test_nothing_found),
	    cmocka_unit_test(test_k0s),
	    cmocka_unit_test(test_kubeadm),
	    cmocka_unit_test(test_rke2),
	    cmocka_unit_test(test_k3s),
	    cmocka_unit_test(test_the_file_wins),
	    cmocka_unit_test(test_named_and_not_there),
	    cmocka_unit_test(test_advice_for_https),
	    cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
