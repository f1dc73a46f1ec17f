/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `https`, `http` and `tcp` checks with libcurl, in the program's event loop: one GET and one expected
 * status, or a connection and nothing more.
 *
 * Each check has a multi handle of its own, and with it its own connection, which is kept open between the
 * probes: one costs no handshake, and it is the tripwire. When the certificates are rotated the probe is
 * closed and opened again, and nothing is left that was authenticated with the old ones.
 *
 * libcurl closes the kept connection only from within our calls, so the tripwire is released before each
 * probe and before the end, and never watches a socket that is somebody else's by now.
 */
#include "control/checks/probe.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "control/checks/certificate.h"
#include "control/checks/https.h"
#include "control/checks/judge.h"
#include "control/text.h"
#include "vipd/duration.h"
#include "vipd/log.h"
#include "vipd/mono.h"

#define BODY_KEPT      8192	   /* of the answer, to quote from */
#define BODY_MAX       (64 * 1024) /* one that has no end is cut */
#define TIMER_EXACT_US 1000
#define REFUSAL_MAX    (CONFIG_PATH_MAX + 128)

struct net_probe {
	struct probe base;
	sd_event_source *timer;
	sd_event_source *tripwire; /* NULL: nothing is watched */
	bool anew;		   /* the kept connection has ended */
	CURLM *multi;
	CURL *easy;
	struct curl_slist *connect_to; /* with server_name */
	bool added;		       /* to multi */
	bool running;
	int64_t client_expires_us; /* wall clock: our certificate; 0: there is none */
	char refusal[REFUSAL_MAX];
	char curl_error[CURL_ERROR_SIZE];
	char body[BODY_KEPT];
	size_t body_size; /* of what is kept */
	size_t received;  /* of the body */
};

static size_t on_body(char *bytes, size_t one, size_t size, void *context)
{
	struct net_probe *probe = context;
	size_t room = sizeof probe->body - probe->body_size;
	size_t kept = size < room ? size : room;
	memcpy(probe->body + probe->body_size, bytes, kept);
	probe->body_size += kept;
	probe->received += size;
	return probe->received > BODY_MAX ? CURL_WRITEFUNC_ERROR : one * size;
}

/* It is an answer all the same, and its connection is closed. */
static bool is_long(const struct net_probe *probe, CURLcode code)
{
	return code == CURLE_WRITE_ERROR && probe->received > BODY_MAX;
}

static bool is_tls(const struct net_probe *probe, CURLcode code)
{
	switch (code) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS: return true;
	/* TLS 1.3: a server refuses a client's certificate after the handshake, when we read. */
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR: return strstr(probe->curl_error, "SSL") != NULL;
	default: return false;
	}
}

/* The connection ended before the answer: that is how it looks from here when the server's process dies. */
static bool is_cut(CURLcode code)
{
	switch (code) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING: return true;
	default: return false;
	}
}

/* Our certificate, if it has expired. */
static int64_t client_expired_us(const struct net_probe *probe)
{
	return probe->client_expires_us < realtime_us() ? probe->client_expires_us : 0;
}

static void judge_error(const struct net_probe *probe, CURLcode code, struct check_result *result)
{
	const struct config_check *config = &probe->base.config;
	char time[DURATION_TEXT_MAX], detail[160];
	const char *text = probe->curl_error[0] ? probe->curl_error : curl_easy_strerror(code);
	int64_t expired_us = client_expired_us(probe);
	long os_error = 0;
	curl_easy_getinfo(probe->easy, CURLINFO_OS_ERRNO, &os_error);
	text_clean(text, strlen(text), detail, sizeof detail);
	result->refused = code == CURLE_COULDNT_CONNECT && os_error == ECONNREFUSED;
	result->cut = is_cut(code);
	if (code == CURLE_OPERATION_TIMEDOUT)
		judge_say(
		    result, CHECK_FAILURE, "timeout after %s", duration_format(config->timeout_us, time));
	else if (result->refused)
		judge_say(result, CHECK_FAILURE, "connection refused");
	else if (code == CURLE_COULDNT_CONNECT && os_error)
		judge_say(result, CHECK_FAILURE, "cannot connect: %s", strerror((int)os_error));
	else if (is_tls(probe, code) && expired_us)
		judge_expired(config, expired_us, "TLS", CHECK_FAILURE, result);
	else if (code == CURLE_SSL_CERTPROBLEM)
		judge_say(result, CHECK_FAILURE, "TLS: %s; do %s and %s belong together?", detail,
		    config->cert.path, config->key.path);
	else
		judge_say(result, CHECK_FAILURE, "%s%s", is_tls(probe, code) ? "TLS: " : "", detail);
}

