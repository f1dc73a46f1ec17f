/*
 * probe: a client of the virtual address that measures what an outage costs, to a tenth of a millisecond.
 *
 * Two measurements run side by side. The connect thread opens a TCP connection on a fixed schedule and notes
 * when the SYN-ACK comes; the longest time between two answers is the outage as the network sees it. With -n
 * nobody listens at the port and the kernel that has the address answers by itself, with a reset: a server
 * that accepts thousands of connections a second is a load of its own, and drops some. The
 * request thread makes complete HTTPS requests with a client certificate, each on a connection of its own;
 * one that fails is tried once more at once, as a Kubernetes client does, and is lost if that fails too.
 *
 * What happens between two "mark" lines on stdin is a window. A request counts in the window in which it
 * began, and a window is printed when the last of its requests is over: none is missed or counted twice.
 *
 *	mark	print the window as a line of JSON and begin a new one
 *	peek	print the window as it stands
 *	quit	(or end-of-file) exit
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

/* Below the first retransmission of a SYN (1 s): every answer belongs to the SYN of its own attempt. */
#define CONNECT_LIMIT_NS (900 * NS_PER_MS)
#define ATTEMPTS_MAX	 8192 /* connects under way at once */
#define REQUESTS_MAX	 1024 /* requests under way at once: files for them */
#define RUNS_MAX	 32   /* changes of the answering server in one window */

struct options {
	struct sockaddr_in6 server;
	const char *url;
	const char *ca;
	const char *cert;
	const char *key;
	long connect_us;       /* schedule of the connects */
	long request_ms;       /* schedule of the requests */
	long request_limit_ms; /* of one try */
	bool closed;	       /* nobody listens at the port: a reset is the answer */
};

/* Answers of one server in a row; times in ns since the window began. */
struct run {
	char node[64];
	uint64_t answers;
	int64_t first_ns, last_ns;
};

struct window {
	int64_t begin_ns;
	uint64_t connects, answered, refused, unanswered;
	int64_t gap_ns, gap_at_ns; /* the longest, and when it ended */
	int64_t next_gap_ns;	   /* the longest but one */
	bool gap_open;		   /* it has not ended yet */
	int64_t late_ns;	   /* the longest that this probe was late itself */
	uint64_t requests, ok, retried, lost, pending;
	int64_t slowest_ns; /* of the good answers */
	char error[128];    /* of the last try that failed */
	unsigned run_count;
	struct run runs[RUNS_MAX];
};

static const char usage[] =
    "usage: probe [-n] [-i CONNECT_US] [-r REQUEST_MS] [-l LIMIT_MS] -a CA -c CERT -k KEY ADDRESS PORT URL";
static struct options options = {.connect_us = 1000, .request_ms = 10, .request_limit_ms = 1000};

