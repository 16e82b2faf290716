# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the shell scripts share. To be sourced.

# shellcheck disable=SC2034
CACHE=${XDG_CACHE_HOME:-${HOME:?is not set, and XDG_CACHE_HOME neither}/.cache}/userfault
SCRIPTS=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

say() { echo "${0##*/}: $*" >&2; }

# die WHAT-FAILED WHAT-TO-DO
die()
{
	say "$1"
	[ $# -lt 2 ] || echo "  $2" >&2
	exit 1
}

kernel_names() { awk '!/^#/ && NF { print $1 }' "$SCRIPTS/kernels"; }

# kernel_row NAME: the kernel's line in the list
kernel_row() { awk -v name="$1" '!/^#/ && $1 == name' "$SCRIPTS/kernels"; }
