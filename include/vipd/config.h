/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: one flat structure without a pointer.
 *
 * The guardian reads and checks it, writes it to a sealed memfd (the "image") and hands that to the engine
 * and to the control process, which map it and parse nothing. Being flat it is also compared and copied with
 * memcmp and assignment. Everything in an image has passed config_check().
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vipd/address.h"
#include "vipd/mono.h"
#include "vipd/priority.h"

#define CONFIG_ROUTERS_MAX   255
#define CONFIG_LINKS_MAX     255 /* interfaces, of virtual routers and tracked ones */
#define CONFIG_ADDRESSES_MAX 16
#define CONFIG_PEERS_MAX     16
#define CONFIG_TRACKS_MAX    8
#define CONFIG_CHECKS_MAX    64 /* bits of config_router.checks */
#define CONFIG_EXPECT_MAX    8
#define CONFIG_KEYS_MAX	     4
#define CONFIG_FLAPS_MAX     16
#define CONFIG_WORDS_MAX     16 /* of a command */
#define CONFIG_PUBLISH_MAX   8
#define CONFIG_PORTS_MAX     16

#define CONFIG_INTERVAL_DEFAULT_US (100 * USEC_PER_MS) /* between adverts */

/* Bounds that the import of a keepalived.conf keeps to, too. */
#define CONFIG_PREEMPT_DELAY_MAX_US  (3600 * USEC_PER_SEC)
#define CONFIG_CHECK_INTERVAL_MIN_US (10 * USEC_PER_MS)
#define CONFIG_CHECK_INTERVAL_MAX_US (3600 * USEC_PER_SEC)
#define CONFIG_CHECK_TIMES_MAX	     100 /* fall and rise */

#define CONFIG_WEIGHT_MAX (VRRP_PRIORITY_MAX - VRRP_PRIORITY_MIN)

#define CONFIG_NAME_MAX	     64
#define CONFIG_INTERFACE_MAX 16 /* IFNAMSIZ */
#define CONFIG_PATH_MAX	     256
#define CONFIG_URL_MAX	     512
#define CONFIG_TEXT_MAX	     256
#define CONFIG_COMMAND_MAX   1024
#define CONFIG_SOCKET_MAX    108 /* sun_path */

#define CONFIG_PATH_DEFAULT   "/etc/vipd/vipd.conf"
#define CONFIG_SOCKET_DEFAULT "/run/vipd/vipd.sock"

#define CONFIG_SECRET_MAX (256 * 1024) /* bytes of such a file */

/* Where the bytes of a file are in the secrets memfd that goes with the image. size 0: no such file. */
struct config_secret {
	char path[CONFIG_PATH_MAX]; /* "": not configured */
	uint32_t offset;
	uint32_t size;
	int32_t error; /* errno of the guardian's last try to read it, 0 if it was read */
};

enum config_link_local { LINK_LOCAL_AUTO, LINK_LOCAL_NONE, LINK_LOCAL_ADDRESS };
enum config_unhealthy { UNHEALTHY_DEMOTE, UNHEALTHY_RESIGN };
/* What to do at the start when somebody who does not speak VRRP answers for an address. */
enum config_conflict { CONFLICT_TAKE, CONFLICT_WAIT };
/* Of IPv4 adverts: with pseudo-header, as most others have it, or without. */
enum config_checksum { CHECKSUM_RFC5798, CHECKSUM_RFC9568 };
enum config_auth { AUTH_OFF, AUTH_RECEIVE_ONLY, AUTH_PERMISSIVE, AUTH_ENFORCE };

struct config_key {
	uint8_t id;
	uint32_t line; /* of the file config.path, for errors of the key file; 0: in one that it includes */
	struct config_secret file;
	uint32_t hello_offset; /* of the key of hellos, which is made from it, among control's secrets */
};

/* What a virtual router makes of a check, or of several of which one is enough. */
struct config_use {
	uint64_t any; /* bit i: config.checks[i], of those in the file */
	uint8_t
	    weight; /* while they fail the priority is lower by this; 0: while they fail it is unhealthy */
};

