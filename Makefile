# SPDX-License-Identifier: GPL-2.0-only
#
# All commands of the project start here: "make help" lists them. Kbuild describes the
# module itself to the kernel's build system.

# "make try SHELL=1" asks for a shell in the VM; make would take SHELL for the shell of its recipes.
ifeq ($(origin SHELL),command line)
GUEST_SHELL := $(filter-out 0,$(SHELL))
override SHELL := /bin/sh
MAKEOVERRIDES := $(filter-out SHELL=%,$(MAKEOVERRIDES))
endif

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/userfault
# The environment can name another list, which the scripts read too. Their tests do that.
KERNEL_LIST ?= scripts/kernels
KERNEL_ROWS := $(shell KERNEL_LIST=$(KERNEL_LIST) scripts/lib/list-kernels)
# $(call kernel_field,N,ROW)
kernel_field = $(word $(1),$(subst :, ,$(2)))
# $(call kernels_with,N,VALUE): the names of the kernels whose Nth field is VALUE
kernels_with = $(strip $(foreach row,$(KERNEL_ROWS),$(if $(filter $(2),$(call kernel_field,$(1),$(row))),$(call kernel_field,1,$(row)))))
LISTED_KERNELS := $(foreach row,$(KERNEL_ROWS),$(call kernel_field,1,$(row)))
STOCK_KERNELS := $(call kernels_with,6,all)
FLAVOUR_KERNELS := $(call kernels_with,6,few)
JOBS := $(shell nproc)
# As many jobs as there are processors, unless make was given -j: known only when recipes run
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(JOBS))

# KERNEL names one kernel of the list. Without it, make builds the module for the
# running kernel, a target with one VM runs the last of the stock kernels, and the
# tests run on all stock kernels; with KERNELS=all, on their flavours too.
KERNEL :=
KERNELS :=
SANITIZERS := address thread
SANITIZER :=
RELEASE := $(shell uname -r)
ifneq ($(filter-out $(LISTED_KERNELS),$(KERNEL)),)
$(error KERNEL=$(KERNEL) is not in $(KERNEL_LIST), which has: $(LISTED_KERNELS))
endif
ifneq ($(word 2,$(KERNEL)),)
$(error KERNEL=$(KERNEL): name one kernel; without KERNEL all stock kernels are tested, with KERNELS=all their \
	flavours too)
endif
ifneq ($(filter-out $(SANITIZERS),$(SANITIZER))$(word 2,$(SANITIZER)),)
$(error SANITIZER=$(SANITIZER): name one of: $(SANITIZERS))
endif
ifneq ($(filter-out all,$(KERNELS)),)
$(error KERNELS=$(KERNELS): there is only KERNELS=all; KERNEL= names one kernel)
endif
ifneq ($(and $(KERNEL),$(KERNELS)),)
$(error KERNEL=$(KERNEL) is one kernel, KERNELS=$(KERNELS) means all: give one of the two)
endif
ifneq ($(and $(KERNEL),$(filter install install-module dkms,$(MAKECMDGOALS))),)
$(error KERNEL=$(KERNEL) is for targets that run in a VM; "$(MAKECMDGOALS)" is for the kernel that is \
	running. Leave KERNEL out, or name another kernel of this machine: RELEASE=$(RELEASE))
endif
# $(call fetched,KERNELS): those that are in the cache. Known only after the bootstrap.
fetched = $(shell for kernel in $(1); do test ! -d $(CACHE)/kernels/$$kernel || echo $$kernel; done)
VM_KERNEL = $(or $(KERNEL),$(lastword $(call fetched,$(STOCK_KERNELS))))
KERNELDIR := /lib/modules/$(RELEASE)/build
# The vmlinux with that kernel's type information, if it isn't found automatically
TYPES :=

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
INCLUDEDIR ?= $(PREFIX)/include
# Wherever the rest is installed: udev reads only these folders
UDEVDIR ?= $(if $(filter /usr,$(PREFIX)),/usr,/usr/local)/lib/udev/rules.d
MODDIR ?= /lib/modules/$(RELEASE)/updates

.PHONY: module user demo try selftests torture fuzz planted kselftest third-party nightly bench features errno-record \
	docs check analyses check-sparse check-analyzer check-layout check-interfaces install install-module \
	install-rule install-user dkms clean help bootstrap bootstrap-one \
	bootstrap-check bootstrap-stock bootstrap-packages FORCE
.DELETE_ON_ERROR:
.SECONDARY:

# The first target, for make without arguments
module:

