/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A made-up status and timeline, and what the page makes of them.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/page/model.h"
#include "vipd/status.h"

#define NOW "2026-11-25T16:00:30.000Z"
#define ALL 64

/* @N@ is the name of another server, @E@ what a check says, both as they come from a network. */
static const char status_text[] =
    "{'node':'k8s-node01','version':'0.2.0','engine':{'responding':true},'virtual_routers':[{'name':'api',"
    "'vrid':100,'interface':'eth0','state':'active','healthy':true,'handover_ms':50,'late_ms':400,'state_ms':"
    "9000,"
    "'addresses':[{'address':'2001:db8::100','held':true,'kernel':'present'}],'conflict':null,"
    "'active_router':{'address':'fe80::11','node':'k8s-node01','priority':150,'self':true},"
    "'group':{'members':[{'node':'k8s-node01','address':'fe80::11','self':true,'presence':'here','state':'"
    "active',"
    "'health':'healthy','priority':150,'effective_priority':150,'reason':null},"
    "{'node':'@N@','address':'fe80::12','self':false,'presence':'here','state':'backup','health':'healthy',"
    "'priority':120,'effective_priority':120,'reason':'@E@','drained':false}],'here':2,'can_take_over':1,"
    "'next':{'node':'@N@','address':'fe80::12','self':false,'health':'healthy'},'without_hello':[]}}],"
    "'checks':[{'name':'apiserver','type':'https','state':'passing','health':'healthy','last_ms':2.5,"
    "'recent_ms':[null,2.5,3.5,null,1.5],'last_error':'@E@'}],"
    "'publish':[{'target':'dns @N@','router':'api','state':'done','published':[{'node':'@N@','ready':true}],"
    "'last_error':'@E@'}]}";
static const char timeline_text[] =
    "{'since':'2026-11-25T04:00:00.000Z','holdings':["
    "{'router':'api','vrid':100,'interface':'eth0','node':'@N@','address':'fe80::12','from':'2026-11-25T10:"
    "00:00.000Z',"
    "'until':'2026-11-25T15:00:00.000Z','reason':'@E@'},"
    "{'router':'api','vrid':100,'interface':'eth0','node':'k8s-node01','address':'fe80::11',"
    "'from':'2026-11-25T15:00:00.000Z','until':null,'reason':'drained'},"
    "{'router':'other','vrid':7,'interface':'eth0','node':'k8s-node01','address':'fe80::11',"
    "'from':'2026-11-25T15:00:00.000Z','until':null,'reason':null}]}";

/* JSON with ' for ", and the marks replaced. */
static json_t *read(const char *text, const char *name, const char *error)
{
	json_error_t why;
	char *copy = NULL;
	size_t size;
	FILE *out = open_memstream(&copy, &size);
	for (; *text; text++) {
		if (!strncmp(text, "@N@", 3) || !strncmp(text, "@E@", 3)) {
			for (const char *c = text[1] == 'N' ? name : error; *c; c++)
				fprintf(out, "\\u%04x", (unsigned char)*c);
			text += 2;
		} else {
			fputc(*text == '\'' ? '"' : *text, out);
		}
	}
	fclose(out);
	json_t *json = json_loads(copy, 0, &why);
	if (!json)
		fail_msg("%s: %s", why.text, copy);
	free(copy);
	return json;
}

static json_t *status, *model;

static void make(const char *name, const char *error)
{
	json_t *timeline = read(timeline_text, name, error);
	json_decref(status);
	json_decref(model);
	status = read(status_text, name, error);
	model = page_model(status, timeline, time_parse(NOW), ALL);
	json_decref(timeline);
}

/* After a change to the status. */
static void judge_again(void)
{
	json_decref(model);
	model = page_model(status, NULL, time_parse(NOW), ALL);
}

static json_t *router(void)
{
	return json_array_get(json_object_get(status, "virtual_routers"), 0);
}

static json_t *group(void)
{
	return json_object_get(router(), "group");
}

static json_t *member(size_t index)
{
	return json_array_get(json_object_get(group(), "members"), index);
}

static int teardown(void **state)
{
	(void)state;
	json_decref(status);
	json_decref(model);
	return 0;
}