/* Everything below is under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t request_over = PTHREAD_COND_INITIALIZER;
static struct window windows[2];
static unsigned current;
static int64_t last_answer_ns; /* of a connect, in whichever window; 0: never */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* A periodic timer that keeps to its schedule however late its reader is. */
static int schedule_open(int64_t period_ns)
{
	int64_t first = now_ns() + period_ns;
	struct itimerspec spec = {.it_value = {first / NS_PER_S, first % NS_PER_S},
	    .it_interval = {period_ns / NS_PER_S, period_ns % NS_PER_S}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		err(1, "no timer");
	return fd;
}

/* How many ticks are due, 0 if none. */
static uint64_t schedule_due(int fd)
{
	uint64_t ticks = 0;

	return read(fd, &ticks, sizeof(ticks)) == sizeof(ticks) ? ticks : 0;
}

/*
 * Connects. Attempts stand in a ring in the order of their start; all have the same time limit, so the oldest
 * is always the next to expire.
 */
struct attempt {
	int fd; /* -1: over */
	int64_t begin_ns;
};

static struct attempt attempts[ATTEMPTS_MAX];
static uint64_t attempt_first, attempt_next; /* taken modulo ATTEMPTS_MAX */

enum connect_result { CONNECT_ANSWERED, CONNECT_REFUSED, CONNECT_UNANSWERED };

/* One that began before the window and fails is of the window before. */
static void connect_count(enum connect_result result, int64_t begin, int64_t now)
{
	struct window *w;

	pthread_mutex_lock(&lock);
	w = &windows[current];
	if (result == CONNECT_REFUSED) {
		w->refused += begin >= w->begin_ns;
	} else if (result == CONNECT_UNANSWERED) {
		w->unanswered += begin >= w->begin_ns;
	} else {
		int64_t gap = now - (last_answer_ns ? last_answer_ns : w->begin_ns);

		w->answered++;
		if (gap > w->gap_ns || w->gap_open) {
			if (!w->gap_open) /* else it is the same one, as a peek has seen it; its clock was later */
				w->next_gap_ns = w->gap_ns;
			w->gap_ns = gap;
			w->gap_at_ns = now - w->begin_ns;
			w->gap_open = false;
		} else if (gap > w->next_gap_ns) {
			w->next_gap_ns = gap;
		}
		last_answer_ns = now;
	}
	pthread_mutex_unlock(&lock);
}

static void connect_begin(int epoll, int64_t late_ns)
{
	struct linger reset = {.l_onoff = 1};
	struct attempt *a = &attempts[attempt_next % ATTEMPTS_MAX];
	struct epoll_event event = {.events = EPOLLOUT, .data.u64 = attempt_next};

	pthread_mutex_lock(&lock);
	windows[current].connects++;
	if (late_ns > windows[current].late_ns)
		windows[current].late_ns = late_ns;
	pthread_mutex_unlock(&lock);

	if (attempt_next - attempt_first == ATTEMPTS_MAX)
		errx(1, "more than %d connects under way", ATTEMPTS_MAX);
	a->begin_ns = now_ns();
	a->fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		err(1, "no socket");
	setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)); /* leave nothing in TIME_WAIT */
	if (connect(a->fd, (struct sockaddr *)&options.server, sizeof(options.server)) < 0 &&
	    errno != EINPROGRESS) {
		close(a->fd);
		connect_count(CONNECT_REFUSED, a->begin_ns, a->begin_ns);
		return;
	}
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, a->fd, &event) < 0)
		err(1, "epoll");
	attempt_next++;
}

static void connect_end(struct attempt *a, enum connect_result result, int64_t now)
{
	close(a->fd);
	a->fd = -1;
	connect_count(result, a->begin_ns, now);
}

static void *connect_thread(void *unused)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int64_t period_ns = options.connect_us * 1000;
	int timer = schedule_open(period_ns);
	struct epoll_event tick = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
	int64_t due = now_ns() + period_ns;

	(void)unused;
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &tick) < 0)
		err(1, "epoll");
	for (;;) {
		struct epoll_event events[64];
		int count = epoll_wait(epoll, events, 64, -1);
		int64_t now = now_ns();

		for (int i = 0; i < count; i++) {
			struct attempt *a = &attempts[events[i].data.u64 % ATTEMPTS_MAX];
			int error = 0;
			socklen_t size = sizeof(error);

			if (events[i].data.u64 == UINT64_MAX)
				continue;
			getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &size);
			if (error == ECONNREFUSED && options.closed)
				error = 0;
			connect_end(a, error ? CONNECT_REFUSED : CONNECT_ANSWERED, now);
		}
		for (; attempt_first < attempt_next; attempt_first++) {
			struct attempt *a = &attempts[attempt_first % ATTEMPTS_MAX];

			if (a->fd >= 0 && now - a->begin_ns < CONNECT_LIMIT_NS)
				break;
			if (a->fd >= 0)
				connect_end(a, CONNECT_UNANSWERED, now);
		}
		uint64_t ticks = schedule_due(timer);

		if (ticks) { /* what was missed is not made up for: that would be a burst, not a schedule */
			connect_begin(epoll, now - due);
			due += (int64_t)ticks * period_ns;
		}
	}
	return NULL;
}

/* Requests */
struct request {
	unsigned window;
	unsigned tries;
	int64_t begin_ns;
};

static CURL *request_model;

static size_t body_drop(char *bytes, size_t size, size_t count, void *unused)
{
	(void)bytes;
	(void)unused;
	return size * count;
}

