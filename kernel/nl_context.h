/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_NL_CONTEXT_H
#define UF_NL_CONTEXT_H

#include "nl_answer.h"

/* What there is to say about a context as a whole: USERFAULT_CMD_CONTEXT_GET. */
extern const struct uf_answer uf_nl_context;

#endif /* UF_NL_CONTEXT_H */
