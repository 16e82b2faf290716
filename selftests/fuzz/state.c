// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the arena is like when a program has ended: its mappings with their flags, the entries of
 * their pages, and what the pages have. Only pages that are there or in swap are looked into, and only
 * after the contexts are closed: looking into others would fault. The entries are noted before that,
 * because looking brings pages in. What can't be read because it is protected is left out, as a
 * context may still be open in a child, or for a call that waits; so is what is protected and looks
 * swapped, which may be the mark of a page that isn't there.
 */
#include "executor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In /proc/self/pagemap: */
#define PRESENT	  (1ull << 63)
#define SWAPPED	  (1ull << 62)
#define FILE_PAGE (1ull << 61)
#define PROTECTED (1ull << 57)
#define SEEN	  (PRESENT | SWAPPED | FILE_PAGE | PROTECTED)

/* Of smaps. VmFlags is the last line of a mapping. */
static const char *const fields[] = {
	"Rss:", "Anonymous:", "AnonHugePages:", "Swap:", "Shared_Hugetlb:", "Private_Hugetlb:"};

/* KSM's flag depends on the backend, and whether pages were written to on the kernel. */
static const char *const left_out[] = {"mg", "sd"};

/* More than the calls of a program can make. */
#define MAPPINGS 128

static struct {
	uint64_t start, end;
	bool readable;
	bool hides_protected; /* registered so that protected pages can't even be read */
} mappings[MAPPINGS];
static unsigned int mapping_count;
static uint64_t entries[FUZZ_ARENA_PAGES];
static size_t used;

/* What doesn't fit ends the child, which then counts as a program that did not come to its end. */
static void put(const char *text, size_t length)
{
	if (used + length >= FUZZ_STATE)
		_exit(7);
	memcpy(stage.shared->transcript.state + used, text, length);
	used += length;
	stage.shared->transcript.state[used] = 0;
}

static void put_text(const char *text)
{
	put(text, strlen(text));
}

static void put_number(const char *before, uint64_t number)
{
	char text[40];

	put(text, snprintf(text, sizeof(text), "%s%llu", before, (unsigned long long)number));
}

static void put_flags(const char *line)
{
	for (line += strlen("VmFlags:"); line[0] == ' ' && line[1] && line[1] != '\n'; line += 3) {
		bool wanted = true;

		for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
			wanted &= !!strncmp(line + 1, left_out[i], 2);
		if (wanted)
			put(line, 3);
	}
}

/* Files of the child, which stay open for the next program. */
static int pagemap = -1, smaps = -1;

