/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks whose servers answer at random, half of the time: the real rules of control/checks/health.c,
 * with the defaults of vipd.conf. Certificates and histograms are not modelled.
 */
#include "control/checks/health.h"
#include "sim.h"

static const struct config_check config = {
    .interval_us = 1 * USEC_PER_SEC,
    .fast_interval_us = 200 * USEC_PER_MS,
    .fall = 2,
    .rise = 2,
    .flap_count = 3,
    .flap_period_us = 600 * USEC_PER_SEC,
    .flap_delay_us = 60 * USEC_PER_SEC,
};

static struct check_health checks[NODES_MAX];

bool certificate_seen(const struct certificate *certificate)
{
	(void)certificate;
	return false;
}

bool certificate_covers(const struct certificate *certificate, const struct address *address)
{
	(void)certificate;
	(void)address;
	return true;
}

void histogram_add(struct board_histogram *histogram, const int64_t bounds_us[BOARD_BUCKETS_MAX], int64_t us)
{
	(void)histogram;
	(void)bounds_us;
	(void)us;
}

void checks_begin(void)
{
	world.moves = 0;
	for (unsigned i = 0; i < world.node_count; i++) {
		checks[i] = (struct check_health){.state = CHECK_PASSING, .answered = true};
		happen(world.now + random_in(0, config.interval_us), HAPPENS_PROBE, i);
	}
}

void checks_probe(struct node *node)
{
	struct check_health *check = &checks[node->number];
	struct check_result result = {.outcome = random_chance(50) ? CHECK_SUCCESS : CHECK_FAILURE};
	if (!world.flapping)
		return;
	if (health_result(check, &config, &result, node_now(node), world.now)) {
		node->checks = health_grade(check);
		happen(world.now, HAPPENS_MESSAGE, node->number)->message = (struct vrrp_event){
		    .type = VRRP_EVENT_HEALTH, .health = node->checks, .lowered = node->lowered};
	}
	bool fast = health_in_doubt(check, &config);
	happen(
	    world.now + (fast ? config.fast_interval_us : config.interval_us), HAPPENS_PROBE, node->number);
}
