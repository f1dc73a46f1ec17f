/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vrrp_script and vrrp_track_process become checks; track_script and track_process name them.
 */
#include <ctype.h>
#include <string.h>

#include "import/import.h"

#define WEIGHT_MAX	   9999	   /* more than keepalived takes: use() says what becomes of it */
#define SCRIPT_INTERVAL_US 1000000 /* keepalived's default; that of timeout is the interval */

/* Whether another name has become this one, or it is that of a script and of a process. What stands in the
 * file twice is vipd's to refuse. */
static bool is_name_of_other(const struct import *import, const struct node *node, const char *right)
{
	bool is_router = !strcmp(node->words[0], "vrrp_instance");
	unsigned count = is_router ? import->router_count : import->check_count;
	for (unsigned i = 0; i < count; i++) {
		const char *printed =
		    is_router ? import->routers[i].printed_name : import->checks[i].printed_name;
		const char *name = is_router ? import->routers[i].name : import->checks[i].name;
		bool other_kind = !is_router && import->checks[i].is_process !=
						    !strcmp(node->words[0], "vrrp_track_process");
		if (printed && !strcmp(printed, right) && (other_kind || strcmp(name, node->words[1]) != 0))
			return true;
	}
	return false;
}

/* Cut to what has room, and with a number behind it, if another one has it. */
static const char *name_free(struct import *import, const struct node *node,
    char right[static CONFIG_NAME_MAX], size_t room, bool is_taken)
{
	char number[16] = "";
	size_t size = strnlen(right, room - 1);
	right[size] = '\0';
	for (unsigned i = 2; is_taken || is_name_of_other(import, node, right); i++, is_taken = false) {
		size_t length = (size_t)snprintf(number, sizeof number, "-%u", i);
		size_t at = size + length < room ? size : room - 1 - length;
		memcpy(right + at, number, length + 1);
	}
	return obstack_copy0(&import->memory, right, strlen(right));
}

/* Names have fewer characters here, and so two may become one: it gets a number. */
const char *import_name(struct import *import, struct node *node)
{
	const char *name = node->words[1];
	char right[CONFIG_NAME_MAX] = "";
	for (size_t size = 0; name[size] && size < sizeof right - 1; size++) {
		bool fits =
		    isascii(name[size]) && (isalnum((unsigned char)name[size]) || strchr("._-", name[size]));
		right[size] = fits ? name[size] : '-';
	}
	const char *found = name_free(import, node, right, sizeof right, false);
	if (strcmp(found, name) != 0)
		note(import, node, "changed: here its name is \"%s\"", found);
	return found;
}

static bool is_name_of_second(const struct import *import, const char *name)
{
	char second[CONFIG_NAME_MAX];
	for (unsigned i = 0; i < import->check_count; i++)
		if (import->checks[i].type == CHECK_KUBERNETES &&
		    config_second_name(import->checks[i].printed_name, second) && !strcmp(second, name))
			return true;
	return false;
}

static void rename_check(struct import *import, struct check *check, bool is_taken, const char *why)
{
	char right[CONFIG_NAME_MAX];
	size_t room = check->type == CHECK_KUBERNETES ? CONFIG_FIRST_NAME_MAX : sizeof right;
	snprintf(right, sizeof right, "%s", check->printed_name);
	check->printed_name = name_free(import, check->origin, right, room, is_taken);
	note(import, check->origin, "changed: here its name is \"%s\", since %s", right, why);
}

void import_second_names(struct import *import)
{
	char second[CONFIG_NAME_MAX];
	for (unsigned i = 0; i < import->check_count; i++) {
		struct check *check = &import->checks[i];
		if (check->type == CHECK_KUBERNETES && !config_second_name(check->printed_name, second))
			rename_check(import, check, false,
			    "a check of type kubernetes needs room for the name of its second question");
	}
	for (unsigned i = 0; i < import->check_count; i++) {
		struct check *check = &import->checks[i];
		if (is_name_of_second(import, check->printed_name))
			rename_check(import, check, true,
			    "a check of type kubernetes has the other one for its second question");
	}
}