help:
	@echo 'make                     build the module for the running kernel: build/running/userfault.ko'
	@echo 'make module KERNEL=K     build the module for a kernel of the list: build/K/userfault.ko'
	@echo 'make user                build the library, userfault-run, userfaultctl and the examples'
	@echo 'make demo [KERNEL=K] [FILE=F] [V=1]'
	@echo '                         in a VM, serve a file into the memory of another process'
	@echo 'make try [KERNEL=K] [TEST=T | SHELL=1 | STOP=1] [MEMORY=M]'
	@echo '                         build the module as it is now, load it into a VM that stays for the'
	@echo '                         next time, and run a test there; or open a shell there; or end the VM'
	@echo 'make selftests [KERNEL=K | KERNELS=all] [NATIVE=K] [TEST=T [PART=I/N]] [MEMORY=M] [V=1]'
	@echo '                         build everything and run all tests, in VMs; T is a name, in which a *'
	@echo '                         at the end is any text, or a [tag]; TEST=few runs a few of them,'
	@echo '                         with PART=1/4 a quarter of these;'
	@echo '                         TEST=runner tests the runner itself, TEST=kunit runs the KUnit tests;'
	@echo '                         M is the memory of each VM, 3G say; V=1 shows their console; natively the'
	@echo '                         tests run on each kernel, or only on that of NATIVE'
	@echo 'make selftests SANITIZER=address|thread [KERNEL=K] [TEST=T] [MEMORY=M] [V=1]'
	@echo '                         the same with the library and the tools built with AddressSanitizer and'
	@echo '                         UndefinedBehaviorSanitizer, or with ThreadSanitizer, on one kernel'
	@echo 'make torture [KERNEL=K] [SECONDS=60] [SEED=N] [ROUND=N] [MEMORY=M] [V=1]'
	@echo '                         let everything that memory can meet happen at once, in a VM, and check'
	@echo '                         all data; the same seed has each thread and process do the same again'
	@echo 'make kselftest [KERNEL=K] [TEST=P] [V=1]'
	@echo '                         build and run the tests, including those in C, as a target of the'
	@echo "                         kernel's own framework, in a VM; P is a program: 'abi_*' those in C"
	@echo 'make third-party [KERNEL=K] [BOUNCES=N] [APART=1] [V=1]'
	@echo "                         build and run the kernel's own programs that test userfaultfd(2),"
	@echo '                         natively and through userfault-run, in VMs; those that copy memory to'
	@echo '                         and fro do it N times; APART=1: in two VMs of one processor, side by'
	@echo '                         side; V=1 shows their output'
	@echo 'make planted [KERNEL=K] [BUG=B] [PART=P]'
	@echo '                         plant the bugs of selftests/planted in copies of the module, or some of'
	@echo '                         them, and show which tests find each, in VMs, after how many seconds;'
	@echo '                         P is one part of the tests: KUnit, selftests, fuzz or torture'
	@echo 'make bench [KERNEL=K] [TEST=T] [V=1]'
	@echo '                         compare the module with native userfaultfd, in executed instructions:'
	@echo '                         prints a table, and writes build/bench/K.json; T is a part of a name;'
	@echo '                         "build/selftests/bench compare FILE FILE" compares two such files'
	@echo 'make fuzz [KERNEL=K] [SECONDS=60] [SEED=N] [V=1]'
	@echo '                         make random sequences of calls on the module and on native userfaultfd,'
	@echo '                         in a VM, and compare; "scripts/fuzz --replay FILE" makes one again'
	@echo 'make check [TOOL=T]      analyze the sources with sparse, checkpatch, coccinelle, clang-tidy and others,'
	@echo '                         or with one tool: "scripts/check --help" lists them'
	@echo 'scripts/gate             tests and checks before a change goes in: half an hour'
	@echo 'make nightly             all of it but the bench, for most of a day'
	@echo 'make check-layout        print which file of kernel/ includes which; fail if there is a circle'
	@echo 'make check-interfaces [KERNEL=K | KERNELS=all]'
	@echo "                         compare the module's declarations of mm's private functions with the"
	@echo '                         type information of kernels of the list'
	@echo 'make features            ask each stock kernel in a VM what the module and native'
	@echo '                         userfaultfd offer, and write it to Documentation/features.rst'
	@echo 'make errno-record [KERNEL=K]'
	@echo "                         write selftests/errno/record anew: the module's answers to wrong calls of"
	@echo "                         commands that older kernels don't have; the tests compare with it there"
	@echo 'make docs                check Documentation/, and convert it to HTML in build/Documentation/'
	@echo 'make install [PREFIX=P] [DESTDIR=D]'
	@echo '                         install the module for the running kernel with its udev rule, the'
	@echo '                         library, userfault-run and userfaultctl; install-module installs only the first two,'
	@echo '                         install-user only the others'
	@echo 'make dkms                hand the module to DKMS, to be rebuilt for each new kernel, and'
	@echo '                         install its udev rule'
	@echo 'make clean               remove build/ (the cache of kernels, $(CACHE), stays)'
	@echo 'Kernels of the list: $(LISTED_KERNELS)'
	@echo 'Without KERNEL=, all tests run on: $(STOCK_KERNELS); with KERNELS=all, a few run on the others too.'
	@echo 'Targets that use one VM then run on $(lastword $(STOCK_KERNELS)), or the last of these that could be fetched.'

bootstrap:
	@scripts/bootstrap $(or $(KERNEL),$(if $(KERNELS),--flavours))

bootstrap-one:
	@scripts/bootstrap $(or $(KERNEL),--one)

bootstrap-check:
	@scripts/bootstrap --check $(CHECKED_KERNEL)

bootstrap-stock:
	@scripts/bootstrap $(STOCK_KERNELS)

bootstrap-packages:
	@scripts/bootstrap --packages

# The kernels that the bootstrap has provided
NEEDED_KERNELS = $(or $(KERNEL),$(if $(SANITIZER),$(VM_KERNEL)),$(call fetched,$(STOCK_KERNELS) $(if $(KERNELS),$(FLAVOUR_KERNELS))))

# --- the module ---------------------------------------------------------------

ifdef KERNEL
module: bootstrap-one
	+@$(MAKE) --no-print-directory $(PARALLEL) build/$(KERNEL)/userfault.ko
else
module: build/running/userfault.ko
endif

# The kernel's build system wants sources and objects in one folder: this gives it a
# folder with links to the sources.
#
# $(call kbuild,KERNELDIR,FOLDER,SOURCES,VARIABLES,MAKE,TARGET). A warning is an error
# only for the kernels of the list, whose compilers are known.
define kbuild
@mkdir -p $(2)
@cp -rsf $(abspath $(3)) $(2)/
@find $(2) -xtype l -delete
+@$(or $(5),$(MAKE)) --no-print-directory -C $(1) M=$(abspath $(2)) $(4) $(or $(6),modules)
endef
MODULE_SOURCES := Kbuild kernel uapi

# This compares the interfaces before it builds anything else, because a change may be no
# error to the compiler. If the kernel has no type information to compare with, then either
# its series was compared with its sources, or kernel/compat/interfaces.h refuses it.
build/running/userfault.ko: FORCE
	@test -e $(KERNELDIR)/Makefile || { \
		echo "make: there are no headers of kernel $(RELEASE) in $(KERNELDIR)" >&2; \
		echo "  Install them (Debian: apt install linux-headers-$(RELEASE))," >&2; \
		echo "  or build for a kernel of the list: make module KERNEL=$(lastword $(STOCK_KERNELS))" >&2; \
		exit 1; }
	$(call kbuild,$(KERNELDIR),build/running,$(MODULE_SOURCES),UF_CHECKED=y,,kernel/compat/check_interfaces.o)
	@scripts/check-interfaces --release $(RELEASE) $(if $(TYPES),--types $(TYPES)); case $$? in \
	0) rm -f build/running/unchecked ;; \
	3) echo "make: userfault isn't built for Linux $(RELEASE), whose mm differs from what it knows" >&2; \
	   echo "  What differs is named above; Documentation/hacking.rst says how to add a kernel." >&2; \
	   exit 1 ;; \
	*) touch build/running/unchecked ;; esac
	$(call kbuild,$(KERNELDIR),build/running,$(MODULE_SOURCES),$$(test -e build/running/unchecked || echo UF_CHECKED=y))

