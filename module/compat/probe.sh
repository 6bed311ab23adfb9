#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Ask the kernel's headers what they offer, by compiling one file a question.
# Version numbers would be wrong wherever a distribution has backported.
#
# usage: probe.sh DIR COMPILER [FLAG...] > wpt-probed.h
dir=$1
shift

# Headers that do not compile at all would answer no to everything.
if ! "$@" -fsyntax-only -x c - < "$dir/BASE.c" >&2; then
	echo "wptrack: the kernel headers do not compile" >&2
	exit 1
fi
echo "/* made by compat/probe.sh */"
for f in "$dir"/*.c; do
	name=${f##*/}
	name=${name%.c}
	[ "$name" = BASE ] && continue
	if "$@" -Werror -fsyntax-only -x c - < "$f" 2>/dev/null; then
		echo "#define WPT_HAVE_$name 1"
	else
		echo "/* no $name */"
	fi
done
