/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_FILL_SOURCE_H
#define UF_FILL_SOURCE_H

/* What a fill takes its pages from. */
enum uf_fill_source {
	UF_FILL_COPY,		/* a copy of the caller's memory */
	UF_FILL_ZERO,		/* zeroes */
	UF_FILL_CONTINUE,	/* the page that the page cache has */
	UF_FILL_POISON,		/* no page: an entry that raises SIGBUS when it is touched */
	UF_FILL_SOURCES,	/* how many there are */
};

#endif /* UF_FILL_SOURCE_H */
