/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rtnetlink says, read with libnl's policies: a message with an attribute of the wrong size is not one.
 */
#include "kernel/messages.h"

#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESS_LAST (IFA_PROTO > IFA_MAX ? IFA_PROTO : IFA_MAX)

static struct nla_policy link_policy[IFLA_MAX + 1] = {
    [IFLA_IFNAME] = {.type = NLA_STRING, .maxlen = IF_NAMESIZE},
    [IFLA_MASTER] = {.type = NLA_U32},
    [IFLA_LINKINFO] = {.type = NLA_NESTED},
    [IFLA_PROP_LIST] = {.type = NLA_NESTED},
};
static struct nla_policy address_policy[ADDRESS_LAST + 1] = {
    [IFA_LOCAL] = {.minlen = sizeof(struct in_addr)},
    [IFA_ADDRESS] = {.minlen = sizeof(struct in_addr)},
    [IFA_FLAGS] = {.type = NLA_U32},
    [IFA_PROTO] = {.type = NLA_U8},
};
static struct nla_policy netconf_policy[NETCONFA_MAX + 1] = {
    [NETCONFA_IFINDEX] = {.type = NLA_U32},
    [NETCONFA_FORWARDING] = {.type = NLA_U32},
};
static struct nla_policy neighbour_policy[NDA_MAX + 1] = {
    [NDA_DST] = {.minlen = sizeof(struct in_addr)},
};

static void take_altnames(const struct nlattr *list, struct kernel_event *event)
{
	const struct nlattr *a;
	int left;
	nla_for_each_nested(a, (struct nlattr *)list, left)
	{
		if (nla_type(a) != IFLA_ALT_IFNAME || nla_len(a) > IF_NAMESIZE ||
		    event->link.altname_count == KERNEL_ALTNAMES_MAX)
			continue;
		char *name = event->link.altnames[event->link.altname_count++];
		nla_strlcpy(name, a, IF_NAMESIZE);
	}
}

/* An interface in a VRF keeps its IPv6; the port of anything else has none that works. */
static bool is_in_vrf(const struct nlattr *info)
{
	struct nlattr *of[IFLA_INFO_MAX + 1];
	return info && nla_parse_nested(of, IFLA_INFO_MAX, (struct nlattr *)info, NULL) == 0 &&
	       of[IFLA_INFO_SLAVE_KIND] && nla_strcmp(of[IFLA_INFO_SLAVE_KIND], "vrf") == 0;
}

static bool link_event(struct nlmsghdr *h, struct kernel_event *event)
{
	struct nlattr *of[IFLA_MAX + 1];
	const struct ifinfomsg *m = nlmsg_data(h);
	/* AF_BRIDGE tells of ports, not of links. */
	if (nlmsg_parse(h, sizeof *m, of, IFLA_MAX, link_policy) < 0 || m->ifi_family != AF_UNSPEC ||
	    !of[IFLA_IFNAME])
		return false;
	event->type = h->nlmsg_type == RTM_NEWLINK ? KERNEL_LINK : KERNEL_LINK_GONE;
	event->ifindex = (unsigned)m->ifi_index;
	nla_strlcpy(event->link.name, of[IFLA_IFNAME], sizeof event->link.name);
	event->link.admin_up = m->ifi_flags & IFF_UP;
	event->link.running = m->ifi_flags & IFF_RUNNING;
	event->link.has_mac = of[IFLA_ADDRESS] && nla_len(of[IFLA_ADDRESS]) == sizeof event->link.mac;
	if (of[IFLA_PROP_LIST])
		take_altnames(of[IFLA_PROP_LIST], event);
	if (of[IFLA_MASTER] && !is_in_vrf(of[IFLA_LINKINFO]))
		event->link.port_of = nla_get_u32(of[IFLA_MASTER]);
	if (event->link.has_mac)
		nla_memcpy(event->link.mac, of[IFLA_ADDRESS], sizeof event->link.mac);
	return true;
}

/* false: of a family that vipd does not know, or too short for it. */
static bool take_address(uint8_t family, const struct nlattr *attribute, struct address *address)
{
	unsigned size = family == AF_INET ? 4 : 16;
	if ((family != AF_INET && family != AF_INET6) || nla_len(attribute) < (int)size)
		return false;
	*address = address_of_bytes(nla_data(attribute), size);
	return true;
}

static bool address_event(struct nlmsghdr *h, struct kernel_event *event)
{
	struct nlattr *of[ADDRESS_LAST + 1];
	const struct ifaddrmsg *m = nlmsg_data(h);
	if (nlmsg_parse(h, sizeof *m, of, ADDRESS_LAST, address_policy) < 0)
		return false;
	/* A point-to-point address has both, and IFA_ADDRESS is the peer's. */
	const struct nlattr *local = of[IFA_LOCAL] ? of[IFA_LOCAL] : of[IFA_ADDRESS];
	if (!local || !take_address(m->ifa_family, local, &event->address.address))
		return false;
	event->type = h->nlmsg_type == RTM_NEWADDR ? KERNEL_ADDRESS : KERNEL_ADDRESS_GONE;
	event->ifindex = m->ifa_index;
	event->address.prefix = (uint8_t)(m->ifa_prefixlen + address_bits_before(&event->address.address));
	event->address.flags = of[IFA_FLAGS] ? nla_get_u32(of[IFA_FLAGS]) : m->ifa_flags;
	event->address.proto = of[IFA_PROTO] ? nla_get_u8(of[IFA_PROTO]) : 0;
	return true;
}

static bool forwarding_event(struct nlmsghdr *h, struct kernel_event *event)
{
	struct nlattr *of[NETCONFA_MAX + 1];
	const struct netconfmsg *m = nlmsg_data(h);
	if (nlmsg_parse(h, sizeof *m, of, NETCONFA_MAX, netconf_policy) < 0 || m->ncm_family != AF_INET6 ||
	    !of[NETCONFA_IFINDEX] || !of[NETCONFA_FORWARDING])
		return false;
	event->type = KERNEL_FORWARDING;
	event->ifindex = nla_get_u32(of[NETCONFA_IFINDEX]);
	event->forwarding = nla_get_u32(of[NETCONFA_FORWARDING]) != 0;
	return (int)event->ifindex > 0; /* below are those that stand for all links, and for new ones */
}

bool message_event(struct nlmsghdr *h, struct kernel_event *event)
{
	*event = (struct kernel_event){0};
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK: return link_event(h, event);
	case RTM_NEWADDR:
	case RTM_DELADDR: return address_event(h, event);
	case RTM_NEWNETCONF: return forwarding_event(h, event);
	default: return false;
	}
}

bool message_unresolved(struct nlmsghdr *h, unsigned ifindex, struct address *address)
{
	struct nlattr *of[NDA_MAX + 1];
	const struct ndmsg *m = nlmsg_data(h);
	if (h->nlmsg_type != RTM_NEWNEIGH || nlmsg_parse(h, sizeof *m, of, NDA_MAX, neighbour_policy) < 0 ||
	    (unsigned)m->ndm_ifindex != ifindex || !(m->ndm_state & NUD_INCOMPLETE) || !of[NDA_DST])
		return false;
	return take_address(m->ndm_family, of[NDA_DST], address);
}
