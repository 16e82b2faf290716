/* SPDX-License-Identifier: GPL-2.0-only */
/* Generic netlink. */
#ifndef UF_COMPAT_NETLINK_H
#define UF_COMPAT_NETLINK_H

#include <net/genetlink.h>

#include "interfaces.h"

/* The attributes of a request for a dump. */
static inline struct nlattr **uf_compat_dump_attrs(struct netlink_callback *cb)
{
#if UF_HAS_GENL_INFO_IN_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* UF_COMPAT_NETLINK_H */