struct config_router {
	char name[CONFIG_NAME_MAX];
	struct router_id id;
	uint8_t priority; /* 32..254 */
	bool preempt;
	enum config_link_local link_local_mode;
	struct address link_local; /* the first address in adverts; not used with LINK_LOCAL_NONE */
	enum config_unhealthy when_unhealthy;
	enum config_conflict on_conflict;
	enum config_checksum checksum;
	int64_t advert_interval_us;	  /* 10 ms .. 40.95 s in steps of 10 ms */
	int64_t preempt_delay_us;	  /* 0 .. 1 h */
	int64_t start_delay_us;		  /* 0 .. 1 h */
	uint32_t kernel_lease_s;	  /* valid_lft of the address; 0: for ever */
	bool reset_connections;		  /* clients are told to connect anew when the address moves */
	uint32_t port_count;		  /* 0: of every port */
	uint16_t ports[CONFIG_PORTS_MAX]; /* of the servers, whose clients are told */
	uint32_t address_count;		  /* 1.. */
	struct address addresses[CONFIG_ADDRESSES_MAX];
	struct address source; /* of our adverts; unspecified: vipd chooses one of the interface */
	uint32_t peer_count;   /* 0: multicast */
	struct address peers[CONFIG_PEERS_MAX];
	uint64_t checks; /* of all uses. bit i: config.checks[i] */
	uint32_t use_count;
	struct config_use uses[CONFIG_CHECKS_MAX];
	uint32_t track_count;
	char track[CONFIG_TRACKS_MAX]
		  [CONFIG_INTERFACE_MAX]; /* must have carrier for this one to be healthy */
	enum config_auth auth;
	uint8_t auth_active_key; /* id */
	uint32_t key_count;
	struct config_key keys[CONFIG_KEYS_MAX];
};

enum config_check_type {
	CHECK_HTTPS,
	CHECK_HTTP,
	CHECK_TCP,
	CHECK_EXEC,
	CHECK_FILE,
	CHECK_PROCESS,
	CHECK_KUBERNETES,
	CHECK_TYPES
};

/* Whose API server a check of type kubernetes asks; AUTO: of the one that is found. */
enum config_distribution {
	DISTRIBUTION_AUTO,
	DISTRIBUTION_K3S,
	DISTRIBUTION_RKE2,
	DISTRIBUTION_KUBEADM,
	DISTRIBUTION_K0S,
	DISTRIBUTIONS
};

struct config_check {
	char name[CONFIG_NAME_MAX];
	enum config_check_type type;
	int64_t interval_us;
	int64_t fast_interval_us; /* while results speak against the state; at most interval_us */
	int64_t timeout_us;
	uint32_t fall;
	uint32_t rise;
	uint32_t flap_count; /* failed so often in flap_period: waits for flap_delay; 0: never does */
	int64_t flap_period_us;
	int64_t flap_delay_us;
	char address[CONFIG_NAME_MAX];	  /* tcp: as written */
	struct sockaddr_in6 endpoint;	  /* tcp */
	uint32_t word_count;		  /* exec: of the command */
	char command[CONFIG_COMMAND_MAX]; /* exec: the words, each with its NUL */
	char file[CONFIG_PATH_MAX];	  /* file; process: the pid file, "": by its name */
	char process[CONFIG_NAME_MAX];	  /* process: its name; "": whatever it is called */
	bool file_exists;		  /* file: passes while there is one; else while there is none */
	char content[CONFIG_TEXT_MAX];	  /* file: passes while this is in it; "": whatever is in it */
	/* kubernetes: two checks, of which the file has the first; see config/kubernetes.c */
	enum config_distribution distribution;
	uint16_t port;	/* 0: not known yet */
	uint8_t second; /* number of the second one, counted from 1 */
	bool is_second;
	int64_t ready_interval_us; /* times of the second one */
	int64_t ready_timeout_us;
	uint32_t ready_fall;
	uint32_t ready_rise;
	/* https, http and kubernetes from here on; not http: server_name, ca, cert, key */
	char url[CONFIG_URL_MAX];
	char body[CONFIG_TEXT_MAX];	   /* the answer must contain it; "": any answer */
	char server_name[CONFIG_TEXT_MAX]; /* instead of the host of the URL; "": that one */
	struct config_secret ca;
	struct config_secret cert;
	struct config_secret key;
	uint32_t expect_count;
	uint16_t expect[CONFIG_EXPECT_MAX]; /* HTTP status */
};

enum config_publish_type { PUBLISH_DNS, PUBLISH_ENDPOINTSLICE, PUBLISH_ENDPOINTS, PUBLISH_TYPES };

/* Where the holder of a virtual router tells the world which servers are healthy. */
struct config_publish {
	enum config_publish_type type;
	uint32_t router;   /* index of config.routers */
	uint16_t port;	   /* of the servers */
	int64_t settle_us; /* a change is published when it has lasted for so long */
	/* dns: TSIG key in `key` */
	char server[CONFIG_NAME_MAX]; /* as written */
	struct sockaddr_in6 server_endpoint;
	char fallback[CONFIG_NAME_MAX]; /* "": none */
	struct sockaddr_in6 fallback_endpoint;
	char zone[CONFIG_TEXT_MAX];
	char name[CONFIG_TEXT_MAX]; /* below the zone, or as a whole with a dot at its end */
	uint32_t ttl_s;
	/* endpointslice, endpoints */
	char url[CONFIG_URL_MAX]; /* of the API server, without a path */
	char server_name[CONFIG_TEXT_MAX];
	char namespace[CONFIG_NAME_MAX];
	char service[CONFIG_NAME_MAX];
	struct config_secret ca;
	struct config_secret token; /* or cert and key */
	struct config_secret cert;
	struct config_secret key;
};