/* Only a new connection shows it, also one that fails because of it. */
static void read_certificate(const struct net_probe *probe, struct certificate *certificate)
{
	static const char mark[] = "Cert:";
	const struct curl_certinfo *chain = NULL;
	if (probe->base.config.is_second) /* the first one has seen it */
		return;
	if (curl_easy_getinfo(probe->easy, CURLINFO_CERTINFO, &chain) || !chain || chain->num_of_certs < 1)
		return;
	for (const struct curl_slist *line = chain->certinfo[0]; line; line = line->next) {
		if (!strncmp(line->data, mark, strlen(mark)))
			certificate_read(
			    line->data + strlen(mark), strlen(line->data) - strlen(mark), certificate);
	}
}

/* ---- the tripwire: a connection on which nothing is expected, watched for its end ---- */

static void tripwire_release(struct net_probe *probe)
{
	probe->tripwire = sd_event_source_disable_unref(probe->tripwire);
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)fd, (void)events;
	struct net_probe *probe = context;
	tripwire_release(probe);
	probe->anew = true;
	probe->base.tripped(probe->base.context);
	return 0;
}

/*
 * Only its end: a server may send what it likes on an idle connection (TLS session tickets, key updates), and
 * libcurl reads that when it uses the connection next. Without memory nothing is watched.
 */
static void tripwire_watch(struct net_probe *probe, int socket)
{
	if (sd_event_add_io(probe->base.event, &probe->tripwire, socket, EPOLLRDHUP, on_end, probe) < 0)
		probe->tripwire = NULL;
}

/* Whether what is watched has ended, though on_end() may not have been called yet. */
static bool tripwire_ended(const struct net_probe *probe)
{
	if (!probe->tripwire)
		return false;
	struct pollfd look = {.fd = sd_event_source_get_io_fd(probe->tripwire), .events = POLLRDHUP};
	return poll(&look, 1, 0) == 1;
}

/* ---- one probe ---- */

/* A connection that is only kept (tcp) is closed when its handle is removed: that is done at the next start.
 */
static void remove_handle(struct net_probe *probe)
{
	if (probe->added)
		curl_multi_remove_handle(probe->multi, probe->easy);
	probe->added = false;
}

static void finish(struct net_probe *probe, CURLcode code)
{
	const struct config_check *config = &probe->base.config;
	struct answer answer = {
	    .body = probe->body, .size = probe->body_size, .client_expired_us = client_expired_us(probe)};
	struct check_result result = {.outcome = CHECK_SUCCESS};
	curl_socket_t kept = CURL_SOCKET_BAD;
	curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	if (code != CURLE_OK && !is_long(probe, code))
		judge_error(probe, code, &result);
	else if (config->type != CHECK_TCP)
		judge_answer(config, &answer, &result);
	read_certificate(probe, &result.certificate);
	curl_easy_getinfo(probe->easy, CURLINFO_ACTIVESOCKET, &kept);
	if (config->type != CHECK_TCP || code != CURLE_OK)
		remove_handle(probe);
	sd_event_source_set_enabled(probe->timer, SD_EVENT_OFF); /* libcurl leaves one behind */
	probe->running = false;
	if (kept != CURL_SOCKET_BAD)
		tripwire_watch(probe, kept);
	probe_end(&probe->base, &result);
}

/* Has libcurl go on, and ends the probe if that was the end of it. */
static void act(struct net_probe *probe, int fd, int events)
{
	int running, left;
	curl_multi_socket_action(probe->multi, fd, events, &running);
	const CURLMsg *message = curl_multi_info_read(probe->multi, &left);
	if (message && message->msg == CURLMSG_DONE && probe->running)
		finish(probe, message->data.result);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source;
	int flags = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		    (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	act(context, fd, flags);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	act(context, CURL_SOCKET_TIMEOUT, 0);
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
	(void)easy;
	struct net_probe *probe = context;
	sd_event_source *source = known;
	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		return 0;
	}
	uint32_t events =
	    (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(probe->base.event, &source, fd, events, on_io, probe) < 0)
		return -1;
	curl_multi_assign(probe->multi, fd, source);
	return 0;
}

