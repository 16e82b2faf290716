/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_NL_FAMILY_H
#define UF_NL_FAMILY_H

#include <net/genetlink.h>

#include "compat/netlink.h"

/* The netlink family; nl.c defines and registers it. */
extern struct genl_family uf_nl_family;

#endif /* UF_NL_FAMILY_H */
