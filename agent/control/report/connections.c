/* SPDX-License-Identifier: Apache-2.0 */
/* See connections.h. */
#include "control/report/connections.h"

#include <string.h>

#include "control/clients/clients.h"
#include "control/group/group.h"
#include "control/report/prometheus.h"
#include "control/text.h"

#define REASON_MAX 256

/* Of connections that there are, those with them that are not told: as the kernel says, or the holder. */
static uint32_t count_there(const struct client_router *lists)
{
	if (lists && lists->is_active)
		return lists->own ? lists->own->known : 0;
	return lists && lists->copy ? lists->copy->known : 0;
}

static bool is_served(const struct client_lists *lists, const struct config_router *config)
{
	bool served = config->port_count > 0;
	for (unsigned i = 0; i < config->address_count && !served; i++)
		served = listeners_any(&lists->listeners, &config->addresses[i]);
	return served;
}

static const char no_route[] = "the only clients are this node itself, or no route from here leads to them";

/* Of the holder. */
static const char *reason_of_active(const struct client_lists *all, const struct client_router *lists)
{
	if (lists->refused[CLIENT_NO_LISTENER])
		return "clients are connected to ports on which nobody listens here; where a proxy such as "
		       "kube-proxy takes them, set `ports` on all servers";
	if (lists->refused[CLIENT_NO_ROUTE])
		return no_route;
	if (all->translated.error)
		return "no socket has a client, and the kernel does not say which connections it translates "
		       "for a proxy such as kube-proxy (conntrack)";
	return "no client is connected";
}

static const char *reason_of_backup(const struct view *view, const struct client_router *lists)
{
	const struct group_router *group = view->group ? group_of(view->group, &lists->id) : NULL;
	if (address_is_unspecified(&lists->active))
		return "nobody is Active";
	if (group && !roster_find(&group->roster, &lists->active))
		return "the holder sends no hello: it is no vipd, or UDP does not come through";
	if (!lists->copy || !lists->copy->heard)
		return "the holder has not said who is connected: see its version and its reset_connections";
	if (!lists->copy->whole)
		return "the list of the holder is not complete yet";
	if (lists->copy->list.count && lists->refused[CLIENT_NO_LISTENER])
		return "nobody listens here on the ports that the clients are connected to; where a proxy "
		       "such as kube-proxy takes them, set `ports` on all servers";
	return lists->refused[CLIENT_NO_ROUTE] ? no_route : "no client is connected";
}

/* Why nobody would be told; "": somebody would be. */
static void reason(const struct view *view, const struct board_router *router, char text[static REASON_MAX])
{
	const struct config_router *config = view_config_of(view, router);
	const struct client_router *lists = view->clients ? clients_of(view->clients, &router->id) : NULL;
	text[0] = '\0';
	if (!config || !lists || router->connections.known)
		return;
	const char *why = "";
	if (!config->reset_connections)
		why = "switched off (reset_connections = false)";
	else if (view->clients->error) {
		snprintf(text, REASON_MAX, "the kernel does not say who is connected (sock_diag: %s)",
		    strerrordesc_np(-view->clients->error));
		return;
	} else if (!is_served(view->clients, config))
		why = "nobody listens on the addresses here; where a proxy such as kube-proxy takes the "
		      "connections, set `ports`";
	else if (!lists->is_active)
		why = reason_of_backup(view, lists);
	else
		why = reason_of_active(view->clients, lists);
	snprintf(text, REASON_MAX, "%s", why);
}

/* Only what happened, as `dropped`. */
static json_t *refused_json(const struct client_router *lists)
{
	json_t *json = json_object();
	for (unsigned i = CLIENT_OK + 1; lists && i < CLIENT_VERDICTS; i++)
		if (lists->refused[i])
			json_object_set_new(json, client_verdict_name(i), json_integer(lists->refused[i]));
	return json;
}

json_t *connections_json(const struct view *view, const struct board_router *router)
{
	const struct config_router *config = view_config_of(view, router);
	const struct client_router *lists = view->clients ? clients_of(view->clients, &router->id) : NULL;
	const struct board_connections *engine = &router->connections;
	char why[REASON_MAX];
	reason(view, router, why);
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "enabled",
	    config && config->reset_connections, "there", (json_int_t)count_there(lists), "known",
	    (json_int_t)engine->known, "told", (json_int_t)engine->told, "last_told",
	    (json_int_t)engine->last_told, "ended", (json_int_t)engine->ended, "refused", refused_json(lists),
	    "reason", text_json_or_null(why, sizeof why));
}

/* ---- metrics ---- */

enum value { THERE, KNOWN, TOLD, ENDED, REFUSED, VALUES };

static uint64_t value_of(const struct view *view, const struct board_router *router, enum value which)
{
	const struct board_connections *engine = &router->connections;
	switch (which) {
	case THERE: return count_there(clients_of(view->clients, &router->id));
	case KNOWN: return engine->known;
	case TOLD: return engine->told;
	case ENDED: return engine->ended;
	case REFUSED: return engine->refused;
	case VALUES: break;
	}
	return 0;
}

static void left_out_metrics(FILE *out, const struct view *view)
{
	prometheus_family(out, "vipd_connections_left_out", "gauge",
	    "Clients in the list that would not be told, by the reason.");
	for (unsigned i = 0; i < view->router_count; i++) {
		const struct client_router *lists = clients_of(view->clients, &view->routers[i].id);
		char labels[PROMETHEUS_LABELS_MAX], all[PROMETHEUS_LABELS_MAX + 64];
		prometheus_router(&view->routers[i], labels);
		for (unsigned v = CLIENT_OK + 1; v < CLIENT_VERDICTS; v++) {
			snprintf(all, sizeof all, "%s,reason=\"%s\"", labels, client_verdict_name(v));
			prometheus_series(
			    out, "vipd_connections_left_out", all, lists ? lists->refused[v] : 0, false);
		}
	}
}

void connections_metrics(FILE *out, const struct view *view)
{
	static const struct {
		const char *name, *type, *help;
	} families[VALUES] = {
	    [THERE] = {"vipd_connections", "gauge",
		"TCP connections to the addresses of the virtual router, as the holder says."},
	    [KNOWN] = {"vipd_connections_known", "gauge",
		"Clients that this node would tell to connect anew if it took over now."},
	    [TOLD] = {"vipd_connections_told_total", "counter",
		"Clients that were told to connect anew after a takeover."},
	    [ENDED] = {"vipd_connections_ended_total", "counter",
		"Connections of this node that were ended because the address went to another one."},
	    [REFUSED] = {"vipd_connections_refused_total", "counter",
		"Clients in a list to whom nothing was sent, because it might not be."},
	};
	char labels[PROMETHEUS_LABELS_MAX];
	if (!view->clients || !view->router_count)
		return;
	for (unsigned f = 0; f < VALUES; f++) {
		prometheus_family(out, families[f].name, families[f].type, families[f].help);
		for (unsigned i = 0; i < view->router_count; i++)
			prometheus_series(out, families[f].name, prometheus_router(&view->routers[i], labels),
			    (int64_t)value_of(view, &view->routers[i], f), false);
	}
	left_out_metrics(out, view);
	prometheus_time(out, "vipd_connections_walk_seconds",
	    "Time of a processor that the last look at the connections took.", view->clients->cost_us);
}
