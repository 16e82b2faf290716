# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Gets Debian packages of any suite without installing them. To be sourced after
# lib.sh. apt fetches and checks them, with this machine's configuration, but with
# our own lists and sources.

# apt_open NAME SUITE: reads the suite's list into the cache folder, as apt/NAME, and
# sets apt_options, with which apt-cache and apt-get use it. Returns 1 if the mirror
# has no such suite. No other script opens that list until this one ends.
apt_open()
{
	local apt=$CACHE/apt/$1 suite=$2 mirror said
	hold "apt-$1.lock"
	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	apt_options=(
		-q
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=-
		-o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status"
		-o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)"
	)
	mirror=$(suite_mirror "$suite")
	echo "deb $mirror $suite main" >"$apt/sources.list"
	: >"$apt/status"
	said=$(LC_ALL=C apt-get "${apt_options[@]}" --error-on=any update 2>&1) && return
	[[ $said != *"does not have a Release file"* ]] || return 1
	echo "$said" >&2
	die "apt could not read the list of $suite" "See apt's message above."
}

# apt_download FOLDER PACKAGE...: downloads the packages' files into FOLDER
apt_download()
{
	local folder=$1
	shift
	(cd "$folder" && apt-get "${apt_options[@]}" download "$@" >&2) ||
		die "apt could not download $*" "See apt's message above, then try again."
}
