/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name whose addresses are the servers that are ready: one update (RFC 2136) that deletes both sets of
 * addresses and adds the new ones, signed with TSIG (RFC 8945), over TCP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/publish/target.h"

#define TIME_S	   3 /* for a server to answer */
#define FUDGE_S	   300
#define TSIG_ERROR 5 /* the field of the record, RFC 8945 section 4.2 */

/* With nothing in it, of class ANY: all records of that name and type are deleted (RFC 2136 section 2.5.2).
 */
static bool push_deletion(ldns_rr_list *list, const char *name, ldns_rr_type type)
{
	ldns_rr *record = ldns_rr_new();
	ldns_rdf *owner = ldns_dname_new_frm_str(name);
	if (!record || !owner)
		return false;
	ldns_rr_set_owner(record, owner);
	ldns_rr_set_type(record, type);
	ldns_rr_set_class(record, LDNS_RR_CLASS_ANY);
	ldns_rr_set_ttl(record, 0);
	return ldns_rr_list_push_rr(list, record);
}

static bool push_address(
    ldns_rr_list *list, const char *name, uint32_t ttl_s, const struct publish_server *server)
{
	char text[ADDRESS_TEXT_MAX];
	bool ipv4 = address_is_ipv4(&server->address);
	ldns_rr *record = ldns_rr_new();
	ldns_rdf *owner = ldns_dname_new_frm_str(name);
	ldns_rdf *data = ldns_rdf_new_frm_str(
	    ipv4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, address_format(&server->address, text));
	if (!record || !owner || !data)
		return false;
	ldns_rr_set_owner(record, owner);
	ldns_rr_set_type(record, ipv4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA);
	ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
	ldns_rr_set_ttl(record, ttl_s);
	return ldns_rr_push_rdf(record, data) && ldns_rr_list_push_rr(list, record);
}

/* The process ends with the job, so nothing is freed. NULL: no memory, or not a name. */
static ldns_pkt *update_make(const struct publish_job *job)
{
	char name[CONFIG_DNS_NAME_MAX];
	ldns_rr_list *changes = ldns_rr_list_new();
	ldns_rdf *zone = ldns_dname_new_frm_str(job->config->zone);
	config_dns_name(job->config, name);
	bool good = changes && zone && push_deletion(changes, name, LDNS_RR_TYPE_AAAA) &&
		    push_deletion(changes, name, LDNS_RR_TYPE_A);
	for (unsigned i = 0; good && i < job->set.count; i++)
		if (job->set.servers[i].ready)
			good = push_address(changes, name, job->config->ttl_s, &job->set.servers[i]);
	ldns_pkt *update = good ? ldns_update_pkt_new(zone, LDNS_RR_CLASS_IN, NULL, changes, NULL) : NULL;
	if (update)
		ldns_pkt_set_random_id(update);
	return update;
}

/* Prints why if the key cannot be used. Without a key nothing is signed. */
static bool sign(const struct publish_job *job, ldns_pkt *update, struct tsig_key *key)
{
	const uint8_t *bytes = NULL;
	size_t size = 0;
	const char *path = job->config->key.path;
	int r = secrets_find(job->secrets, &job->config->key, &bytes, &size);
	if (!*path)
		return true;
	if (r) {
		printf("cannot read %s: %s", path, secrets_error(r));
		return false;
	}
	const char *wrong = tsig_key_parse((const char *)bytes, size, key);
	if (wrong) {
		printf("%s %s", path, wrong);
		return false;
	}
	ldns_status status =
	    ldns_pkt_tsig_sign(update, key->name, key->secret, FUDGE_S, key->algorithm, NULL);
	if (status != LDNS_STATUS_OK)
		printf("cannot sign with %s: %s", path, ldns_get_errorstr_by_id(status));
	return status == LDNS_STATUS_OK;
}

/* What the server made of our signature; 0: nothing was wrong, or it says nothing. */
static unsigned signature_error(const ldns_pkt *answer)
{
	const ldns_rr *tsig = ldns_pkt_tsig(answer);
	const ldns_rdf *error = tsig ? ldns_rr_rdf(tsig, TSIG_ERROR) : NULL;
	return error && ldns_rdf_size(error) == 2 ? ldns_rdf2native_int16(error) : 0;
}

static void explain(const struct publish_job *job, const ldns_pkt *answer, const char *server)
{
	const struct config_publish *config = job->config;
	const char *key = config->key.path[0] ? config->key.path : "no key";
	switch (signature_error(answer)) {
	case 16:
		printf(
		    "%s: BADSIG: the secret of %s is not the server's; copy the key from there", server, key);
		return;
	case 17:
		printf("%s: BADKEY: the server has no key of the name in %s; add it there", server, key);
		return;
	case 18:
		printf("%s: BADTIME: the clocks of this node and of the server are more than %d s apart; let "
		       "both follow NTP",
		    server, FUDGE_S);
		return;
	default: break;
	}
	switch (ldns_pkt_get_rcode(answer)) {
	case LDNS_RCODE_REFUSED:
		printf("%s: REFUSED: the server does not let %s change zone %s (allow-update, update-policy)",
		    server, key, config->zone);
		break;
	case LDNS_RCODE_NOTAUTH:
		printf("%s: NOTAUTH: the server is not the primary of zone %s, or does not know %s", server,
		    config->zone, key);
		break;
	case LDNS_RCODE_NOTZONE:
		printf("%s: NOTZONE: %s is not in zone %s", server, config->name, config->zone);
		break;
	case LDNS_RCODE_SERVFAIL:
		printf("%s: SERVFAIL: the server could not write the zone; its log says why", server);
		break;
	default: {
		ldns_buffer *text = ldns_buffer_new(64);
		if (text && ldns_pkt_rcode2buffer_str(text, ldns_pkt_get_rcode(answer)) == LDNS_STATUS_OK)
			printf("%s: %s", server, ldns_buffer_export2str(text));
	}
	}
}

