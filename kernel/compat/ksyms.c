// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the kernel functions and variables of the table, see ksyms.h.
 *
 * The kernel doesn't export them, nor (since 5.7) kallsyms_lookup_name(), but a kprobe finds the
 * latter. With IBT the probe's address is after the function's ENDBR. That is good enough for one
 * call, which asks for the function's true address.
 *
 * The probe is never armed, because it need not hit anything. Removing an armed one can fail for
 * lack of memory, and unregister_kprobe() then leaves the probe, which is on our stack, in the
 * kernel's table.
 */
#include <linux/kprobes.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "ksyms.h"

typedef unsigned long uf_kallsyms_lookup_name_fn(const char *name);
DEFINE_STATIC_CALL_NULL(uf_kallsyms_lookup_name, uf_kallsyms_lookup_name_fn);

#define UF_KSYM_DEFINE(name, purpose) DEFINE_STATIC_CALL_NULL(uf_ksym_##name, typeof(name));
UF_KSYMS(UF_KSYM_DEFINE)

static const struct uf_ksym {
	const char *name;
	const char *purpose;
	struct static_call_key *key;
	void *trampoline;
} uf_ksyms[] = {
#define UF_KSYM_ROW(sym, why)						\
	{								\
		.name = #sym,						\
		.purpose = why,						\
		.key = &STATIC_CALL_KEY(uf_ksym_##sym),			\
		.trampoline = STATIC_CALL_TRAMP_ADDR(uf_ksym_##sym),	\
	},
	UF_KSYMS(UF_KSYM_ROW)
};

#define UF_KSYM_DATA_DEFINE(name, purpose) typeof(name) *uf_ksym_data_##name __ro_after_init;
UF_KSYMS_DATA(UF_KSYM_DATA_DEFINE)

static const struct uf_ksym_datum {
	const char *name;
	const char *purpose;
	void **address;
} uf_ksyms_data[] = {
#define UF_KSYM_DATA_ROW(sym, why)					\
	{								\
		.name = #sym,						\
		.purpose = why,						\
		.address = (void **)&uf_ksym_data_##sym,		\
	},
	UF_KSYMS_DATA(UF_KSYM_DATA_ROW)
};

static int uf_ksyms_find_lookup(void)
{
	struct kprobe probe = {
		.symbol_name = "kallsyms_lookup_name",
		.flags = KPROBE_FLAG_DISABLED,
	};
	unsigned long addr;
	int err;

	err = register_kprobe(&probe);
	if (err) {
		pr_err("can't probe kallsyms_lookup_name (%d): are kprobes disabled?\n", err);
		return err;
	}
	static_call_update(uf_kallsyms_lookup_name, (uf_kallsyms_lookup_name_fn *)probe.addr);
	unregister_kprobe(&probe);

	addr = uf_ksyms_lookup(probe.symbol_name);
	static_call_update(uf_kallsyms_lookup_name, (uf_kallsyms_lookup_name_fn *)addr);
	return 0;
}

static int uf_ksyms_find_functions(void)
{
	unsigned long addr;
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(uf_ksyms); i++) {
		addr = uf_ksyms_lookup(uf_ksyms[i].name);
		if (!addr) {
			pr_err("this kernel has no %s(), needed for %s\n",
			       uf_ksyms[i].name, uf_ksyms[i].purpose);
			err = -ENOENT;
			continue;
		}
		__static_call_update(uf_ksyms[i].key, uf_ksyms[i].trampoline, (void *)addr);
	}
	return err;
}

static int uf_ksyms_find_data(void)
{
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(uf_ksyms_data); i++) {
		*uf_ksyms_data[i].address = (void *)uf_ksyms_lookup(uf_ksyms_data[i].name);
		if (*uf_ksyms_data[i].address)
			continue;
		pr_err("can't find %s, needed for %s: was this kernel built with CONFIG_KALLSYMS_ALL?\n",
		       uf_ksyms_data[i].name, uf_ksyms_data[i].purpose);
		err = -ENOENT;
	}
	return err;
}

int uf_ksyms_find(void)
{
	int err, functions;

	err = uf_ksyms_find_lookup();
	if (err)
		return err;
	functions = uf_ksyms_find_functions();
	return uf_ksyms_find_data() ?: functions;
}

void uf_ksyms_enter_at(const char *name, unsigned long entry)
{
	const struct uf_ksym *sym;

	for (sym = uf_ksyms; sym < uf_ksyms + ARRAY_SIZE(uf_ksyms); sym++)
		if (!strcmp(sym->name, name))
			__static_call_update(sym->key, sym->trampoline, (void *)entry);
}

unsigned long uf_ksyms_lookup(const char *name)
{
	return static_call(uf_kallsyms_lookup_name)(name);
}