# $(call kernel_make,KERNEL): the make that has the compiler for that kernel, on this
# machine or in a build folder
kernel_make = $(if $(filter-out host,$(call compiler,$(1))),scripts/in-folder $(call compiler,$(1)) make -j$(JOBS))
compiler = $(call kernel_field,5,$(filter $(1):%,$(KERNEL_ROWS)))

$(LISTED_KERNELS:%=build/%/userfault.ko): build/%/userfault.ko: FORCE
	$(call kbuild,$(CACHE)/kernels/$*/build,build/$*,$(MODULE_SOURCES),KCFLAGS=-Werror,$(call kernel_make,$*))

# The module with a planted bug: the stem is KERNEL/BUG. All bugs of a kernel are built in the same
# folder, one after the other, so that each takes only the objects that differ from the last one's.
build/planted/%/userfault.ko: FORCE
	@mkdir -p build/planted/$(*D)/sources $(@D)
	@rsync -rc --delete $(MODULE_SOURCES) build/planted/$(*D)/sources/
	@patch -s -p1 --fuzz=0 --no-backup-if-mismatch -d build/planted/$(*D)/sources <selftests/planted/$(*F).patch
	$(call kbuild,$(CACHE)/kernels/$(*D)/build,build/planted/$(*D)/objects,$(MODULE_SOURCES:%=build/planted/$(*D)/sources/%),KCFLAGS=-Werror,$(call kernel_make,$(*D)))
	@cp build/planted/$(*D)/objects/userfault*.ko $(@D)/