static int on_timeout(CURLM *multi, long ms, void *context)
{
	(void)multi;
	struct net_probe *probe = context;
	if (ms < 0)
		return sd_event_source_set_enabled(probe->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time_relative(probe->timer, (uint64_t)ms * USEC_PER_MS) < 0)
		return -1;
	return sd_event_source_set_enabled(probe->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

/* Returns false without memory. */
static bool set_url(struct net_probe *probe)
{
	const struct config_check *config = &probe->base.config;
	char url[CONFIG_URL_MAX + sizeof "http://"];
	bool is_tcp = config->type == CHECK_TCP;
	snprintf(url, sizeof url, "%s%s", is_tcp ? "http://" : "", is_tcp ? config->address : config->url);
	return https_set_url(probe->easy, url, config->server_name, &probe->connect_to);
}

static void set_options(struct net_probe *probe)
{
	CURL *easy = probe->easy;
	enum config_check_type type = probe->base.config.type;
	long timeout_ms = (long)(probe->base.config.timeout_us / USEC_PER_MS);
	curl_easy_setopt(
	    easy, CURLOPT_PROTOCOLS_STR, type == CHECK_HTTPS || type == CHECK_KUBERNETES ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, type == CHECK_TCP ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "vipd/" VIPD_VERSION);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, probe->curl_error);
	curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
	curl_multi_setopt(probe->multi, CURLMOPT_MAXCONNECTS, 1L);
	curl_multi_setopt(probe->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(probe->multi, CURLMOPT_SOCKETDATA, probe);
	curl_multi_setopt(probe->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(probe->multi, CURLMOPT_TIMERDATA, probe);
}

static void set_secrets(struct net_probe *probe, const struct secrets *secrets)
{
	if (probe->base.config.type == CHECK_KUBERNETES && !probe->base.config.ca.path[0])
		snprintf(probe->refusal, sizeof probe->refusal,
		    "no API server of k3s, RKE2, kubeadm or k0s was found on this server; write ca, cert, "
		    "key and "
		    "port if it is of another make");
	const struct config_check *config = &probe->base.config;
	const struct https_identity identity = {&config->ca, &config->cert, &config->key};
	https_set_identity(probe->easy, secrets, &identity, probe->refusal, sizeof probe->refusal);
	struct certificate client;
	const uint8_t *bytes;
	size_t size;
	if (secrets_find(secrets, &probe->base.config.cert, &bytes, &size) == 0 &&
	    certificate_read((const char *)bytes, size, &client) == 0)
		probe->client_expires_us = client.expires_us;
}

static void net_close(struct probe *base)
{
	struct net_probe *probe = (struct net_probe *)base;
	tripwire_release(probe);
	remove_handle(probe);
	if (probe->easy)
		curl_easy_cleanup(probe->easy);
	if (probe->multi)
		curl_multi_cleanup(probe->multi);
	curl_slist_free_all(probe->connect_to);
	sd_event_source_disable_unref(probe->timer);
}

static int net_open(struct probe *base, const struct secrets *secrets)
{
	struct net_probe *probe = (struct net_probe *)base;
	probe->multi = curl_multi_init();
	probe->easy = curl_easy_init();
	if (!probe->multi || !probe->easy || !set_url(probe) ||
	    sd_event_add_time(
		base->event, &probe->timer, CLOCK_MONOTONIC, 0, TIMER_EXACT_US, on_timer, probe) < 0)
		return -ENOMEM;
	sd_event_source_set_enabled(probe->timer, SD_EVENT_OFF);
	set_options(probe);
	set_secrets(probe, secrets);
	return 0;
}

/*
 * libcurl would try the connection that has ended and then another one, but counts that over the life of the
 * handle and gives up at the sixth time ("Connection died, tried 5 times").
 */
static void net_start(struct probe *base)
{
	struct net_probe *probe = (struct net_probe *)base;
	bool anew = probe->anew || tripwire_ended(probe);
	curl_easy_setopt(probe->easy, CURLOPT_FRESH_CONNECT, anew ? 1L : 0L);
	probe->anew = false;
	tripwire_release(probe);
	remove_handle(probe);
	probe->body_size = probe->received = 0;
	probe->curl_error[0] = '\0';
	if (probe->refusal[0]) {
		probe_fail(base, "%s", probe->refusal);
		return;
	}
	CURLMcode code = curl_multi_add_handle(probe->multi, probe->easy);
	if (code != CURLM_OK) {
		probe_fail(base, "%s", curl_multi_strerror(code));
		return;
	}
	probe->added = probe->running = true;
	act(probe, CURL_SOCKET_TIMEOUT, 0); /* else it would be asked a wake-up and a millisecond later */
}

const struct probe_type probe_net = {
    .size = sizeof(struct net_probe), .open = net_open, .start = net_start, .close = net_close};
