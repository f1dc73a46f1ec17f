/*
 * The `https` and `http` checks with libcurl, in the program's event loop: one GET, one expected status.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/checks/tripwire.h"
#include "control/text.h"
#include "vipd/duration.h"
#include "vipd/log.h"
#include "vipd/mono.h"

#define BODY_KEPT      8192 /* of the answer, to quote from */
#define TIMER_EXACT_US 1000
#define REFUSAL_MAX    (CONFIG_PATH_MAX + 128)

struct probe {
	sd_event *event;
	sd_event_source *timer;
	struct config_check config;
	probe_done *done;
	probe_tripped *tripped;
	void *context;
	struct tripwire tripwire;
	bool anew; /* the kept connection has ended */
	CURLM *multi;
	CURL *easy;
	struct curl_slist *connect_to; /* with server_name */
	bool running;
	struct mono started;
	char refusal[REFUSAL_MAX];
	char curl_error[CURL_ERROR_SIZE];
	char body[BODY_KEPT];
	size_t body_size;
};

static size_t on_body(char *bytes, size_t one, size_t size, void *context)
{
	struct probe *probe = context;
	size_t room = sizeof probe->body - probe->body_size;
	size_t kept = size < room ? size : room;
	memcpy(probe->body + probe->body_size, bytes, kept);
	probe->body_size += kept;
	return one * size;
}

/* What a browser would show of it. */
static size_t drop_tags(const char *html, size_t size, char out[static BODY_KEPT])
{
	size_t length = 0;
	bool tag = false;
	for (size_t i = 0; i < size; i++) {
		if (html[i] == '<')
			tag = true;
		if (!tag)
			out[length++] = html[i];
		if (html[i] == '>')
			tag = false;
	}
	return length;
}

/* /readyz answers with a line for every part, [-] before those that fail: those first, else its beginning. */
static void excerpt(const struct probe *probe, char *text, size_t room)
{
	char plain[BODY_KEPT];
	size_t size = drop_tags(probe->body, probe->body_size, plain);
	const char *failed = memmem(plain, size, "[-]", 3);
	const char *from = failed ? failed : plain;
	size -= (size_t)(from - plain);
	const char *end = failed ? memchr(from, '\n', size) : NULL;
	text_clean(from, end ? (size_t)(end - from) : size, text, room);
}

static bool expected(const struct config_check *config, long status)
{
	for (uint32_t i = 0; i < config->expect_count; i++) {
		if (config->expect[i] == status)
			return true;
	}
	return false;
}

static void judge_body(const struct probe *probe, struct check_result *result)
{
	const char *wanted = probe->config.body;
	char quote[128];
	if (!*wanted || memmem(probe->body, probe->body_size, wanted, strlen(wanted)))
		return;
	excerpt(probe, quote, sizeof quote);
	result->outcome = CHECK_FAILURE;
	probe_say(result, "the answer does not contain \"%.64s\"%s%s", wanted, *quote ? ": " : "", quote);
}

static void judge_status(const struct probe *probe, long status, struct check_result *result)
{
	if (expected(&probe->config, status)) {
		judge_body(probe, result);
		return;
	}
	if (status == 401 || status == 403) {
		result->outcome = CHECK_UNAUTHORIZED;
		probe_say(result, "HTTP status %ld: the server is alive but does not let us ask: %s", status,
		    probe->config.cert.path[0] ? "it does not accept the client certificate (cert, key)"
					       : "give the check a client certificate (cert, key)");
		return;
	}
	char list[64] = "", quote[128];
	for (uint32_t i = 0; i < probe->config.expect_count; i++)
		snprintf(list + strlen(list), sizeof list - strlen(list), "%s%u", i ? " or " : "",
		    probe->config.expect[i]);
	excerpt(probe, quote, sizeof quote);
	result->outcome = CHECK_FAILURE;
	probe_say(result, "HTTP status %ld, expected %s%s%s", status, list, *quote ? ": " : "", quote);
}

static bool is_tls(const struct probe *probe, CURLcode code)
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