/* Room for one more, with the name that the block has; NULL, and noted, if there is none. */
static struct check *check_begin(struct import *import, struct node *node)
{
	if (node->count < 2 || !node->children) {
		note(import, node, "dropped: it has no %s",
		    node->count < 2 ? "name" : "braces with something in them");
		return NULL;
	}
	if (import->check_count == CONFIG_CHECKS_MAX) {
		note_block(import, node, "vipd has at most %d checks", CONFIG_CHECKS_MAX);
		return NULL;
	}
	struct check *check = &import->checks[import->check_count];
	*check = (struct check){.name = node->words[1],
	    .printed_name = import_name(import, node),
	    .origin = node,
	    .fall = 1,
	    .rise = 1,
	    .is_process = !strcmp(node->words[0], "vrrp_track_process")};
	return check;
}

/* "weight -20 reverse", of which `index` is the number. */
static void read_weight(struct import *import, struct node *node, unsigned index, struct weight *weight)
{
	struct weight read = {0};
	if (!read_whole(import, node, index, -WEIGHT_MAX, WEIGHT_MAX, &read.value)) {
		if (weight->value)
			note(import, node, "changed: the weight is %d", weight->value);
		else
			note(import, node,
			    "changed: without a weight a failing check makes the server unhealthy");
		return;
	}
	const char *behind = index + 1 < node->count ? node->words[index + 1] : "";
	read.reverse = !strcmp(behind, "reverse");
	if (read.reverse || !strcmp(behind, "noreverse") || !strcmp(behind, "no_reverse"))
		node->taken++;
	*weight = read;
}

static void read_interval(struct import *import, struct node *node, int64_t *us)
{
	const int64_t shortest_us = CONFIG_CHECK_INTERVAL_MIN_US, longest_us = CONFIG_CHECK_INTERVAL_MAX_US;
	int64_t given;
	if (!read_seconds(import, node, 1, &given))
		return;
	if (!given) {
		note(import, node, "dropped: it must be more than 0");
		return;
	}
	*us = given < shortest_us ? shortest_us : given > longest_us ? longest_us : given;
	if (*us != given)
		note(import, node, "changed: it is between 10ms and 1h");
}

static void read_times(struct import *import, struct node *node, int *times)
{
	int given;
	if (!read_whole(import, node, 1, 1, INT_MAX, &given))
		return;
	*times = given < CONFIG_CHECK_TIMES_MAX ? given : CONFIG_CHECK_TIMES_MAX;
	if (*times != given)
		note(import, node, "changed: %d times are the most", CONFIG_CHECK_TIMES_MAX);
}

/* Whether it is known is asked before is_last(), which looks at all that is behind: a file may have very many
 * words that mean nothing. */
static void take_script_word(struct import *import, struct check *check, struct node *node)
{
	static const char *const known[] = {"script", "interval", "timeout", "fall", "rise", "weight", NULL};
	const char *word = node->words[0];
	if (!is_one_of(word, known)) {
		note_dropped(import, node);
		return;
	}
	if (!is_last(import, node, word))
		return;
	if (!strcmp(word, "script"))
		check->script = node;
	else if (!strcmp(word, "interval"))
		read_interval(import, node, &check->interval_us);
	else if (!strcmp(word, "timeout"))
		read_interval(import, node, &check->timeout_us);
	else if (!strcmp(word, "fall"))
		read_times(import, node, &check->fall);
	else if (!strcmp(word, "rise"))
		read_times(import, node, &check->rise);
	else
		read_weight(import, node, 1, &check->weight);
}

