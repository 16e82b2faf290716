/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_NL_COUNTERS_H
#define UF_NL_COUNTERS_H

#include "nl_answer.h"

/* What a context has counted: USERFAULT_CMD_COUNTERS_GET. */
extern const struct uf_answer uf_nl_counters;

#endif /* UF_NL_COUNTERS_H */