static CURL *request_model_new(void)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		errx(1, "no libcurl");
	curl_easy_setopt(easy, CURLOPT_URL, options.url);
	curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca);
	curl_easy_setopt(easy, CURLOPT_SSLCERT, options.cert);
	curl_easy_setopt(easy, CURLOPT_SSLKEY, options.key);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, options.request_limit_ms);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_drop);
	/* a connection and a full handshake for each */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	return easy;
}

static void request_try(CURLM *multi, struct request *r)
{
	CURL *easy = curl_easy_duphandle(request_model);

	r->tries++;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
	if (curl_multi_add_handle(multi, easy) != CURLM_OK)
		errx(1, "libcurl takes no more requests");
}

static void request_begin(CURLM *multi)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		errx(1, "no memory");
	pthread_mutex_lock(&lock);
	*r = (struct request){.window = current, .begin_ns = now_ns()};
	windows[current].requests++;
	windows[current].pending++;
	pthread_mutex_unlock(&lock);
	request_try(multi, r);
}

/* Only what needs no escaping in JSON. */
static void text_copy(char *to, size_t room, const char *from)
{
	snprintf(to, room, "%s", from);
	for (; *to; to++)
		if (*to < ' ' || *to > '~' || *to == '"' || *to == '\\')
			*to = '?';
}

static void run_add(struct window *w, const char *node, int64_t now)
{
	struct run *last = w->run_count ? &w->runs[w->run_count - 1] : NULL;

	if (!last || strcmp(last->node, node) != 0) {
		if (w->run_count == RUNS_MAX) /* who answered last matters more than who was before */
			w->run_count--;
		last = &w->runs[w->run_count++];
		last->answers = 0;
		text_copy(last->node, sizeof(last->node), node);
		last->first_ns = now - w->begin_ns;
	}
	last->answers++;
	last->last_ns = now - w->begin_ns;
}

static void request_good(struct window *w, const struct request *r, CURL *easy, int64_t now)
{
	struct curl_header *header;
	bool named = curl_easy_header(easy, "X-Node", 0, CURLH_HEADER, -1, &header) == CURLHE_OK;

	w->ok++;
	if (now - r->begin_ns > w->slowest_ns)
		w->slowest_ns = now - r->begin_ns;
	run_add(w, named ? header->value : "?", now);
}

static void request_end(CURLM *multi, CURL *easy, CURLcode code)
{
	struct request *r;
	struct window *w;
	long status = 0;
	char text[128];
	bool again = false;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &r);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	snprintf(text, sizeof(text), "HTTP status %ld", status);

	pthread_mutex_lock(&lock);
	w = &windows[r->window];
	if (code == CURLE_OK && status == 200) {
		request_good(w, r, easy, now_ns());
	} else {
		text_copy(w->error, sizeof(w->error), code == CURLE_OK ? text : curl_easy_strerror(code));
		again = r->tries == 1;
		if (again)
			w->retried++;
		else
			w->lost++;
	}
	if (!again) {
		w->pending--;
		pthread_cond_signal(&request_over);
	}
	pthread_mutex_unlock(&lock);

	curl_multi_remove_handle(multi, easy);
	curl_easy_cleanup(easy);
	if (again)
		request_try(multi, r);
	else
		free(r);
}

static void *request_thread(void *unused)
{
	CURLM *multi = curl_multi_init();
	int timer = schedule_open(options.request_ms * NS_PER_MS);

	(void)unused;
	request_model = request_model_new();
	for (;;) {
		struct curl_waitfd tick = {.fd = timer, .events = CURL_WAIT_POLLIN};
		CURLMsg *message;
		int running, left;

		curl_multi_poll(multi, &tick, 1, 1000, NULL);
		if (schedule_due(timer))
			request_begin(multi);
		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left)) != NULL)
			if (message->msg == CURLMSG_DONE)
				request_end(multi, message->easy_handle, message->data.result);
	}
	return NULL;
}

