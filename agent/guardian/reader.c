/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader: a child of the guardian that does for it what may hang or exit. It reads the configuration
 * (libconfig calls exit), asks the name service (LDAP may not answer) and reads key and certificate files (a
 * network file system may be away). The guardian goes on meanwhile, and ends it when its time is over.
 *
 * The results are in memory that both share; secrets are written to a memfd each, and the guardian seals
 * them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"

#define POLL_US	 (2 * USEC_PER_MS)
#define DYING_US (100 * USEC_PER_MS)

enum { READER_KEYS = STDERR_FILENO + 1, READER_CERTIFICATES }; /* its descriptors */

/* ---- in the child ---- */

/* It may hang for hours: it must not hold our locks and sockets then. */
static void close_others(const struct reader *reader)
{
	int keys = fcntl(reader->keys, F_DUPFD_CLOEXEC, FD_ABOVE);
	int certificates = fcntl(reader->certificates, F_DUPFD_CLOEXEC, FD_ABOVE);
	dup2(keys, READER_KEYS);
	dup2(certificates, READER_CERTIFICATES);
	close_range(READER_CERTIFICATES + 1, ~0U, 0);
}

static void read_files(struct reading *reading)
{
	reading->fingerprint = secrets_fingerprint(&reading->config);
	reading->result =
	    secrets_read_keys(&reading->config, READER_KEYS, READER_CERTIFICATES, &reading->errors);
	if (reading->result)
		return;
	secrets_expect(&reading->config);
	reading->stage = READING_KEYS;
	reading->result = secrets_read_certificates(&reading->config, READER_CERTIFICATES);
}

static void read_all(struct reading *reading, const struct guardian *guardian)
{
	reading->result = config_load(guardian->path, &reading->config, &reading->errors);
	if (!reading->result && !guardian->generation)
		reading->result = identity_user(&reading->config, &reading->identity, &reading->errors);
	if (!reading->result) {
		config_discover(&reading->config, "");
		read_files(reading);
	}
}

static void work(struct reading *reading, const struct guardian *guardian)
{
	switch (reading->job) {
	case READ_ALL: read_all(reading, guardian); break;
	case READ_CHANGES:
		config_copy(&reading->config, &guardian->config);
		config_discover(&reading->config, "");
		reading->fingerprint = secrets_fingerprint(&reading->config);
		if (reading->fingerprint != guardian->fingerprint)
			read_files(reading);
		break;
	case READ_GROUPS:
		reading->identity = guardian->identity;
		identity_groups(&guardian->config, &reading->identity);
		break;
	case READ_RECORDS: (void)access(guardian->config.record_dir, F_OK); break;
	case READ_TRIAL: trial_look(reading, guardian->path); break;
	}
	reading->stage = READING_DONE;
}

_Noreturn static void become(const struct guardian *guardian)
{
	const struct reader *reader = &guardian->reader;
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "vipd-reader");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_others(reader);
	work(reader->reading, guardian);
	_exit(0);
}

/* ---- in the guardian ---- */

static int renew_memfd(int *fd)
{
	if (*fd > 0)
		close(*fd);
	*fd = memfd_create("vipd-secrets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return *fd < 0 ? -errno : 0;
}

static int fork_reader(struct guardian *guardian, enum reader_job job)
{
	struct reader *reader = &guardian->reader;
	if (!reader->reading) {
		void *shared = mmap(
		    NULL, sizeof *reader->reading, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (shared == MAP_FAILED)
			return -errno;
		reader->reading = shared;
	}
	madvise(reader->reading, sizeof *reader->reading, MADV_REMOVE); /* zeroes it */
	int result = renew_memfd(&reader->keys);
	if (!result)
		result = renew_memfd(&reader->certificates);
	if (result)
		return result;
	reader->reading->job = job;
	pid_t pid = fork();
	if (pid == 0)
		become(guardian);
	if (pid < 0)
		return -errno;
	reader->pid = pid;
	return 0;
}

bool reader_start(struct guardian *guardian, enum reader_job job, int64_t limit_us)
{
	struct reader *reader = &guardian->reader;
	if (reader->pid)
		return false;
	int result = fork_reader(guardian, job);
	if (result) {
		log_error(
		    "cannot start a process that reads the configuration: %s", strerrordesc_np(-result));
		return false;
	}
	reader->late = false;
	reader->deadline = mono_add(mono_now(), limit_us);
	return true;
}

bool reader_ended(struct guardian *guardian, pid_t pid)
{
	struct reader *reader = &guardian->reader;
	if (pid != reader->pid)
		return false;
	reader->pid = 0;
	return true;
}

bool reader_is_late(struct guardian *guardian, struct mono now)
{
	struct reader *reader = &guardian->reader;
	if (!reader->pid || reader->late || !mono_reached(now, reader->deadline))
		return false;
	reader->late = true;
	kill(reader->pid, SIGKILL); /* who hangs in the kernel may live on for a while */
	return true;
}

void reader_wait(struct guardian *guardian)
{
	struct reader *reader = &guardian->reader;
	struct mono end = mono_add(reader->deadline, DYING_US);
	while (reader->pid && !mono_reached(mono_now(), end)) {
		reader_is_late(guardian, mono_now());
		if (waitpid(reader->pid, NULL, WNOHANG) == reader->pid)
			reader->pid = 0;
		else
			nanosleep(&(struct timespec){.tv_nsec = POLL_US * 1000}, NULL);
	}
}