struct config {
	char path[CONFIG_PATH_MAX]; /* the file this came from */
	int64_t loaded_us;	    /* wall clock */
	uint64_t digest;	    /* of the text, with what it includes */
	char node[CONFIG_NAME_MAX];
	char run_as[CONFIG_NAME_MAX];
	char notify[CONFIG_PATH_MAX];	  /* run on every transition; "": nothing is */
	char record_dir[CONFIG_PATH_MAX]; /* capture files; "": none are written */
	char socket[CONFIG_SOCKET_MAX];
	char group[CONFIG_NAME_MAX];
	char admin_group[CONFIG_NAME_MAX];
	bool has_admin_gid; /* the guardian has found it */
	uint32_t admin_gid;
	char metrics_listen[CONFIG_NAME_MAX]; /* as written; "": off */
	struct sockaddr_in6 metrics_address;  /* sin6_family 0: off */
	bool metrics_page;		      /* for browsers, there too */
	uint16_t group_port;		      /* of hellos */
	int64_t group_interval_us;	      /* between them */
	bool group_hints;		      /* the next Backup does not wait for Skew_Time */
	struct address group_advertise;	      /* of this node, for others; unspecified: vipd chooses one */
	uint32_t router_count;
	struct config_router routers[CONFIG_ROUTERS_MAX];
	uint32_t written_checks; /* those in the file, and then those that were made for them */
	uint32_t check_count;
	struct config_check checks[CONFIG_CHECKS_MAX];
	uint32_t publish_count;
	struct config_publish publish[CONFIG_PUBLISH_MAX];
};

/* All errors of one reading, in the order of the file: one text, a line each; "" if there is none. Past the
 * end it says how many more there are. */
#define CONFIG_ERRORS_TEXT_MAX (64 * 1024)
struct config_errors {
	unsigned count;
	unsigned left_out; /* of config_errors_add(), when there was no room any more */
	char text[CONFIG_ERRORS_TEXT_MAX];
};

/*
 * Reads and checks `path`. Every error is collected as "FILE:LINE: KEY = VALUE: what is wrong; what would be
 * right". Returns 0 with *config filled (defaults included, secrets not yet read), or -EINVAL with *config
 * untouched and the errors in *errors, or so with -errno of a shortage. Opens nothing but `path`.
 */
int config_load(const char *path, struct config *config, struct config_errors *errors);

/* config_load() of a text of `size` bytes and a NUL, as if it stood in the file `path`. */
int config_read_text(
    const char *path, const char *text, size_t size, struct config *config, struct config_errors *errors);

/* Calls `visitor` for each file that the configuration of `path` is made of: itself, and what it includes. */
typedef void config_file_visitor(const char *file, void *context);
void config_files(const char *path, config_file_visitor *visitor, void *context);

/* Adds a line, which ends with a newline. */
__attribute__((format(printf, 2, 3))) void config_errors_add(
    struct config_errors *errors, const char *format, ...);

/* The first lines of a text of errors, and how many more there are: whole ones, as many as fit. */
void config_errors_shorten(const char *text, char *out, size_t room);

#define CONFIG_FIRST_NAME_MAX (CONFIG_NAME_MAX - (sizeof "-etcd" - 1))

/* How the second question of a check of type kubernetes is called. Returns false if that is too long, because
 * the name of the check does not fit into CONFIG_FIRST_NAME_MAX bytes. */
bool config_second_name(const char *first, char second[static CONFIG_NAME_MAX]);

/*
 * Fills in what checks of type kubernetes leave out and this server has: looks for files below `root` ("" but
 * for tests). What is not there is left out still, and found by another call. May wait for a file system.
 */
void config_discover(struct config *config, const char *root);

/* What a file that the configuration names is to vipd. */
enum config_path_use {
	PATH_ADVERT_KEY = 1, /* 0: it names none */
	PATH_CA,	     /* this and the next two: PEM */
	PATH_CERTIFICATE,
	PATH_PRIVATE_KEY,
	PATH_TOKEN,
	PATH_TSIG_KEY,
	PATH_LAST_SECRET = PATH_TSIG_KEY, /* those that the guardian reads */
	PATH_PROGRAM,			  /* run_as executes it */
	PATH_LOOKED_AT,			  /* by run_as; it need not be there */
	PATH_DIRECTORY,			  /* made by vipd, as the socket is */
	PATH_SOCKET
};

#define CONFIG_OWNER_MAX (CONFIG_NAME_MAX + 48)

