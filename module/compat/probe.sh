#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Ask the kernel's headers what they offer, by compiling one file a question.
# Version numbers would be wrong wherever a distribution has backported.
#
# usage: probe.sh DIR COMPILER [FLAG...] > wpt-probed.h
#
# For tests: what $WPT_WITHOUT names is not there, as in headers that are not to be had.
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
	case " $WPT_WITHOUT " in
	*" $name "*) echo "/* without $name */"; continue ;;
	esac
	if "$@" -Werror -fsyntax-only -x c - < "$f" 2>/dev/null; then
		echo "#define WPT_HAVE_$name 1"
	else
		echo "/* no $name */"
	fi
done
