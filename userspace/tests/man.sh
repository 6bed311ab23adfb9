#!/bin/sh
# SPDX-License-Identifier: MIT
#
# man.sh WPTRACK PAGE: the manual page names every command and option that the
# command knows, and the other way round.
wptrack=$1
page=$2
bad=0

say()
{
	echo "man: $*" >&2
	bad=1
}

commands=$("$wptrack" --help |
	awk '/^Commands:/ { on = 1; next } on && NF == 0 { exit } on { print $1 }')
known=
for c in $commands; do
	grep -q "^## wptrack $c\$" "$page" || say "no section on 'wptrack $c'"
	for o in $("$wptrack" "$c" --help |
		   sed -n 's/^ *\(-., *\)\{0,1\}--\([a-z-]*\).*/\2/p'); do
		known="$known $o"
		grep -q -- "\*--$o\*" "$page" || say "no word on --$o of $c"
	done
done
for o in $(grep -o -- '\*--[a-z-]*\*' "$page" | sed 's/^\*--//; s/\*$//' | sort -u); do
	case " $known " in
	*" $o "*) ;;
	*) say "--$o is no option" ;;
	esac
done
[ $bad = 0 ] && echo "man: every command and option is there"
exit $bad
