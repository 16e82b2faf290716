/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_NL_H
#define UF_NL_H

/*
 * At load and unload: offer the netlink family, and take it back. -ENOMEM, or -EEXIST: there is a
 * family of this name. Taking it back waits for the requests that are being answered. May sleep.
 */
int uf_nl_init(void);
void uf_nl_exit(void);

/*
 * The module is loaded for good: from here on the family also answers dumps. A dump keeps the
 * module loaded, but can't keep one whose loading fails.
 */
void uf_nl_begin(void);

#endif /* UF_NL_H */
