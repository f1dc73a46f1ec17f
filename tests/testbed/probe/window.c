/* SPDX-License-Identifier: Apache-2.0 */
/* The window: what is counted, under one lock. */
#include "probe.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define RUNS_MAX 32 /* changes of the answering server in one window */

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
	char error[256];    /* of the last try that failed, or of the last request that was lost */
	unsigned run_count;
	struct run runs[RUNS_MAX];
};

/* Everything below is under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t request_over = PTHREAD_COND_INITIALIZER;
static struct window windows[2];
static unsigned current;
static int64_t last_answer_ns; /* of a connect, in whichever window; 0: never */

void window_open(void)
{
	windows[0].begin_ns = now_ns();
}

void window_connect_begun(int64_t late_ns)
{
	pthread_mutex_lock(&lock);
	windows[current].connects++;
	if (late_ns > windows[current].late_ns)
		windows[current].late_ns = late_ns;
	pthread_mutex_unlock(&lock);
}

void window_connect_over(enum connect_result result, int64_t begin, int64_t now)
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
			if (!w->gap_open) /* else a peek has seen it already, by a later clock */
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

void window_request_begun(struct request *r)
{
	pthread_mutex_lock(&lock);
	*r = (struct request){.window = current, .begin_ns = now_ns()};
	windows[current].requests++;
	windows[current].pending++;
	pthread_mutex_unlock(&lock);
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

/* Under the lock. */
static void request_done(struct window *w)
{
	w->pending--;
	pthread_cond_signal(&request_over);
}

void window_request_good(const struct request *r, const char *node)
{
	struct window *w = &windows[r->window];
	int64_t now;

	pthread_mutex_lock(&lock);
	now = now_ns();
	w->ok++;
	if (now - r->begin_ns > w->slowest_ns)
		w->slowest_ns = now - r->begin_ns;
	run_add(w, node, now);
	request_done(w);
	pthread_mutex_unlock(&lock);
}

bool window_request_failed(struct request *r, const char *why)
{
	struct window *w = &windows[r->window];
	bool again = r->tries == 1;
	int64_t now;
	char text[256];

	pthread_mutex_lock(&lock);
	now = now_ns();
	if (again) {
		r->failed_ns = now;
		text_copy(r->why, sizeof(r->why), why);
		if (!w->lost) /* how one was lost tells more */
			text_copy(w->error, sizeof(w->error), why);
		w->retried++;
	} else {
		snprintf(text, sizeof(text), "begun at %.1f ms: %s after %.1f ms, again: %s after %.1f ms",
		    (double)(r->begin_ns - w->begin_ns) / 1e6, r->why,
		    (double)(r->failed_ns - r->begin_ns) / 1e6, why, (double)(now - r->failed_ns) / 1e6);
		text_copy(w->error, sizeof(w->error), text);
		w->lost++;
		request_done(w);
	}
	pthread_mutex_unlock(&lock);
	return again;
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

void window_show(bool close)
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