static void window_print(const struct window *w, int64_t now)
{
	printf("{\"begin_ns\":%" PRId64 ",\"seconds\":%.4f,\"connect\":{\"tried\":%" PRIu64
	       ",\"answered\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"unanswered\":%" PRIu64
	       ",\"gap_ms\":%.3f,\"gap_at_ms\":%.3f,\"gap_open\":%s,\"next_gap_ms\":%.3f,\"late_ms\":%.3f},",
	    w->begin_ns, (double)(now - w->begin_ns) / 1e9, w->connects, w->answered, w->refused,
	    w->unanswered, (double)w->gap_ns / 1e6, (double)w->gap_at_ns / 1e6,
	    w->gap_open ? "true" : "false", (double)w->next_gap_ns / 1e6, (double)w->late_ns / 1e6);
	printf("\"requests\":{\"started\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"retried\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"pending\":%" PRIu64
	       ",\"slowest_ms\":%.1f,\"error\":\"%s\"},\"nodes\":[",
	    w->requests, w->ok, w->retried, w->lost, w->pending, (double)w->slowest_ns / 1e6, w->error);
	for (unsigned i = 0; i < w->run_count; i++)
		printf("%s{\"node\":\"%s\",\"answers\":%" PRIu64 ",\"first_ms\":%.1f,\"last_ms\":%.1f}",
		    i ? "," : "", w->runs[i].node, w->runs[i].answers, (double)w->runs[i].first_ns / 1e6,
		    (double)w->runs[i].last_ns / 1e6);
	puts("]}");
	fflush(stdout);
}

/* "mark" and "peek". A gap that is still open counts: nobody knows yet how long it will be. */
static void window_show(bool close)
{
	struct window *w, snapshot;
	int64_t now, open_ns;

	pthread_mutex_lock(&lock);
	now = now_ns();
	w = &windows[current];
	open_ns = now - (last_answer_ns ? last_answer_ns : w->begin_ns);
	if (open_ns > w->gap_ns) {
		if (!w->gap_open)
			w->next_gap_ns = w->gap_ns;
		w->gap_ns = open_ns;
		w->gap_at_ns = now - w->begin_ns;
		w->gap_open = true;
	}
	if (close) {
		current = !current;
		windows[current] = (struct window){.begin_ns = now};
		while (w->pending) /* the connects are over, the requests not yet */
			pthread_cond_wait(&request_over, &lock);
	}
	snapshot = *w;
	pthread_mutex_unlock(&lock);
	window_print(&snapshot, now);
}

static void commands_run(void)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n") != 0) {
		if (strcmp(line, "mark\n") != 0 && strcmp(line, "peek\n") != 0)
			errx(1, "unknown command; there are mark, peek and quit");
		window_show(line[0] == 'm');
	}
}

static long number(const char *text, long max)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end != '\0' || value < 1 || value > max)
		errx(1, "\"%s\" is not a number from 1 to %ld", text, max);
	return value;
}

static void options_read(int argc, char **argv)
{
	for (int o; (o = getopt(argc, argv, "ni:r:l:a:c:k:")) != -1;) {
		switch (o) {
		case 'n': options.closed = true; break;
		case 'i': options.connect_us = number(optarg, 1000000); break;
		case 'r': options.request_ms = number(optarg, 10000); break;
		case 'l': options.request_limit_ms = number(optarg, 60000); break;
		case 'a': options.ca = optarg; break;
		case 'c': options.cert = optarg; break;
		case 'k': options.key = optarg; break;
		default: errx(2, "%s", usage);
		}
	}
	if (argc - optind != 3 || !options.ca || !options.cert || !options.key)
		errx(2, "%s", usage);
	options.server.sin6_family = AF_INET6;
	options.server.sin6_port = htons((uint16_t)number(argv[optind + 1], 65535));
	if (inet_pton(AF_INET6, argv[optind], &options.server.sin6_addr) != 1)
		errx(1, "\"%s\" is not an IPv6 address", argv[optind]);
	options.url = argv[optind + 2];
}

int main(int argc, char **argv)
{
	struct rlimit files = {.rlim_cur = ATTEMPTS_MAX + REQUESTS_MAX + 64};
	struct rlimit had;
	pthread_t thread;

	options_read(argc, argv);
	getrlimit(RLIMIT_NOFILE, &had);
	files.rlim_max = had.rlim_max > files.rlim_cur ? had.rlim_max : files.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "cannot open %ju files", (uintmax_t)files.rlim_cur);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	windows[0].begin_ns = now_ns();
	if (pthread_create(&thread, NULL, connect_thread, NULL) ||
	    pthread_create(&thread, NULL, request_thread, NULL))
		errx(1, "no thread");
	commands_run();
	_exit(0); /* the threads end with the process, whatever they are doing */
}