# Modules that misbehave, to prove that the runner notices it. After the module, whose folder theirs is
# in: its rule looks through all of that.
build/%/runner: FORCE | build/%/userfault.ko
	$(call kbuild,$(CACHE)/kernels/$*/build,build/$*/runner,$(wildcard scripts/tests/modules/*.[ch]) scripts/tests/modules/Kbuild,KCFLAGS=-Werror,$(call kernel_make,$*))

check-layout:
	@scripts/check-layout

$(LISTED_KERNELS:%=build/%/kernel/compat/check_interfaces.o): build/%/kernel/compat/check_interfaces.o: FORCE
	$(call kbuild,$(CACHE)/kernels/$*/build,build/$*,$(MODULE_SOURCES),UF_CHECKED=y,$(call kernel_make,$*),kernel/compat/check_interfaces.o)

# Kernels that were built on this machine have a stock kernel's sources, and no type information.
TYPED_KERNELS = $(filter $(STOCK_KERNELS) $(FLAVOUR_KERNELS),$(NEEDED_KERNELS))
check_interfaces = for kernel in $(TYPED_KERNELS); do \
	scripts/check-interfaces $$kernel || exit; done

check-interfaces: bootstrap
	$(build) $(TYPED_KERNELS:%=build/%/kernel/compat/check_interfaces.o)
	@$(check_interfaces)

# --- the library and the programs ---------------------------------------------

CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
WERROR ?= -Werror
USER_FLAGS := -Wall -Wextra $(WERROR) -pthread -Iuapi -Iuser/include -MMD -MP
USER_CFLAGS := -std=gnu11 $(USER_FLAGS)
USER_CXXFLAGS := -std=c++23 $(USER_FLAGS)

sources = $(wildcard $(1)/*.cpp)
objects = $(patsubst %.cpp,build/obj/%.o,$(call sources,$(1)))

LIBRARY := build/user/libuserfault.a build/user/libuserfault.so
EXAMPLES := $(patsubst user/examples/%.cpp,build/user/examples/%,$(call sources,user/examples))
REDIRECT := build/user/redirect/userfault-run build/user/redirect/libuserfault-redirect.so
USERFAULTCTL := build/user/userfaultctl/userfaultctl
# Programs that the tests run through userfault-run: dynamic ones, and some that it has to refuse
REDIRECTED := $(addprefix build/selftests/redirect/,probe probe-static probe-static-32 probe-32 entries.so early.so)
# What is built for 32 bits: the tests of the raw ABI, and programs that meet one of 64 bits
COMPAT := $(patsubst selftests/abi/%.c,build/selftests/32/%,$(wildcard selftests/abi/*.c)) \
	$(patsubst selftests/compat/%.c,build/selftests/32/%,$(wildcard selftests/compat/*.c))
TESTS := build/selftests/selftests $(REDIRECTED) $(COMPAT) $(USERFAULTCTL) build/user/examples/demo \
	$(if $(call sources,selftests/bench),build/selftests/bench)

user: $(LIBRARY) $(REDIRECT) $(USERFAULTCTL) $(EXAMPLES)

# A build without the bootstrap says which packages the bootstrap would have installed.
#
# $(call need,CHECK,WHAT,PACKAGE)
define need
@{ $(1); } >/dev/null 2>&1 || { \
	echo "make: there is no $(2)" >&2; \
	echo "  Install it (Debian 12: apt install $(3))." >&2; \
	exit 1; }
endef

.PHONY: compilers nettle libnl
HAS_EXPECTED = echo '\#include <version>' | $(CXX) -std=c++23 -E -dM -x c++ - | grep __cpp_lib_expected
compilers:
	$(call need,command -v $(firstword $(CC)),C compiler ($(CC)),gcc)
	$(call need,$(HAS_EXPECTED),C++ compiler ($(CXX)) that has std::expected,g++)

nettle:
	$(call need,echo '#include <nettle/sha2.h>' | $(CXX) -E -x c++ -,library nettle for the demo,nettle-dev)

libnl:
	$(call need,echo '#include <netlink/genl/genl.h>' | $(CXX) -isystem /usr/include/libnl3 -E -x c++ -,library libnl for userfaultctl and the tests,libnl-genl-3-dev)

.PHONY: tool-libraries
tool-libraries:
	$(call need,printf '\#include <%s>\n' CLI/CLI.hpp fmt/core.h nlohmann/json.hpp | $(CXX) -std=c++23 -E -x c++ -,library for userfaultctl (CLI11 or fmt or nlohmann-json),libcli11-dev libfmt-dev nlohmann-json3-dev)

build/obj/user/examples/demo.o: | nettle

build/obj/%.o: %.cpp | compilers
	@mkdir -p $(@D)
	@echo '  CXX     $<'
	@$(CXX) $(USER_CXXFLAGS) $(CXXFLAGS) -c -o $@ $<

define compile_c
@mkdir -p $(@D)
@echo '  CC      $<'
@$(CC) $(USER_CFLAGS) $(ARCH_CFLAGS) $(CFLAGS) -c -o $@ $<
endef

build/obj/%.o: %.c | compilers
	$(compile_c)

# For 32 bits. The headers of this machine's architecture serve both.
for_32_bits = -m32 -D_FILE_OFFSET_BITS=64 -idirafter /usr/include/$(shell $(CC) -print-multiarch)

build/obj/32/%.o: ARCH_CFLAGS = $(for_32_bits)
build/obj/32/%.o: %.c | compilers
	$(compile_c)

$(call objects,user/src): USER_CXXFLAGS += -fPIC

# What speaks to the module's netlink family: the tests use it, too.
NETLINK_CLIENT := $(addprefix build/obj/user/userfaultctl/,client.o socket.o no_names.o)
LIBNL := -lnl-genl-3 -lnl-3
LIBNL_FLAGS := -Iuser -isystem /usr/include/libnl3 -DFMT_HEADER_ONLY
LIBNL_USERS := $(call sources,user/userfaultctl) selftests/torture/watching.cpp \
	$(addprefix selftests/tests/,netlink_test.cpp injected_netlink_test.cpp)
USES_LIBNL := $(LIBNL_USERS:%.cpp=build/obj/%.o)
$(USES_LIBNL): USER_CXXFLAGS += $(LIBNL_FLAGS)
$(USES_LIBNL): | libnl
$(call objects,user/userfaultctl): | tool-libraries

# The optimizer takes long for the tests' assertions, and gains little: so the tests are
# built with -Og, and so are the torture and the fuzzer. The headers that most files include are
# compiled once; each file still includes what it needs. In cases.cpp the same header brings in
# the implementation of Catch2.
TEST_ROOMS := $(addprefix selftests/,harness lib tests errno)
TEST_OBJECTS := $(foreach room,$(TEST_ROOMS),$(call objects,$(room)))
TORTURE_OBJECTS := $(call objects,selftests/torture)
FUZZ_OBJECTS := $(call objects,selftests/fuzz)
LIGHTLY_OPTIMIZED := $(TEST_OBJECTS) $(TORTURE_OBJECTS) $(FUZZ_OBJECTS)
PRECOMPILED := build/obj/selftests/precompiled.hpp.gch
WITH_PRECOMPILED := $(filter-out %/cases.o,$(LIGHTLY_OPTIMIZED))
$(LIGHTLY_OPTIMIZED): USER_CXXFLAGS += -Iselftests
$(LIGHTLY_OPTIMIZED) $(PRECOMPILED): CXXFLAGS := $(if $(filter file,$(origin CXXFLAGS)),-Og,$(CXXFLAGS))
$(WITH_PRECOMPILED): USER_CXXFLAGS += -include $(PRECOMPILED:.gch=)
$(WITH_PRECOMPILED): $(PRECOMPILED)

# The header is copied, because -include looks for its name without .gch first.
$(PRECOMPILED): selftests/harness/precompiled.hpp | compilers
	@mkdir -p $(@D)
	@echo '  CXX     $<'
	@cp $< $(@:.gch=)
	@$(CXX) $(USER_CXXFLAGS) $(CXXFLAGS) -MT $@ -x c++-header -o $@ $(@:.gch=)

build/user/libuserfault.a: $(call objects,user/src)
	@mkdir -p $(@D)
	@echo '  AR      $@'
	@rm -f $@
	@$(AR) rcs $@ $^

build/user/libuserfault.so: $(call objects,user/src) user/libuserfault.map
	@mkdir -p $(@D)
	@echo '  LD      $@'
	@$(CXX) -shared -Wl,-soname,$(@F).0 -Wl,--version-script=user/libuserfault.map $(LDFLAGS) \
		-o $@ $(filter %.o,$^)

# With _FORTIFY_SOURCE the library could not define open().
REDIRECT_OBJECTS := $(patsubst %.c,build/obj/%.o,$(wildcard user/redirect/*.c))
$(REDIRECT_OBJECTS): USER_CFLAGS += -fPIC -fvisibility=hidden -U_FORTIFY_SOURCE

build/user/redirect/libuserfault-redirect.so: $(REDIRECT_OBJECTS)
	@mkdir -p $(@D)
	@echo '  LD      $@'
	@$(CC) -shared -Wl,-soname,$(@F) -Wl,-z,defs,-z,now $(LDFLAGS) -o $@ $^

# Programs are static: the guest has no libraries.
define link
@mkdir -p $(@D)
@echo '  LD      $@'
@$(CXX) $(or $(STATIC),-static) -pthread $(LDFLAGS) -o $@ $^ $(LDLIBS)
endef

build/user/examples/demo: LDLIBS += -lnettle

build/user/examples/%: build/obj/user/examples/%.o build/user/libuserfault.a
	$(link)

build/user/redirect/userfault-run: $(call objects,user/redirect)
	$(link)

$(USERFAULTCTL): LDLIBS += $(LIBNL)
$(USERFAULTCTL): $(call objects,user/userfaultctl) build/user/libuserfault.a
	$(link)

# A guest would take long to unpack what is only for a debugger.
build/selftests/selftests build/selftests/bench build/selftests/torture build/selftests/fuzz $(USERFAULTCTL): LDFLAGS += -s

build/selftests/selftests: LDLIBS += $(LIBNL)
build/selftests/selftests: $(TEST_OBJECTS) $(NETLINK_CLIENT) build/user/libuserfault.a
	$(link)

build/selftests/bench: $(call objects,selftests/bench) build/user/libuserfault.a
	$(link)

# It uses what the tests use, but Catch2's main() and what belongs to it.
build/selftests/torture: LDLIBS += $(LIBNL)
build/selftests/torture: $(TORTURE_OBJECTS) \
	$(addprefix build/obj/selftests/harness/,backend.o kernel_log.o kmemleak.o loaded_module.o processes.o) \
	$(NETLINK_CLIENT) build/user/libuserfault.a
	$(link)

# The fuzzer compares as the tests of errno do. What makes the calls is in C, for 32 bits too.
FUZZ_C_OBJECTS := $(patsubst %.c,build/obj/%.o,$(wildcard selftests/fuzz/*.c))
$(FUZZ_C_OBJECTS) $(FUZZ_C_OBJECTS:build/obj/%=build/obj/32/%): USER_CFLAGS += -D_GNU_SOURCE

# The arena comes before the program's own memory: then its mappings are the first to be listed, the
# heap isn't in it, and no range that begins there and isn't absurd has anything of the program, which
# must not wait for a monitor.
build/selftests/fuzz: STATIC := -static-pie
build/selftests/32/fuzz: LDFLAGS += -Wl,-Ttext-segment=0x40000000

build/selftests/fuzz: $(FUZZ_OBJECTS) $(filter-out %/thirty_two.o,$(FUZZ_C_OBJECTS)) \
	$(addprefix build/obj/selftests/,errno/reasons.o $(addprefix harness/,backend.o free_memory.o kernel_log.o kmemleak.o)) \
	build/user/libuserfault.a
	$(link)

PROBE_OBJECTS := $(addprefix build/obj/selftests/redirect/, \
	probe.o crowd.o entries.o minor.o sandboxes.o stderr.o strangers.o ways.o)
PROBE_OBJECTS_32 := $(PROBE_OBJECTS:build/obj/%=build/obj/32/%)

$(PROBE_OBJECTS): USER_CFLAGS += -fPIC

build/selftests/redirect/probe: $(PROBE_OBJECTS)
	@mkdir -p $(@D)
	@echo '  LD      $@'
	@$(CC) -pthread $(LDFLAGS) -o $@ $^

# The linker warns of dlopen() in a static program; this one doesn't call it.
build/selftests/redirect/probe-static: $(PROBE_OBJECTS)
	@mkdir -p $(@D)
	@echo '  LD      $@'
	@$(CC) -static -pthread -Wl,--no-warnings $(LDFLAGS) -o $@ $^

define link_32
@mkdir -p $(@D)
@echo '  LD      $@'
@$(CC) -m32 -static -pthread $(LDFLAGS) -o $@ $^
endef

build/selftests/redirect/probe-static-32: LDFLAGS += -Wl,--no-warnings
build/selftests/redirect/probe-static-32: $(PROBE_OBJECTS_32)
	$(link_32)

build/obj/selftests/redirect/early.o: USER_CFLAGS += -fPIC

build/selftests/redirect/%.so: build/obj/selftests/redirect/%.o
	@mkdir -p $(@D)
	@echo '  LD      $@'
	@$(CC) -shared $(LDFLAGS) -o $@ $^

build/selftests/redirect/probe-32: selftests/redirect/thirty_two.c
	@mkdir -p $(@D)
	@echo '  CC      $@'
	@$(CC) -m32 -nostdlib -pie -Wl,--dynamic-linker=/lib/ld-linux.so.2 -o $@ $<

# The tests of the raw ABI need the kernel's harness for tests in C.
KSELFTEST_HARNESS := $(CACHE)/kselftest/tools/testing/selftests/kselftest_harness.h

$(KSELFTEST_HARNESS):
	@scripts/lib/fetch-kselftest

ABI_OBJECTS := $(patsubst %.c,build/obj/32/%.o,$(wildcard selftests/abi/*.c))
$(ABI_OBJECTS): USER_CFLAGS += -D_GNU_SOURCE -isystem $(dir $(KSELFTEST_HARNESS))
$(ABI_OBJECTS): | $(KSELFTEST_HARNESS)

build/selftests/32/%: build/obj/32/selftests/abi/%.o
	$(link_32)

build/selftests/32/%: build/obj/32/selftests/compat/%.o
	$(link_32)

build/selftests/32/fuzz: $(FUZZ_C_OBJECTS:build/obj/%=build/obj/32/%)
	$(link_32)

# --- the library and the tools with sanitizers ---------------------------------

# build/address/ has AddressSanitizer and UndefinedBehaviorSanitizer, build/thread/ has ThreadSanitizer.
# The library, the tools, the probe and the tests of the library are built with them. All other tests are
# the same objects as without: they take long to compile, and it isn't they that are examined. These
# programs are linked dynamically, because the runtimes are libraries.
SANITIZE_address := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_thread := -fsanitize=thread
SANITIZED_PROGRAMS := user/examples/demo user/redirect/userfault-run user/redirect/libuserfault-redirect.so \
	selftests/redirect/probe selftests/selftests
SANITIZED := $(foreach each,$(SANITIZERS),$(SANITIZED_PROGRAMS:%=build/$(each)/%))
SANITIZED_TESTS := build/obj/selftests/tests/library_test.o

# $(call sanitized_objects,SANITIZER,OBJECTS)
sanitized_objects = $(patsubst build/obj/%,build/$(1)/obj/%,$(2))

# $(call link_sanitized,SANITIZER,COMPILER)
define link_sanitized
@mkdir -p $(@D)
@echo '  LD      $@'
@$(2) $(SANITIZE_$(1)) -pthread $(LDFLAGS) -o $@ $^ $(LDLIBS)
endef

define sanitized_rules
build/$(1)/obj/%.o: %.cpp | compilers
	@mkdir -p $$(@D)
	@echo '  CXX     $$< ($(1))'
	@$$(CXX) $$(USER_CXXFLAGS) -Iselftests -fPIC -O1 -g -fno-omit-frame-pointer $$(SANITIZE_$(1)) -c -o $$@ $$<

build/$(1)/obj/%.o: %.c | compilers
	@mkdir -p $$(@D)
	@echo '  CC      $$< ($(1))'
	@$$(CC) $$(USER_CFLAGS) -fPIC -O1 -g -fno-omit-frame-pointer $$(SANITIZE_$(1)) -c -o $$@ $$<

build/$(1)/obj/user/examples/demo.o: | nettle
$(call sanitized_objects,$(1),$(REDIRECT_OBJECTS)): USER_CFLAGS += -fvisibility=hidden -U_FORTIFY_SOURCE

build/$(1)/user/examples/demo: LDLIBS += -lnettle
build/$(1)/user/examples/demo: $(call sanitized_objects,$(1),$(call objects,user/examples) $(call objects,user/src))
build/$(1)/user/redirect/userfault-run: $(call sanitized_objects,$(1),$(call objects,user/redirect))
build/$(1)/user/redirect/libuserfault-redirect.so: LDFLAGS += -shared -Wl,-soname,libuserfault-redirect.so
build/$(1)/user/redirect/libuserfault-redirect.so: $(call sanitized_objects,$(1),$(REDIRECT_OBJECTS))
build/$(1)/selftests/redirect/probe: $(call sanitized_objects,$(1),$(PROBE_OBJECTS))
build/$(1)/selftests/redirect/probe build/$(1)/user/redirect/libuserfault-redirect.so: \
	build/$(1)/obj/selftests/sanitized/redirected.o
# Functions keep their names for the stack traces of reports; the rest takes a guest long to unpack.
build/$(1)/selftests/selftests: LDFLAGS += -Wl,-S
build/$(1)/selftests/selftests: LDLIBS += $(LIBNL)
build/$(1)/selftests/selftests: $(call sanitized_objects,$(1),$(SANITIZED_TESTS) $(call objects,user/src) \
	$(call objects,selftests/sanitized)) $(filter-out $(SANITIZED_TESTS),$(TEST_OBJECTS)) $(NETLINK_CLIENT)

$(SANITIZED_PROGRAMS:%=build/$(1)/%): build/$(1)/obj/selftests/sanitized/options.o
	$$(call link_sanitized,$(1),$$(if $$(filter %.so %/probe,$$@),$$(CC),$$(CXX)))
endef
$(foreach each,$(SANITIZERS),$(eval $(call sanitized_rules,$(each))))

-include $(shell find build/obj $(SANITIZERS:%=build/%/obj) -name '*.d' 2>/dev/null)

# --- analyzing the sources ---------------------------------------------------

# The newest stock kernel whose modules this machine's compiler builds: sparse runs beside it.
CHECKED_KERNEL = $(lastword $(foreach kernel,$(STOCK_KERNELS),$(if $(filter host,$(call compiler,$(kernel))),$(kernel))))
TOOL :=

check: bootstrap-check
	$(if $(TOOL),,$(build) docs)
	@scripts/check --kernel $(CHECKED_KERNEL) $(TOOL)

# Analyzers that take seconds for a file: scripts/check runs these commands, and remembers which had
# nothing to say. A line has the tool, the file and the command.
ANALYZED_C := $(foreach folder,user/redirect selftests/redirect selftests/sanitized selftests/abi selftests/compat \
	selftests/fuzz,$(wildcard $(folder)/*.c))
TIDIED := $(shell find user selftests -name '*.cpp')
flags_in_abi = -D_GNU_SOURCE -isystem $(dir $(KSELFTEST_HARNESS))
flags_in_compat = $(for_32_bits)
flags_in_fuzz = -D_GNU_SOURCE

analyses: | compilers $(KSELFTEST_HARNESS)
	$(foreach file,$(TIDIED),$(info tidy $(file) clang-tidy-22 --quiet $(file) -- \
		$(filter-out -M%,$(USER_CXXFLAGS)) -Iselftests$(if $(filter $(file),$(LIBNL_USERS)), $(LIBNL_FLAGS))))
	$(foreach file,$(ANALYZED_C),$(info analyzer $(file) $(filter-out ccache,$(CC)) \
		$(filter-out -M%,$(USER_CFLAGS)) $(flags_in_$(notdir $(patsubst %/,%,$(dir $(file))))) \
		-O2 -fanalyzer -c -o /dev/null $(file)))
	@:

# sparse is also run beside 6.1, whose own headers don't balance locks in its eyes, and for the unit
# tests beside the debug kernel, if that is there. What is compiled for other kernels only isn't seen:
# they want a newer sparse. It knows no __has_include; these kernels have none of the headers that are
# asked for.
SPARSE_KERNELS = $(CHECKED_KERNEL) $(foreach kernel,6.1 6.12-debug,$(if $(wildcard $(CACHE)/kernels/$(kernel)),$(kernel)))
sparse_options_for_6.1 = -Wno-context

check-sparse: $(SPARSE_KERNELS:%=check-sparse-%)

check-sparse-%:
	$(call kbuild,$(CACHE)/kernels/$*/build,build/sparse/$*,$(MODULE_SOURCES),KCFLAGS=-Werror C=2 \
		CF="-Wsparse-error $(sparse_options_for_$*) -D'__has_include(header)=0'")

# The module; the rest of the C is in ANALYZED_C. What is built already would say nothing. It is also analyzed for the
# newest kernel, if that is there, by the compiler that the module is built with for it: parts of the module are for
# newer kernels only.
ANALYZED_KERNELS = $(sort $(CHECKED_KERNEL) $(lastword $(call fetched,$(STOCK_KERNELS))))

check-analyzer: $(ANALYZED_KERNELS:%=check-analyzer-%)

check-analyzer-%:
	@rm -rf build/analyzer/$*
	$(call kbuild,$(CACHE)/kernels/$*/build,build/analyzer/$*,$(MODULE_SOURCES),KCFLAGS="-fanalyzer \
		-fdiagnostics-path-format=none -fno-diagnostics-show-caret -ftrack-macro-expansion=0",$(call kernel_make,$*))

# --- what runs in a VM --------------------------------------------------------

# By default the demo serves a file that each machine has on which it can be built: the
# compiler, 35 MB.
FILE = $(shell $(CXX) -print-prog-name=cc1plus)
TEST :=
NATIVE :=
PART :=
V :=
verbose := $(if $(filter-out 0,$(V)),-v)

# A build that has to come after the bootstrap takes a make of its own
build = +@$(MAKE) --no-print-directory $(PARALLEL)

# Quotes its argument, so that it is one word for the shell
quoted = '$(subst ','\'',$(1))'

