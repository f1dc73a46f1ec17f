/*
 * Memory that is locked, and timers without slack.
 */
#include "vipd/punctual.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "vipd/log.h"

/* Locked on fault: only what is used becomes resident, and stays. */
void claim_punctuality(struct punctuality *punctuality)
{
	punctuality->locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
	int error = errno;
	punctuality->realtime = (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO;
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	if (!punctuality->locked)
		log_warning("memory is not locked (%s): under memory pressure takeovers may be late",
		    strerrordesc_np(error));
	if (!punctuality->realtime)
		log_warning("no realtime scheduling: on a busy machine adverts may be late");
}
