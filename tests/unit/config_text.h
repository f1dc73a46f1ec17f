/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration from a text of the test.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/report.h"
#include "vipd/config.h"

#define MINIMAL                                                                                              \
	"virtual_routers = (\n"                                                                              \
	"  { interface = \"eth0\"; vrid = 100; addresses = [ \"2001:db8::100\" ]; }\n"                       \
	");\n"

static struct config config;
static struct config_errors errors;

static int read_text(const char *text)
{
	return config_read_text("test.conf", text, strlen(text), &config, &errors);
}
