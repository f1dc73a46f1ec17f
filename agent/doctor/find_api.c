/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server of this node, asked from here with the files of the configuration: whether it answers, and
 * whether clients that come by the virtual address or by its name will trust its certificate.
 */
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "doctor/https.h"
#include "vipd/mono.h"

#define SOON_DAYS     30 /* k3s renews what expires within 120 days, but only when it starts */
#define SECONDS_A_DAY 86400

/* Clients in Go take no name from the subject, and a wildcard only for a whole label. */
#define AS_GO_DOES (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)

static void answer_judge(
    struct doctor *doctor, const struct config_check *check, const struct https_answer *answer)
{
	if (answer->refused && answer->unknown_issuer)
		finding_add(doctor, DOCTOR_FAILURE, check->name,
		    "does `ca` of the check belong to this cluster? After a rotation: vipctl reload",
		    "%s: its certificate is not trusted by %s: %s", check->url, check->ca.path,
		    answer->error);
	else if (answer->refused)
		finding_add(doctor, DOCTOR_FAILURE, check->name,
		    "write the server_name of the check that its certificate names", "%s: %s", check->url,
		    answer->error);
	else if (answer->unread)
		finding_add(doctor, DOCTOR_FAILURE, check->name,
		    "vipd cannot read it either: mend it, or name another file", "%s is not asked: %s",
		    check->url, answer->error);
	else if (!answer->status)
		finding_add(doctor, DOCTOR_FAILURE, check->name, config_look_at(check), "%s: %s", check->url,
		    answer->error);
	else if (answer->status == 401 || answer->status == 403)
		finding_add(doctor, DOCTOR_WARNING, check->name,
		    "name in vipd.conf a cert and key that may ask; see vipd.conf(5)",
		    "%s is alive, but does not let us ask (HTTP %ld)", check->url, answer->status);
	else if (!config_expects(check, answer->status))
		finding_add(doctor, DOCTOR_FAILURE, check->name, config_look_at(check),
		    "%s: HTTP %ld: %.100s", check->url, answer->status, answer->body);
	else if (!strstr(answer->body, check->body))
		finding_add(doctor, DOCTOR_FAILURE, check->name, config_look_at(check),
		    "%s: the answer does not contain \"%.64s\": %.100s", check->url, check->body,
		    answer->body);
	else
		finding_add(
		    doctor, DOCTOR_FINE, check->name, NULL, "%s: HTTP %ld", check->url, answer->status);
}

/* Whether this user may not read what root's vipd asks with; then it is not known what the server says. */
static bool is_kept_from_us(struct doctor *doctor, const struct config_check *check)
{
	const char *const files[] = {check->ca.path, check->cert.path, check->key.path};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (!*files[i] || access(files[i], R_OK) == 0 || errno != EACCES)
			continue;
		finding_add(doctor, DOCTOR_UNKNOWN, check->name, ADVICE_ROOT,
		    "%s cannot be asked: you may not read %s", check->url, files[i]);
		return true;
	}
	return false;
}

/* ---- the certificate ---- */

static void expiry_judge(struct doctor *doctor, const struct config_check *check, const X509 *certificate)
{
	struct tm tm;
	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return;
	long long left = timegm(&tm) - realtime_us() / USEC_PER_SEC;
	char date[16];
	strftime(date, sizeof date, "%Y-%m-%d", &tm);
	if (left < 0)
		finding_add(doctor, DOCTOR_FAILURE, check->name, config_renew_server(check),
		    "its certificate expired on %s", date);
	else if (left < SOON_DAYS * SECONDS_A_DAY)
		finding_add(doctor, DOCTOR_WARNING, check->name, config_renew_server(check),
		    "its certificate expires on %s, in %lld days", date, left / SECONDS_A_DAY);
	else
		finding_add(
		    doctor, DOCTOR_FINE, check->name, NULL, "its certificate is valid until %s", date);
}

static void cover_judge(
    struct doctor *doctor, const struct config_check *check, const char *what, bool covered)
{
	if (covered)
		finding_add(doctor, DOCTOR_FINE, check->name, NULL, "its certificate names %s", what);
	else
		finding_add(doctor, DOCTOR_FAILURE, check->name, config_add_name(check),
		    "its certificate does not name %s: clients that come by it will refuse to talk", what);
}

static void covers_judge(
    struct doctor *doctor, const struct config_check *check, X509 *certificate, uint64_t check_bit)
{
	char text[ADDRESS_TEXT_MAX];
	for (unsigned r = 0; r < doctor->config.router_count; r++) {
		const struct config_router *router = &doctor->config.routers[r];
		for (unsigned a = 0; router->checks & check_bit && a < router->address_count; a++)
			cover_judge(doctor, check, address_format(&router->addresses[a], text),
			    X509_check_ip(certificate, address_bytes(&router->addresses[a]),
				address_size(&router->addresses[a]), 0) == 1);
	}
	const char *name = doctor->request->name;
	if (name)
		cover_judge(
		    doctor, check, name, X509_check_host(certificate, name, 0, AS_GO_DOES, NULL) == 1);
}

static void check_judge(struct doctor *doctor, const struct config_check *check, uint64_t check_bit)
{
	struct https_request request = {.url = check->url,
	    .server_name = check->server_name,
	    .ca = check->ca.path,
	    .cert = check->cert.path,
	    .key = check->key.path,
	    .timeout_ms = check->timeout_us / USEC_PER_MS};
	struct https_answer answer;
	https_ask(&request, &answer);
	answer_judge(doctor, check, &answer);
	if (!answer.certificate && answer.refused) {
		request.trusting = true;
		https_ask(&request, &answer);
	}
	if (!answer.certificate)
		return;
	expiry_judge(doctor, check, answer.certificate);
	covers_judge(doctor, check, answer.certificate, check_bit);
	X509_free(answer.certificate);
}

static void not_found(struct doctor *doctor, const struct config_check *check)
{
	finding_add(doctor, is_root() ? DOCTOR_FAILURE : DOCTOR_UNKNOWN, check->name,
	    is_root() ? "write ca, cert, key and port of the check" : ADVICE_ROOT,
	    "no API server of k3s, RKE2, kubeadm or k0s was found on this server");
}

void find_api(struct doctor *doctor)
{
	for (unsigned i = 0; i < doctor->config.check_count; i++) {
		const struct config_check *check = &doctor->config.checks[i];
		bool asks_kubernetes = check->type == CHECK_KUBERNETES && !check->is_second;
		if (check->type != CHECK_HTTPS && !asks_kubernetes)
			continue;
		if (asks_kubernetes && !check->ca.path[0])
			not_found(doctor, check);
		else if (!is_kept_from_us(doctor, check))
			check_judge(doctor, check, UINT64_C(1) << i);
	}
}