static void judge_error(const struct probe *probe, CURLcode code, struct check_result *result)
{
	char time[DURATION_TEXT_MAX], detail[160];
	const char *text = probe->curl_error[0] ? probe->curl_error : curl_easy_strerror(code);
	long os_error = 0;
	curl_easy_getinfo(probe->easy, CURLINFO_OS_ERRNO, &os_error);
	text_clean(text, strlen(text), detail, sizeof detail);
	result->outcome = CHECK_FAILURE;
	result->refused = code == CURLE_COULDNT_CONNECT && os_error == ECONNREFUSED;
	result->cut = is_cut(code);
	if (code == CURLE_OPERATION_TIMEDOUT)
		probe_say(result, "timeout after %s", duration_format(probe->config.timeout_us, time));
	else if (result->refused)
		probe_say(result, "connection refused");
	else if (code == CURLE_COULDNT_CONNECT && os_error)
		probe_say(result, "cannot connect: %s", strerror((int)os_error));
	else if (code == CURLE_SSL_CERTPROBLEM)
		probe_say(result, "TLS: %s; do %s and %s belong together?", detail, probe->config.cert.path,
		    probe->config.key.path);
	else if (is_tls(probe, code))
		probe_say(result, "TLS: %s", detail);
	else
		probe_say(result, "%s", detail);
}

/* Only a new connection shows it, also one that fails because of it. */
static void read_certificate(const struct probe *probe, struct certificate *certificate)
{
	static const char mark[] = "Cert:";
	const struct curl_certinfo *chain = NULL;
	if (curl_easy_getinfo(probe->easy, CURLINFO_CERTINFO, &chain) || !chain || chain->num_of_certs < 1)
		return;
	for (const struct curl_slist *line = chain->certinfo[0]; line; line = line->next) {
		if (!strncmp(line->data, mark, strlen(mark)))
			certificate_read(line->data + strlen(mark), certificate);
	}
}

static void on_broken(void *context)
{
	struct probe *probe = context;
	probe->anew = true;
	probe->tripped(probe->context);
}

static void finish(struct probe *probe, CURLcode code)
{
	curl_socket_t kept = CURL_SOCKET_BAD;
	struct check_result result = {.outcome = CHECK_SUCCESS};
	long status = 0;
	result.duration_us = mono_sub(mono_now(), probe->started);
	curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK)
		judge_status(probe, status, &result);
	else
		judge_error(probe, code, &result);
	read_certificate(probe, &result.certificate);
	curl_easy_getinfo(probe->easy, CURLINFO_ACTIVESOCKET, &kept);
	curl_multi_remove_handle(probe->multi, probe->easy);
	sd_event_source_set_enabled(probe->timer, SD_EVENT_OFF); /* libcurl leaves one behind */
	probe->running = false;
	if (kept != CURL_SOCKET_BAD)
		tripwire_watch(&probe->tripwire, probe->event, kept, on_broken, probe);
	probe->done(probe->context, &result);
}

/* Has libcurl go on, and ends the probe if that was the end of it. */
static void act(struct probe *probe, int fd, int events)
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
	struct probe *probe = context;
	sd_event_source *source = known;
	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		return 0;
	}
	uint32_t events =
	    (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(probe->event, &source, fd, events, on_io, probe) < 0)
		return -1;
	curl_multi_assign(probe->multi, fd, source);
	return 0;
}