static void open_proc(void)
{
	if (pagemap < 0)
		pagemap = own(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	if (smaps < 0)
		smaps = own(open("/proc/self/smaps", O_RDONLY | O_CLOEXEC));
	lseek(smaps, 0, SEEK_SET);
}

/* The entries of a mapping's pages; equal ones that follow one another once, with their number. */
static void put_pages(uint64_t start, uint64_t end)
{
	uint64_t *first = &entries[(start - FUZZ_ARENA) / FUZZ_PAGE];
	size_t count = (end - start) / FUZZ_PAGE, run;

	if (pread(pagemap, first, count * 8, start / FUZZ_PAGE * 8) != (ssize_t)count * 8)
		put_text(" no pagemap");
	for (size_t i = 0; i < count; i += run) {
		for (run = 1; i + run < count && !((first[i] ^ first[i + run]) & SEEN);)
			run++;
		put_number(" ", run);
		put_text("*");
		put_text(first[i] & PRESENT ? "+" : first[i] & SWAPPED ? "s" : "-");
		put_text(first[i] & FILE_PAGE ? "f" : "");
		put_text(first[i] & PROTECTED ? "p" : "");
	}
}

/* Returns whether it is in the arena, or before it. */
static bool note_mapping(const char *line)
{
	char *rest;
	uint64_t start = strtoull(line, &rest, 16), end = strtoull(rest + 1, &rest, 16);

	if (start >= FUZZ_ARENA_END)
		return false;
	if (start < FUZZ_ARENA)
		return true;
	if (mapping_count == MAPPINGS)
		_exit(7);
	mappings[mapping_count].start = start;
	mappings[mapping_count].end = end;
	mappings[mapping_count].hides_protected = false;
	mappings[mapping_count++].readable = rest[1] == 'r';
	put_number("\np", (start - FUZZ_ARENA) / FUZZ_PAGE);
	put_number("-p", (end - FUZZ_ARENA) / FUZZ_PAGE);
	put(rest, strlen(" rwxp"));
	return true;
}

/* Returns whether there is more to come. */
static bool note_line(const char *line)
{
	/* The names of fields begin with a capital, addresses have none. */
	if (line[0] < 'A' || line[0] > 'Z')
		return note_mapping(line);
	if (!mapping_count)
		return true;
	if (!strncmp(line, "VmFlags:", 8)) {
		put_flags(line);
		mappings[mapping_count - 1].hides_protected = strstr(line, " ur");
		put_pages(mappings[mapping_count - 1].start, mappings[mapping_count - 1].end);
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strncmp(line, fields[i], strlen(fields[i]))) {
			line += strlen(fields[i]);
			put(" ", 1);
			put(line + strspn(line, " "), strcspn(line + strspn(line, " "), " "));
		}
	return true;
}

void note_state(void)
{
	/* A mapping's text fills it, so that few beyond the arena are looked at for nothing. */
	char text[1024];
	size_t kept = 0;
	ssize_t got;
	bool more = true;

	used = mapping_count = 0;
	open_proc();
	put_text("mappings:");
	while (more && (got = read(smaps, text + kept, sizeof(text) - 1 - kept)) > 0) {
		char *line = text, *end;

		text[kept + got] = 0;
		while (more && (end = strchr(line, '\n'))) {
			*end = 0;
			more = note_line(line);
			line = end + 1;
		}
		kept = strlen(line);
		memmove(text, line, kept);
	}
}

/* Of a whole page. */
static uint64_t hash_of(const uint64_t *words)
{
	uint64_t hash = 1469598103934665603ull;

	for (size_t i = 0; i < FUZZ_PAGE / 8; i++)
		hash = (hash ^ words[i]) * 1099511628211ull;
	return hash;
}

/* Pages that follow one another and have the same. */
struct run {
	uint64_t first, count;
	uint64_t hash; /* 0 if they can't be read */
};

static void put_run(const struct run *run)
{
	if (!run->count)
		return;
	put_number(" p", run->first);
	put_number("=", run->hash);
	if (run->count > 1)
		put_number("*", run->count);
}

/*
 * To compare a page with the last one is much faster than to compute its hash, and the pages of
 * huge ones are mostly alike.
 */
static uint64_t hash_after(uint64_t address, const struct run *last)
{
	static uint64_t pages[2][FUZZ_PAGE / 8];
	static unsigned int newest;
	uint64_t *page = pages[!newest];

	if (guarded_copy(page, (const void *)(uintptr_t)address, FUZZ_PAGE))
		return 0;
	if (last->hash && !memcmp(page, pages[newest], FUZZ_PAGE))
		return last->hash;
	newest = !newest;
	return hash_of(page);
}

static bool is_looked_into(uint64_t entry, bool hides_protected)
{
	if (entry & PROTECTED)
		return (entry & PRESENT) && !hides_protected;
	return entry & (PRESENT | SWAPPED);
}

void note_contents(void)
{
	static struct worker reader;
	struct run run = {0};

	self = &reader;
	put_text("\ncontents:");
	for (unsigned int i = 0; i < mapping_count; i++)
		for (uint64_t page = mappings[i].start; page < mappings[i].end; page += FUZZ_PAGE) {
			uint64_t index = (page - FUZZ_ARENA) / FUZZ_PAGE;
			uint64_t hash;

			if (!mappings[i].readable ||
			    !is_looked_into(entries[index], mappings[i].hides_protected))
				continue;
			hash = hash_after(page, &run);
			if (hash == run.hash && index == run.first + run.count) {
				run.count++;
				continue;
			}
			put_run(&run);
			run = (struct run){.first = index, .count = 1, .hash = hash};
		}
	put_run(&run);
}