demo: bootstrap-one
	@file=$(call quoted,$(FILE)); test -f "$$file" || { \
		echo "make: FILE=$$file is no file" >&2; \
		echo "  Name a file, or leave FILE out: then the demo serves the compiler." >&2; \
		exit 1; }
	$(build) build/$(VM_KERNEL)/userfault.ko build/user/examples/demo
	@file=$(call quoted,$(FILE)); inside=/root/$${file##*/}; \
	scripts/vm --kernel $(VM_KERNEL) $(verbose) --carry build/user/examples/demo:/bin/demo \
		--carry "$$file:$$inside" -- demo "$$inside"

# One sanitizer's programs if it is named; else those of all, for a run of everything and for the runner's
# own tests
NEEDED_SANITIZED = $(if $(SANITIZER),$(filter build/$(SANITIZER)/%,$(SANITIZED)),$(if \
	$(or $(filter runner,$(TEST)),$(if $(KERNEL)$(TEST),,all)),$(SANITIZED)))

selftests: bootstrap
	$(build) user $(TESTS) build/selftests/torture $(if $(TEST)$(SANITIZER),,docs) $(NEEDED_SANITIZED) \
		$(NEEDED_KERNELS:%=build/%/userfault.ko) $(NEEDED_KERNELS:%=build/%/runner)
	$(if $(TEST)$(SANITIZER),,$(build) $(TYPED_KERNELS:%=build/%/kernel/compat/check_interfaces.o))
	@$(if $(TEST)$(SANITIZER),:,scripts/check-layout >/dev/null && $(check_interfaces))
	@scripts/selftests $(verbose) $(if $(MEMORY),--memory $(MEMORY)) $(NEEDED_KERNELS:%=--kernel %) \
		$(NATIVE:%=--native %) $(PART:%=--part %) $(SANITIZER:%=--sanitizer %) \
		$(if $(KERNEL)$(TEST)$(SANITIZER),,--sanitized --runner) \
		$(if $(TEST),-- $(call quoted,$(TEST)))

SECONDS :=
SEED :=
ROUND :=
torture: bootstrap-one
	$(build) build/selftests/torture build/$(VM_KERNEL)/userfault.ko
	@scripts/torture $(verbose) --kernel $(VM_KERNEL) $(if $(MEMORY),--memory $(MEMORY)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) $(if $(ROUND),--round $(ROUND))

# Keeps its VM: so what only a booting VM needs is built only before a boot.
STOP :=
try: bootstrap-one
	$(if $(STOP),,$(build) build/$(VM_KERNEL)/userfault.ko build/selftests/selftests \
		$(if $(wildcard build/try/$(VM_KERNEL)/pid),,$(REDIRECT) $(TESTS) build/$(VM_KERNEL)/runner))
	@scripts/try --kernel $(VM_KERNEL) $(if $(MEMORY),--memory $(MEMORY)) \
		$(if $(STOP),--stop) $(if $(GUEST_SHELL),--shell) $(if $(TEST),-- $(call quoted,$(TEST)))

# selftests/ as a folder of a kernel tree, with as much of that tree as it needs
KSELFTEST := build/kselftest/tools/testing/selftests

kselftest: bootstrap-one
	@scripts/lib/fetch-kselftest
	$(build) $(TESTS) $(REDIRECT) build/$(VM_KERNEL)/userfault.ko build/$(VM_KERNEL)/runner
	@mkdir -p build/kselftest
	@cp -rsf $(CACHE)/kselftest/. build/kselftest/
	@mkdir -p $(KSELFTEST)/userfault
	@cp -rsf $(abspath selftests)/. $(KSELFTEST)/userfault/
	@find build/kselftest -xtype l -delete
	+@$(MAKE) --no-print-directory -C $(KSELFTEST) TARGETS=userfault FORCE_TARGETS=1 \
		USERFAULT=$(CURDIR) USERLDFLAGS=-static KSFT_INSTALL_PATH=$(abspath build/kselftest/installed) \
		install
	@scripts/kselftest --kernel $(VM_KERNEL) $(verbose) $(if $(TEST),$(call quoted,$(TEST)))

# Programs of others, from each kernel's sources. Their warnings are not ours to fix.
THIRD_PARTY := $(shell awk '!/^\#/ && NF { print $$1 }' scripts/third-party-programs | sort -u)

BOUNCES :=
APART :=

third-party: bootstrap
	@for kernel in $(NEEDED_KERNELS); do scripts/lib/fetch-mm-tests $$kernel || exit; done
	$(build) $(REDIRECT) $(NEEDED_KERNELS:%=build/%/userfault.ko) $(NEEDED_KERNELS:%=build/third-party/%)
	@scripts/third-party $(verbose) $(BOUNCES:%=--bounces %) $(APART:%=--apart) $(NEEDED_KERNELS:%=--kernel %)

$(LISTED_KERNELS:%=build/third-party/%): build/third-party/%: FORCE
	@mkdir -p $@
	@cp -rsf $(CACHE)/mm-tests/$*/. $@/
	@find $@ -xtype l -delete
	+@cd $@/tools/testing/selftests/[mv]m && $(MAKE) --no-print-directory OUTPUT=$$PWD EXTRA_CFLAGS=-w \
		$$(for name in $(THIRD_PARTY); do test ! -e $$name.c || echo $$PWD/$$name; done)

# Bugs that are planted in the module, each as KERNEL/BUG
BUG :=
# Asked for once. All lines expand before the first one runs, which is the check: what is wrong is its to say.
PLANTED = $(eval PLANTED := $$(shell scripts/planted --list $(PLANTED_WORDS) 2>/dev/null))$(PLANTED)
PLANTED_WORDS = $(KERNEL:%=--kernel %) $(PART:%=--part %) $(BUG)
PLANTED_KERNELS = $(sort $(patsubst %/,%,$(dir $(PLANTED))))
PLANTED_PARTS = $(or $(PART),KUnit selftests fuzz torture)
needed_by_KUnit := build/selftests/selftests
needed_by_selftests := user $(TESTS)
needed_by_fuzz := build/selftests/fuzz build/selftests/32/fuzz
needed_by_torture := build/selftests/torture

planted:
	@scripts/planted --check $(PLANTED_WORDS)
	@scripts/bootstrap $(PLANTED_KERNELS)
	$(build) $(sort $(foreach part,$(PLANTED_PARTS),$(needed_by_$(part)))) $(PLANTED_KERNELS:%=build/%/userfault.ko) \
		$(if $(filter selftests,$(PLANTED_PARTS)),$(PLANTED_KERNELS:%=build/%/runner))
	+@for each in $(PLANTED); do \
		$(MAKE) --no-print-directory $(PARALLEL) build/planted/$$each/userfault.ko || exit; done
	@scripts/planted $(PLANTED_WORDS)

nightly:
	@scripts/gate --nightly

# The figures are stored as JSON; the table is made from them.
BENCH_RESULTS = build/bench/$(VM_KERNEL)$(if $(TEST),-some).json

bench: bootstrap-one
	$(build) build/$(VM_KERNEL)/userfault.ko build/selftests/bench
	@mkdir -p $(dir $(BENCH_RESULTS))
	@scripts/vm --kernel $(VM_KERNEL) $(verbose) --icount --timeout 3600 --silence 900 \
		--append norandmaps --carry build/selftests/bench:/bin/bench \
		-- bench measure $(if $(TEST),$(call quoted,$(TEST))) >$(BENCH_RESULTS).new
	@mv $(BENCH_RESULTS).new $(BENCH_RESULTS)
	@build/selftests/bench report $(BENCH_RESULTS)

fuzz: bootstrap-one
	$(build) build/$(VM_KERNEL)/userfault.ko build/selftests/fuzz build/selftests/32/fuzz
	@scripts/fuzz --kernel $(VM_KERNEL) $(verbose) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

errno-record: bootstrap-one
	$(build) build/$(VM_KERNEL)/userfault.ko build/selftests/selftests
	@scripts/vm --kernel $(VM_KERNEL) $(verbose) --carry build/selftests/selftests:/bin/selftests \
		-- sh -c "selftests --timeout 120 --record /tmp/record '[errno]' >&2 && cat /tmp/record" \
		>build/errno-record
	@mv build/errno-record selftests/errno/record
	@echo '  GEN     selftests/errno/record'

features: bootstrap-stock
	$(build) build/selftests/selftests $(STOCK_KERNELS:%=build/%/userfault.ko)
	@scripts/features >build/features.rst
	@mv build/features.rst Documentation/features.rst
	@echo '  GEN     Documentation/features.rst'

DOCS := $(patsubst %.rst,build/%.html,$(wildcard Documentation/*.rst))

docs: $(DOCS)
	@scripts/check-docs

build/Documentation/%.html: Documentation/%.rst
	@command -v rst2html >/dev/null || { \
		echo "make: there is no rst2html, which checks Documentation/" >&2; \
		echo "  Install it: apt install python3-docutils" >&2; \
		exit 1; }
	@mkdir -p $(@D)
	@echo '  HTML    $@'
	@rst2html --halt=2 $< $@

# --- installing ---------------------------------------------------------------

install: install-module install-user

install-module: module install-rule
	install -D -m 644 build/running/userfault.ko $(DESTDIR)$(MODDIR)/userfault.ko
	$(if $(DESTDIR),,depmod $(RELEASE))

install-rule:
	install -D -m 644 scripts/60-userfault.rules $(DESTDIR)$(UDEVDIR)/60-userfault.rules
	$(if $(DESTDIR),,getent group userfault >/dev/null || groupadd --system userfault)

install-user: $(LIBRARY) $(REDIRECT) $(USERFAULTCTL)
	install -D -m 755 build/user/redirect/userfault-run $(DESTDIR)$(PREFIX)/bin/userfault-run
	install -D -m 755 build/user/redirect/libuserfault-redirect.so \
		$(DESTDIR)$(PREFIX)/libexec/userfault/libuserfault-redirect.so
	install -D -m 755 $(USERFAULTCTL) $(DESTDIR)$(PREFIX)/bin/userfaultctl
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man1 Documentation/userfault-run.1 Documentation/userfaultctl.1
	install -D -m 644 user/userfaultctl/completion.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/userfaultctl
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/userfault $(DESTDIR)$(INCLUDEDIR)/linux
	install -m 644 build/user/libuserfault.a $(DESTDIR)$(LIBDIR)/
	install -m 755 build/user/libuserfault.so $(DESTDIR)$(LIBDIR)/libuserfault.so.0
	ln -sf libuserfault.so.0 $(DESTDIR)$(LIBDIR)/libuserfault.so
	install -m 644 user/include/userfault/*.hpp $(DESTDIR)$(INCLUDEDIR)/userfault/
	install -m 644 uapi/linux/userfault.h $(DESTDIR)$(INCLUDEDIR)/linux/
	sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@LIBDIR@,$(LIBDIR),' \
		-e 's,@INCLUDEDIR@,$(INCLUDEDIR),' -e 's,@VERSION@,$(VERSION),' \
		user/libuserfault.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libuserfault.pc
	$(if $(DESTDIR),,ldconfig)

DKMS_SOURCES := /usr/src/userfault-$(VERSION)

dkms:
	@command -v dkms >/dev/null || { \
		echo "make: there is no dkms, which rebuilds modules for each new kernel" >&2; \
		echo "  Install it (Debian: apt install dkms), or use: make install" >&2; \
		exit 1; }
	if dkms status userfault/$(VERSION) | grep -q .; then dkms remove userfault/$(VERSION) --all; fi
	rm -rf $(DKMS_SOURCES)
	install -d $(DKMS_SOURCES)
	cp -r Makefile Kbuild dkms.conf kernel uapi scripts $(DKMS_SOURCES)/
	dkms add -m userfault -v $(VERSION)
	dkms build -m userfault -v $(VERSION) -k $(RELEASE)
	dkms install --force -m userfault -v $(VERSION) -k $(RELEASE)
	+@$(MAKE) --no-print-directory install-rule

clean:
	rm -rf build