void import_script(struct import *import, struct node *node)
{
	struct check *check = check_begin(import, node);
	if (!check)
		return;
	for (struct node *at = node->children; (at = next_item(import, at)); at = at->next)
		take_script_word(import, check, at);
	if (!check->interval_us)
		check->interval_us = SCRIPT_INTERVAL_US;
	if (!check->timeout_us)
		check->timeout_us = check->interval_us;
	if (check->script)
		check->script->taken = check->script->count;
	if (check->script && script_read(import, check->script, check)) {
		import->check_count++;
		if (check->type == CHECK_PROCESS && check->fall > 1)
			note(import, check->script,
			    "changed: the end of the process counts at once, and not after fall intervals");
	} else
		note(import, check->script ? check->script : node,
		    "dropped: there is no command that vipd could run");
}

static void take_process(struct import *import, struct check *check, struct node *node)
{
	const char *name = read_word(import, node), *slash = name ? strrchr(name, '/') : NULL;
	check->target = slash ? slash + 1 : name;
	if (node->count > 2)
		note(import, node, "changed: only the name counts, not the arguments");
}

void import_process(struct import *import, struct node *node)
{
	static const char *const known[] = {"weight", "process", "quorum_max", NULL};
	bool weighs = false;
	int most = INT_MAX;
	struct check *check = check_begin(import, node);
	if (!check)
		return;
	check->type = CHECK_PROCESS;
	for (struct node *at = node->children; (at = next_item(import, at)); at = at->next) {
		const char *word = at->words[0];
		if (!is_one_of(word, known)) {
			note_dropped(import, at);
			continue;
		}
		if (!is_last(import, at, word))
			continue;
		if (!strcmp(word, "weight"))
			read_weight(import, at, 1, &check->weight);
		else if (!strcmp(word, "process"))
			take_process(import, check, at);
		else if (read_whole(import, at, 1, 0, INT_MAX, &most))
			note_dropped(import, at);
		weighs |= !strcmp(word, "weight");
	}
	if (!weighs)
		note(import, node,
		    "there is no weight, so without the process the server is unhealthy, as in keepalived; "
		    "its manual says that the default is 1, and means 0");
	if (check->target && most > 0)
		import->check_count++;
	else
		note_block(import, node, "%s",
		    check->target ? "no check of vipd passes while a process is not there"
				  : "it names no process");
}

static struct check *check_find(struct import *import, const char *name, bool process)
{
	for (unsigned i = 0; i < import->check_count; i++) {
		struct check *check = &import->checks[i];
		if (check->is_process == process && !strcmp(check->name, name))
			return check;
	}
	return NULL;
}

static void use(struct import *import, struct router *router, struct node *node, struct check *check)
{
	struct weight weight = check->weight;
	node->taken = 1;
	check->used = true;
	if (node->count > 2 && !strcmp(node->words[1], "weight"))
		read_weight(import, node, 2, &weight);
	if (weight.reverse) {
		note(import, node,
		    "dropped: \"reverse\" turns it around, and vipd has no such thing; let the check itself "
		    "ask the contrary");
		import->lost = true;
		return;
	}
	int right = weight.value < -CONFIG_WEIGHT_MAX  ? -CONFIG_WEIGHT_MAX
		    : weight.value > CONFIG_WEIGHT_MAX ? CONFIG_WEIGHT_MAX
						       : weight.value;
	if (right != weight.value)
		note(import, node, "changed: the weight is %d, and no check can have more", right);
	for (unsigned i = 0; i < router->use_count; i++) {
		if (router->uses[i].check == check) {
			note(import, node, "dropped: it stands there twice, and the first one counts");
			return;
		}
	}
	if (router->use_count < CONFIG_CHECKS_MAX)
		router->uses[router->use_count++] = (struct use){check, right, node};
}

void import_use(struct import *import, struct router *router, struct node *list, bool process)
{
	list->taken = 1;
	for (struct node *at = list->children; (at = next_item(import, at)); at = at->next) {
		struct check *check = check_find(import, at->words[0], process);
		if (check) {
			use(import, router, at, check);
			continue;
		}
		note(import, at, "dropped: there is no %s of this name",
		    process ? "vrrp_track_process" : "vrrp_script");
		import->lost = true;
	}
}
