// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of range.h. */
#include <linux/userfault.h>

#include <kunit/test.h>
#include <linux/module.h>

#include "../range.h"

#define LIMIT	(1ull << 47)
#define TOP	U64_MAX

struct range_case {
	const char *name;
	u64 start;
	u64 len;
	bool unaligned_fits;	/* a valid range if the start needs no alignment */
	bool fits;		/* a valid range */
};

static const struct range_case range_cases[] = {
	{ "first page",			0,			PAGE_SIZE,	true,	true },
	{ "last page",			LIMIT - PAGE_SIZE,	PAGE_SIZE,	true,	true },
	{ "everything",			0,			LIMIT,		true,	true },
	{ "empty",			PAGE_SIZE,		0,		false,	false },
	{ "less than a page",		PAGE_SIZE,		1,		false,	false },
	{ "a page and a byte",		PAGE_SIZE,		PAGE_SIZE + 1,	false,	false },
	{ "start within a page",	PAGE_SIZE + 1,		PAGE_SIZE,	true,	false },
	{ "start at a page's end",	2 * PAGE_SIZE - 1,	PAGE_SIZE,	true,	false },
	{ "start at the limit",		LIMIT,			PAGE_SIZE,	false,	false },
	{ "start beyond the limit",	LIMIT + PAGE_SIZE,	PAGE_SIZE,	false,	false },
	{ "a byte over the limit",	LIMIT - PAGE_SIZE + 1,	PAGE_SIZE,	false,	false },
	{ "a page over the limit",	LIMIT - PAGE_SIZE,	2 * PAGE_SIZE,	false,	false },
	{ "longer than the limit",	0,			LIMIT + PAGE_SIZE, false, false },
	{ "end wraps to nothing",	PAGE_SIZE,		-PAGE_SIZE,	false,	false },
	{ "end wraps below start",	2 * PAGE_SIZE,		-PAGE_SIZE,	false,	false },
	{ "start at the very top",	TOP - PAGE_SIZE + 1,	PAGE_SIZE,	false,	false },
	{ "last byte there is",		TOP,			PAGE_SIZE,	false,	false },
};

static void range_case_name(const struct range_case *range, char *name)
{
	strscpy(name, range->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(range, range_cases, range_case_name);

static void range_is_judged(struct kunit *test)
{
	const struct range_case *range = test->param_value;

	KUNIT_EXPECT_EQ(test, uf_range_check(range->start, range->len, LIMIT),
			range->fits ? 0 : -EINVAL);
	KUNIT_EXPECT_EQ(test, uf_range_check_unaligned(range->start, range->len, LIMIT),
			range->unaligned_fits ? 0 : -EINVAL);
}

static void nothing_fits_below_no_limit(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, uf_range_check(0, PAGE_SIZE, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, uf_range_check_unaligned(0, PAGE_SIZE, 0), -EINVAL);
}

/* The limit may lie within a page. That page then lies outside. */
static void limit_within_a_page(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, uf_range_check(0, PAGE_SIZE, 2 * PAGE_SIZE - 1), 0);
	KUNIT_EXPECT_EQ(test, uf_range_check(0, 2 * PAGE_SIZE, 2 * PAGE_SIZE - 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, uf_range_check(PAGE_SIZE, PAGE_SIZE, 2 * PAGE_SIZE - 1), -EINVAL);
}

static struct kunit_case range_tests[] = {
	KUNIT_CASE_PARAM(range_is_judged, range_gen_params),
	KUNIT_CASE(nothing_fits_below_no_limit),
	KUNIT_CASE(limit_within_a_page),
	{}
};

static struct kunit_suite range_suite = {
	.name		= "userfault_range",
	.test_cases	= range_tests,
};

kunit_test_suite(range_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of userfault");