struct config_path {
	enum config_path_use use;
	char owner[CONFIG_OWNER_MAX]; /* whose key it is, "check \"web\": "; "": of the file itself */
	const char *key;
	const char *without; /* what is wrong while it is not as it should be */
	const char *path;
	struct config_secret *secret; /* NULL: it is none */
	bool repeated;		      /* the second check of type kubernetes has it from the first one */
};

/* Calls `visitor` for every file that the configuration names. */
typedef void config_path_visitor(const struct config_path *named, void *context);
void config_paths(struct config *config, config_path_visitor *visitor, void *context);

/*
 * What is right in a configuration, and will hardly do what was meant: one line each, as errors have them.
 */
void config_warn(struct config *config, struct config_errors *warnings);

/*
 * As an assignment, but writes only what differs: most of the structure is room for more routers than anybody
 * has, and what is zero in both takes no memory.
 */
void config_copy(struct config *to, const struct config *from);

/*
 * Which settings differ that a running vipd cannot take over by a reload (socket, groups, metrics.listen,
 * group.port, record_dir, run_as). Collects one error each; returns 0 if there is none, else -EINVAL.
 */
int config_check_reload(
    const struct config *running, const struct config *next, struct config_errors *errors);

/* The host of the URL of a check, without brackets and port. */
void config_url_host(const char *url, char host[static CONFIG_URL_MAX]);

/* Whether its adverts list this address. Those of the other family move with it, and are in no advert. */
static inline bool config_advertises(const struct config_router *router, unsigned index)
{
	return address_is_ipv4(&router->addresses[index]) == (router->id.family == AF_INET);
}

/* Whether one of its addresses is of AF_INET or AF_INET6. */
static inline bool config_has_family(const struct config_router *router, uint8_t family)
{
	for (unsigned i = 0; i < router->address_count; i++)
		if (address_is_ipv4(&router->addresses[i]) == (family == AF_INET))
			return true;
	return false;
}

/* Whether a check of type https or http passes with this HTTP status. */
static inline bool config_expects(const struct config_check *check, long status)
{
	for (unsigned i = 0; i < check->expect_count; i++)
		if (check->expect[i] == status)
			return true;
	return false;
}

/* Whether this node signs what it sends to its group. */
static inline bool config_auth_signs(enum config_auth auth)
{
	return auth == AUTH_PERMISSIVE || auth == AUTH_ENFORCE;
}

/* The virtual router of that identity; NULL: there is none. */
static inline const struct config_router *config_router_of(
    const struct config *config, const struct router_id *id)
{
	for (unsigned i = 0; i < config->router_count; i++)
		if (router_id_equal(&config->routers[i].id, id))
			return &config->routers[i];
	return NULL;
}

/* Whether it is an address of this one; of any of them. */
static inline bool config_router_has(const struct config_router *router, const struct address *address)
{
	for (unsigned i = 0; i < router->address_count; i++)
		if (address_equal(&router->addresses[i], address))
			return true;
	return false;
}

static inline bool config_has_address(const struct config *config, const struct address *address)
{
	for (unsigned i = 0; i < config->router_count; i++)
		if (config_router_has(&config->routers[i], address))
			return true;
	return false;
}

/* What link_local = "auto" stands for. */
struct address config_link_local_auto(uint8_t vrid);

/* Prints the configuration with every default filled in, in the syntax that config_load() reads. */
void config_print(const struct config *config, FILE *out);

/* Names as in the configuration file, "demote", "enforce", "https"; each table ends with NULL. */
extern const char *const config_unhealthy_names[];
extern const char *const config_conflict_names[];
extern const char *const config_auth_names[];
extern const char *const config_checksum_names[];
extern const char *const config_check_type_names[];
extern const char *const config_distribution_names[];
extern const char *const config_publish_type_names[];
const char *config_auth_name(enum config_auth value);
const char *config_check_type_name(enum config_check_type value);
/* What is asked: the URL ("": of an API server that was not found yet), the address, the program, the file or
 * the process. */
const char *config_check_target(const struct config_check *check);
const char *config_distribution_name(enum config_distribution value);

/* Whose API server a check asks, by its files if by nothing else. AUTO: nobody knows. */
enum config_distribution config_check_distribution(const struct config_check *check);

/* What to do, depending on whose API server it is: that its certificate, or our client certificate, gets
 * renewed, and that its certificate names an address. */
const char *config_renew_server(const struct config_check *check);
const char *config_renew_client(const struct config_check *check);
const char *config_add_name(const struct config_check *check);
/* Where its log is. */
const char *config_look_at(const struct config_check *check);
const char *config_publish_type_name(enum config_publish_type value);

/* What a target of type dns is called in DNS: "k8s-cluster" in "k8s.example" is "k8s-cluster.k8s.example". */
#define CONFIG_DNS_NAME_MAX (2 * CONFIG_TEXT_MAX + 2)
void config_dns_name(const struct config_publish *publish, char name[static CONFIG_DNS_NAME_MAX]);