/* One question and one answer. Returns the answer, or NULL and prints why there is none. */
static ldns_pkt *ask(
    const ldns_buffer *wire, const struct sockaddr_in6 *to, const char *server, uint8_t **raw, size_t *size)
{
	const struct timeval limit = {.tv_sec = TIME_S};
	struct sockaddr_storage address = {0};
	union endpoint endpoint;
	ldns_pkt *answer = NULL;
	/* An address of IPv4 by a socket of IPv4: there may be no IPv6 in this kernel. */
	socklen_t length = endpoint_of(&(struct address){to->sin6_addr}, ntohs(to->sin6_port), &endpoint);
	if (endpoint.any.sa_family == AF_INET6)
		endpoint.in6.sin6_scope_id = to->sin6_scope_id;
	memcpy(&address, &endpoint, length);
	struct mono began = mono_now();
	int fd = ldns_tcp_connect2(&address, length, limit);
	if (fd < 0) {
		printf(
		    "%s: no connection by TCP: %s; the name server does not run, or a firewall is in the way",
		    server, strerrordesc_np(errno));
		return NULL;
	}
	if (ldns_tcp_send_query((ldns_buffer *)wire, fd, &address, length) > 0)
		*raw = ldns_tcp_read_wire_timeout(fd, size, limit);
	close(fd);
	if (!*raw && mono_sub(mono_now(), began) < TIME_S * USEC_PER_SEC)
		printf("%s: it closed the connection without an answer", server);
	else if (!*raw)
		printf("%s: no answer within %d s; the name server hangs", server, TIME_S);
	else if (ldns_wire2pkt(&answer, *raw, *size) != LDNS_STATUS_OK)
		printf("%s: the answer is not a DNS message", server);
	return answer;
}

enum told { TOLD, TOLD_NOT, TOLD_NOTHING };

static enum told tell(const struct publish_job *job, const ldns_buffer *wire, ldns_pkt *update,
    const struct tsig_key *key, const struct sockaddr_in6 *to, const char *server)
{
	uint8_t *raw = NULL;
	size_t size = 0;
	ldns_pkt *answer = ask(wire, to, server, &raw, &size);
	if (!answer)
		return TOLD_NOTHING;
	if (ldns_pkt_id(answer) != ldns_pkt_id(update)) {
		printf("%s: the answer is not to our question", server);
		return TOLD_NOTHING;
	}
	if (ldns_pkt_get_rcode(answer) != LDNS_RCODE_NOERROR) {
		explain(job, answer, server);
		return TOLD_NOT;
	}
	const ldns_rr *signature = ldns_pkt_tsig(update);
	if (signature &&
	    !ldns_pkt_tsig_verify(answer, raw, size, key->name, key->secret, ldns_rr_rdf(signature, 3))) {
		printf("%s: the signature of the answer is wrong", server);
		return TOLD_NOTHING;
	}
	return TOLD;
}

int publish_dns(const struct publish_job *job)
{
	const struct config_publish *config = job->config;
	struct tsig_key key = {0};
	ldns_pkt *update = update_make(job);
	ldns_buffer *wire = ldns_buffer_new(LDNS_MIN_BUFLEN);
	if (!update || !wire) {
		printf("\"%s\" in \"%s\" is not a name", config->name, config->zone);
		return 1;
	}
	if (!sign(job, update, &key))
		return 1;
	if (ldns_pkt2buffer_wire(wire, update) != LDNS_STATUS_OK)
		return 1;
	enum told told = tell(job, wire, update, &key, &config->server_endpoint, config->server);
	if (told == TOLD_NOTHING && config->fallback[0]) {
		printf("; ");
		told = tell(job, wire, update, &key, &config->fallback_endpoint, config->fallback);
		if (told == TOLD)
			printf("the fallback took it");
	}
	return told != TOLD;
}

void publish_dns_show(const struct publish_job *job, FILE *out)
{
	const struct config_publish *config = job->config;
	char name[CONFIG_DNS_NAME_MAX], text[ADDRESS_TEXT_MAX];
	config_dns_name(config, name);
	fprintf(out, "server %s%s%s\nzone %s\nupdate delete %s AAAA\nupdate delete %s A\n", config->server,
	    config->fallback[0] ? ", else " : "", config->fallback, config->zone, name, name);
	for (unsigned i = 0; i < job->set.count; i++) {
		const struct publish_server *server = &job->set.servers[i];
		if (server->ready)
			fprintf(out, "update add %s %u %s %s\n", name, config->ttl_s,
			    address_is_ipv4(&server->address) ? "A" : "AAAA",
			    address_format(&server->address, text));
	}
}