static int on_timeout(CURLM *multi, long ms, void *context)
{
	(void)multi;
	struct probe *probe = context;
	if (ms < 0)
		return sd_event_source_set_enabled(probe->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time_relative(probe->timer, (uint64_t)ms * USEC_PER_MS) < 0)
		return -1;
	return sd_event_source_set_enabled(probe->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

static void set_blob(
    struct probe *probe, CURLoption option, const struct secrets *secrets, const struct config_secret *secret)
{
	const uint8_t *bytes;
	size_t size;
	int r = secrets_find(secrets, secret, &bytes, &size);
	if (!secret->path[0])
		return;
	if (r < 0) {
		if (!probe->refusal[0])
			snprintf(probe->refusal, sizeof probe->refusal, "cannot read %s: %s", secret->path,
			    r == -ENODATA ? "the file is empty" : strerror(-r));
		return;
	}
	struct curl_blob blob = {.data = (void *)bytes, .len = size, .flags = CURL_BLOB_COPY};
	curl_easy_setopt(probe->easy, option, &blob);
}

/*
 * With server_name the URL is asked of that name, in TLS and in the request, at the place where it really is.
 * Returns false without memory.
 */
static bool set_url(struct probe *probe)
{
	char *host = NULL, *port = NULL, *url = NULL;
	CURLU *parts = curl_url();
	bool done = parts && !curl_url_set(parts, CURLUPART_URL, probe->config.url, 0) &&
		    !curl_url_get(parts, CURLUPART_HOST, &host, 0) &&
		    !curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	const char *name = probe->config.server_name;
	if (done && *name) {
		char to[CONFIG_URL_MAX];
		snprintf(to, sizeof to, "::%s:%s", host, port);
		probe->connect_to = curl_slist_append(NULL, to);
		done = probe->connect_to && !curl_url_set(parts, CURLUPART_HOST, name, 0);
		curl_easy_setopt(probe->easy, CURLOPT_CONNECT_TO, probe->connect_to);
	}
	done = done && !curl_url_get(parts, CURLUPART_URL, &url, 0) &&
	       !curl_easy_setopt(probe->easy, CURLOPT_URL, url);
	curl_free(host);
	curl_free(port);
	curl_free(url);
	curl_url_cleanup(parts);
	return done;
}

static void set_options(struct probe *probe)
{
	CURL *easy = probe->easy;
	long timeout_ms = (long)(probe->config.timeout_us / USEC_PER_MS);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, config_check_type_name(probe->config.type));
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

static void set_secrets(struct probe *probe, const struct secrets *secrets)
{
	if (probe->config.ca.path[0]) {
		/* Debian's libcurl would trust its own store as well. */
		curl_easy_setopt(probe->easy, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(probe->easy, CURLOPT_CAPATH, NULL);
	}
	set_blob(probe, CURLOPT_CAINFO_BLOB, secrets, &probe->config.ca);
	set_blob(probe, CURLOPT_SSLCERT_BLOB, secrets, &probe->config.cert);
	set_blob(probe, CURLOPT_SSLKEY_BLOB, secrets, &probe->config.key);
}

static void http_close(struct probe *probe)
{
	if (!probe)
		return;
	tripwire_release(&probe->tripwire);
	if (probe->running)
		curl_multi_remove_handle(probe->multi, probe->easy);
	if (probe->easy)
		curl_easy_cleanup(probe->easy);
	if (probe->multi)
		curl_multi_cleanup(probe->multi);
	curl_slist_free_all(probe->connect_to);
	sd_event_source_disable_unref(probe->timer);
	free(probe);
}

static struct probe *http_open(const struct probe_setup *setup)
{
	struct probe *probe = calloc(1, sizeof *probe);
	if (!probe)
		return NULL;
	probe->event = setup->event;
	probe->config = *setup->config;
	probe->done = setup->done;
	probe->tripped = setup->tripped;
	probe->context = setup->context;
	probe->multi = curl_multi_init();
	probe->easy = curl_easy_init();
	if (!probe->multi || !probe->easy || !set_url(probe) ||
	    sd_event_add_time(
		setup->event, &probe->timer, CLOCK_MONOTONIC, 0, TIMER_EXACT_US, on_timer, probe) < 0) {
		http_close(probe);
		return NULL;
	}
	sd_event_source_set_enabled(probe->timer, SD_EVENT_OFF);
	set_options(probe);
	set_secrets(probe, setup->secrets);
	return probe;
}

static void fail(struct probe *probe, const char *why)
{
	struct check_result result = {.outcome = CHECK_FAILURE};
	probe_say(&result, "%s", why);
	probe->done(probe->context, &result);
}

/*
 * libcurl would try the connection that has ended and then another one, but counts that over the life of the
 * handle and gives up at the sixth time ("Connection died, tried 5 times").
 */
static void http_start(struct probe *probe)
{
	bool anew = probe->anew || tripwire_ended(&probe->tripwire);
	curl_easy_setopt(probe->easy, CURLOPT_FRESH_CONNECT, anew ? 1L : 0L);
	probe->anew = false;
	tripwire_release(&probe->tripwire);
	probe->started = mono_now();
	probe->body_size = 0;
	probe->curl_error[0] = '\0';
	if (probe->refusal[0]) {
		fail(probe, probe->refusal);
		return;
	}
	CURLMcode code = curl_multi_add_handle(probe->multi, probe->easy);
	if (code != CURLM_OK) {
		fail(probe, curl_multi_strerror(code));
		return;
	}
	probe->running = true;
	act(probe, CURL_SOCKET_TIMEOUT, 0); /* else it would be asked a wake-up and a millisecond later */
}

const struct probe_type probe_http = {.open = http_open, .start = http_start, .close = http_close};
