# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the shell scripts share. To be sourced.

# shellcheck disable=SC2034	# who sources this uses them
CACHE=${XDG_CACHE_HOME:-${HOME:?is not set, nor is XDG_CACHE_HOME}/.cache}/userfault
SCRIPTS=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")
# The tests of these scripts set another list
export KERNEL_LIST=${KERNEL_LIST:-$SCRIPTS/kernels}

say() { echo "${0##*/}: $*" >&2; }

# die WHAT-FAILED WHAT-TO-DO
die()
{
	say "$1"
	[ $# -lt 2 ] || echo "  $2" >&2
	exit 1
}

# A script's head is its manual, up to the first line that is no comment
case ${1-} in
-h | --help) sed -n '/^# Usage/,/^[^#]*$/s/^# \{0,1\}//p' "$0"; exit ;;
esac

# hold NAME: waits until no other script holds the lock of that name, then holds it until this
# script, and all that it has started, ends. A script that holds one may start one that takes
# another: lock, then sources.lock, then apt-*.lock.
hold()
{
	local held
	mkdir -p "$CACHE"
	exec {held}>"$CACHE/$1"
	flock --nonblock "$held" || {
		say "waiting for another script, which holds $CACHE/$1"
		flock "$held"
	}
}

# The rows of the list; list-kernels names their fields
kernel_rows() { "$SCRIPTS/lib/list-kernels"; }
kernel_names() { kernel_rows | cut -d: -f1; }

# The list has three kinds of kernels: the stock kernels, which are used when none is
# named; their flavours; and the kernels that are built here from Debian's source
stock_kernels() { kernel_rows | awk -F: '$6 == "all" { print $1 }'; }
flavour_kernels() { kernel_rows | awk -F: '$6 == "few" { print $1 }'; }
built_kernels() { kernel_rows | awk -F: '$3 ~ /^linux-source-/ { print $1 }'; }

# kernel_row NAME: the kernel's fields, with spaces between
kernel_row() { kernel_rows | awk -F: -v name="$1" '$1 == name { $1 = $1; print }'; }

# require_kernel NAME: fails unless the list has it
require_kernel()
{
	[ -n "$(kernel_row "$1")" ] ||
		die "there is no kernel $1 in $KERNEL_LIST" "It lists: $(kernel_names | xargs)"
}

# kernel_compiler NAME: what compiles modules for the kernel: "host", or the suite of
# a build folder
kernel_compiler() { kernel_row "$1" | awk '{ print $5 }'; }

# build_folder SUITE: where scripts/build-folder puts it
build_folder() { echo "$CACHE/folders/$1"; }

# need_root WHAT-FOR: sets ROOT to the words before a command that root has to run
need_root()
{
	ROOT=()
	[ "$(id -u)" -ne 0 ] || return 0
	command -v sudo >/dev/null ||
		die "$1 needs root, and there is no sudo" "Do it as root, or install sudo."
	# shellcheck disable=SC2034	# who sources this uses it
	ROOT=(sudo)
}

# The machine's sources as "SUITE URI COMPONENT"
machine_sources()
{
	# shellcheck disable=SC2016	# apt replaces the names
	apt-get indextargets --format '$(RELEASE) $(REPO_URI) $(COMPONENT)' \
		'Identifier: Packages' | sort -u
}

# suite_mirror SUITE: the address of the suite, from the machine's own sources, or
# else derived from the mirror of the machine's main archive
suite_mirror()
{
	local uri
	uri=$(machine_sources | awk -v suite="$1" '$1 == suite && $3 == "main" { print $2; exit }')
	if [ -z "$uri" ]; then
		uri=$(machine_sources | awk '$2 ~ /\/debian\/$/ { print $2; exit }')
		[ -n "$uri" ] ||
			die "apt has no source for $1, nor a Debian mirror to derive one from" \
			    "Add a source for $1 to /etc/apt/sources.list."
		[[ $1 != *-security ]] || uri=${uri%/}-security/
	fi
	echo "$uri"
}

# take_source KERNEL FOLDER WHAT FILE...: brings FOLDER up to date with these files
# of the kernel's source. FILE is a pattern for tar; the files keep their paths in the
# source. FOLDER/.taken has the patterns.
take_source()
{
	local kernel=$1 target=$2 what=$3 tarball
	shift 3
	tarball=$("$SCRIPTS/lib/fetch-source" "$kernel")
	hold taken.lock
	if printf '%s\n' "$@" | cmp -s - "$target/.taken" && [ ! "$target" -ot "$tarball" ]; then
		return 0
	fi

	say "taking $what out of ${tarball##*/}"
	mkdir -p "${target%/*}"
	work=$(mktemp -d "$target.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work"
	tar -xf "$tarball" -C "$work" --strip-components=1 --wildcards \
		--no-wildcards-match-slash "${@/#/*/}" ||
		die "$tarball cannot be unpacked" "Is the disk full?"
	printf '%s\n' "$@" >"$work/.taken"
	touch "$work"
	rm -rf "$target"
	mv "$work" "$target"
}
