/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of keepalived.conf(5), for who writes them here: what stands for each in vipd.conf, or why
 * nothing does.
 */
#include "vipd/keepalived.h"

#include <stddef.h>
#include <string.h>

#define LIST   "the list is virtual_routers = ( { … } )"
#define CHECKS "the list is checks = ( { … } ), and a virtual router names the ones it uses"
#define AUTH   "VRRPv3 has no passwords; auth = { … } signs adverts, with keys that are in files"
#define SOURCE "the key is source"
#define NOTIFY                                                                                               \
	"the key is notify, outside of virtual_routers: one program, without arguments, for every "          \
	"transition"
#define MAIL	  "vipd sends no mail; let Prometheus do it: vipctl manifest --prometheus"
#define GARP	  "vipd announces an address at 0, 10, 50, 200 and 1000 ms, and again after a conflict"
#define VMAC	  "the address is on the interface itself, and neighbours are told its MAC address"
#define ROUTES	  "vipd changes no routes and rules; a unit of root that reads `vipctl events -f` can"
#define VERSION	  "vipd speaks VRRPv3 only"
#define LVS	  "vipd balances no load"
#define USER	  "run_as is the user of every check, and of notify"
#define PROCESS	  "vipd chooses its priority, affinity and memory itself; the unit limits them"
#define PICKY	  "vipd checks every advert, and counts what it refuses by reason"
#define ASKED	  "ask with vipctl, or at metrics.listen"
#define FIREWALL  "vipd adds no rules to the firewall"
#define GROUP	  "adverts of IPv6 go to ff02::12, and of IPv4 to 224.0.0.18"
#define SOCKETS	  "vipd chooses the sizes of its buffers itself"
#define NAMES	  "the processes are called vipd and vipd-control"
#define INSTANCES "one vipd runs in a network namespace"
#define BFD	  "vipd knows no BFD; advert_interval = \"10ms\" notices a dead server in 40 ms"

/* A word that ends with * stands for all that begin so. The first that fits counts. */
static const struct {
	const char *word, *advice;
} words[] = {
    {"vrrp_instance", LIST},
    {"virtual_router_id", "the key is vrid"},
    {"virtual_ipaddress", "the key is addresses"},
    {"virtual_ipaddress_excluded", "the key is addresses, too; a router has at most 16"},
    {"advert_int", "the key is advert_interval, with a unit as in \"1s\""},
    {"nopreempt", "write preempt = false"},
    {"state", "nothing is written for it: the router with the highest priority becomes Active"},
    {"vrrp_startup_delay", "the key is start_delay of each virtual router, with a unit as in \"30s\""},
    {"unicast_peer", "the key is peers"},
    {"unicast_src_ip", SOURCE},
    {"mcast_src_ip", SOURCE},
    {"track_interface", "the key is track_interfaces"},
    {"track_script", "the key is checks"},
    {"track_file", "the key is checks, and a check of type \"file\" looks at a file"},
    {"vrrp_track_file", CHECKS},
    {"vrrp_script", CHECKS},
    {"script", "write type = \"exec\"; command = [ \"/path\", \"argument\" ]"},
    {"weight", "a virtual router gives it: checks = ( { name = \"haproxy\"; weight = -20; } )"},
    {"track_process", "the key is checks, and a check of type \"process\" looks at a process"},
    {"vrrp_track_process", CHECKS},
    {"full_command", "only the name of a process counts, not its arguments"},
    {"param_match", "only the name of a process counts, not its arguments"},
    {"quorum", "one process of that name is enough"},
    {"quorum_max", "more processes of that name are as good as one"},
    {"fork_delay", "rise of the check says how long it must be there"},
    {"terminate_delay", "a process that has ended counts as failing at once"},
    {"file", "write type = \"file\"; path = \"/run/drain\" in a check"},
    {"init_file", "vipd writes no file; a check of type \"file\" with exists = false passes while there is "
		  "none"},
    {"init_fail", "a check that has not passed yet counts as failing"},
    {"user", USER},
    {"script_user", USER},
    {"enable_script_security", USER},
    {"authentication", AUTH},
    {"auth_type", AUTH},
    {"auth_pass", AUTH},
    {"notify", NOTIFY},
    {"notify_*", NOTIFY},
    {"vrrp_notify_*", NOTIFY},
    {"smtp_*", MAIL},
    {"notification_email*", MAIL},
    {"vrrp_sync_group", "routers with the same checks, priorities and track_interfaces move together"},
    {"group", "routers with the same checks, priorities and track_interfaces move together"},
    {"global_tracking", "name what is tracked in each virtual router"},
    {"router_id", "the key is node, outside of virtual_routers"},
    {"garp_*", GARP},
    {"vrrp_garp_*", GARP},
    {"vrrp_gna_*", GARP},
    {"vrrp_min_garp", GARP},
    {"gna_interval", GARP},
    {"interfaces", GARP},
    {"use_vmac*", VMAC},
    {"vmac_*", VMAC},
    {"use_ipvlan", VMAC},
    {"virtual_routes", ROUTES},
    {"virtual_rules", ROUTES},
    {"static_*", ROUTES},
    {"vrf", "write the interface that the adverts go through; a VRF is none"},
    {"track_group", "vipd assigns no static addresses and routes, and tracks none"},
    {"native_ipv6", VERSION},
    {"version", VERSION},
    {"vrrp_version", VERSION},
    {"vrrp_strict", VERSION},
    {"strict_mode", VERSION},
    {"default_interface", "each virtual router has the key interface"},
    {"track_src_ip", "while the interface does not have the source, the router is in fault"},
    {"startup_script*", "write ExecStartPre= in a drop-in of the unit"},
    {"shutdown_script*", "write ExecStopPost= in a drop-in of the unit"},
    {"nftables*", FIREWALL},
    {"iptables", FIREWALL},
    {"vrrp_iptables", FIREWALL},
    {"vrrp_ipsets", FIREWALL},
    {"sync_group_tracking_weight", "write the weight where a virtual router names the check"},
    {"interface_up_down_delays", "the keys are start_delay and preempt_delay"},
    {"bfd_*", BFD},
    {"neighbor_ip", BFD},
    {"source_ip", BFD},
    {"min_rx", BFD},
    {"min_tx", BFD},
    {"idle_tx", BFD},
    {"multiplier", BFD},
    {"passive", BFD},
    {"ttl", BFD},
    {"hoplimit", BFD},
    {"max_hops", BFD},
    {"no_email_faults", MAIL},
    {"no_checker_emails", MAIL},
    {"rs_init_notifies", LVS},
    {"unicast_fault_no_peer", "without peers, adverts go to the group"},
    {"old_unicast_checksum", "the key is checksum"},
    {"ha_suspend", LVS},
    {"kernel_rx_buf_size", SOCKETS},
    {"process_monitor*", SOCKETS},
    {"child_wait_time", "the unit has TimeoutStopSec="},
    {"random_seed", "nothing in vipd needs one"},
    {"data_use_instance", INSTANCES},
    {"reload_*", "vipctl reload changes nothing if the file is wrong"},
    {"config_save_dir", "vipctl reload changes nothing if the file is wrong"},
    {"tmp_config_directory", "vipd keeps what it has read in memory"},
    {"use_pid_dir", "vipd has no pid file; systemd knows its processes"},
    {"global_defs", "there is no such group; its keys stand outside of every group"},
    {"virtual_server*", LVS},
    {"real_server", LVS},
    {"lvs_*", LVS},
    {"accept", "the address is accepted always: it is an address of the host"},
    {"no_accept", "the address is accepted always: it is an address of the host; see your firewall"},
    {"dont_track_primary", "the interface is always watched: no advert leaves it without a carrier"},
    {"linkbeat_*", "the kernel says whether there is a carrier"},
    {"track_bfd", BFD},
    {"skip_check_adv_addr", PICKY},
    {"vrrp_skip_check_adv_addr", PICKY},
    {"check_unicast_src", PICKY},
    {"vrrp_check_unicast_src", PICKY},
    {"unicast_ttl", "adverts have a hop limit of 255, and others are refused"},
    {"mcast_dst_ip", GROUP},
    {"vrrp_mcast_group*", GROUP},
    {"disable_local_igmp", "vipd joins the group, and the kernel reports that"},
    {"down_timer_adverts", "RFC 9568 says three"},
    {"vrrp_down_timer_adverts", "RFC 9568 says three"},
    {"higher_prio_send_advert", "who has lost says so once, and who has won announces last"},
    {"lower_prio_no_advert", "who has lost says so once, and who has won announces last"},
    {"vrrp_higher_prio_send_advert", "who has lost says so once, and who has won announces last"},
    {"vrrp_lower_prio_no_advert", "who has lost says so once, and who has won announces last"},
    {"promote_secondaries", "addresses are /128 or /32, so none depends on another"},
    {"debug", "the journal has every transition"},
    {"log_unknown_vrids", "adverts of other VRIDs are counted, like all that are refused, by reason"},
    {"fifo_write_vrrp_states_on_reload", NOTIFY},
    {"umask", "files that vipd writes are its own; the unit has UMask="},
    {"snmp_*", ASKED},
    {"enable_snmp_*", ASKED},
    {"enable_dbus", ASKED},
    {"dbus_*", ASKED},
    {"enable_traps", ASKED},
    {"vrrp_rt_priority", PROCESS},
    {"vrrp_rlimit_rttime", PROCESS},
    {"vrrp_priority", PROCESS},
    {"vrrp_no_swap", PROCESS},
    {"vrrp_cpu_affinity", PROCESS},
    {"vrrp_process_name", NAMES},
    {"vrrp_netlink_*", SOCKETS},
    {"vrrp_rx_bufs_*", SOCKETS},
    {"checker_*", LVS},
    {"net_namespace", "start vipd in that namespace (NetworkNamespacePath= in a drop-in of the unit)"},
    {"dynamic_interfaces", "an interface that does not exist yet is waited for, always"},
    {"use_symlink_paths", USER},
    {"net_namespace_ipvs", LVS},
    {"namespace_with_ipsets", FIREWALL},
    {"instance", INSTANCES},
    {"max_auto_priority", PROCESS},
    {"min_auto_priority_delay", PROCESS},
    {"process_name", NAMES},
    {"process_names", NAMES},
    {"include*", "the word is @include \"FILE\""},
};

const char *keepalived_advice(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t size = strcspn(words[i].word, "*");
		if (words[i].word[size] ? !strncmp(word, words[i].word, size) : !strcmp(word, words[i].word))
			return words[i].advice;
	}
	return NULL;
}

/* What begins a line of keepalived.conf that is in no braces. */
static const char *const blocks[] = {"vrrp_instance", "vrrp_script", "vrrp_sync_group", "global_defs",
    "virtual_server", "virtual_server_group", "vrrp_track_process", "vrrp_track_file", "bfd_instance",
    "static_ipaddress", "static_routes", "static_rules", "garp_group"};

bool keepalived_is_block(const char *word)
{
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (!strcmp(blocks[i], word))
			return true;
	return false;
}

unsigned keepalived_line(const char *text)
{
	for (unsigned line = 1; *text; line++) {
		text += strspn(text, " \t");
		size_t size = strcspn(text, " \t\r\n{");
		const char *behind = text + size + strspn(text + size, " \t");
		for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
			if (strlen(blocks[i]) == size && !memcmp(text, blocks[i], size) &&
			    !strchr("=:", *behind))
				return line;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return 0;
}
