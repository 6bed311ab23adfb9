#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Completions for bash, zsh and fish from what the command says of itself:
#
#   completions.sh WPTRACK DIRECTORY
#
# The help texts are the one source.  They are made into lines of five fields,
# separated by "|" - command, short option, long option, argument, description -
# and each shell's file is written from these.
set -eu
wptrack=$1
dir=$2

commands=$("$wptrack" --help |
	awk '/^Commands:/ { on = 1; next } on && NF == 0 { exit } on')
names=$(printf '%s\n' "$commands" | awk '{ print $1 }')

options=$(for name in $names; do
	"$wptrack" "$name" --help | awk -v name="$name" '
		function put() {
			if (long != "")
				print name "|" short "|" long "|" arg "|" text
			long = ""
		}
		# "  -p, --pid=PID     Text": two blanks end the option
		/^ +(-., +)?--/ {
			put()
			short = arg = ""
			if (match($0, /^ +-[a-zA-Z],/))
				short = substr($0, RLENGTH - 1, 1)
			match($0, /--[^ ]+/)
			long = substr($0, RSTART + 2, RLENGTH - 2)
			text = substr($0, RSTART + RLENGTH)
			sub(/^ +/, "", text)
			if (i = index(long, "=")) {
				arg = substr(long, i + 1)
				long = substr(long, 1, i - 1)
			}
			next
		}
		# a description that goes on, far to the right
		/^                    / && long != "" {
			more = $0
			sub(/^ +/, "", more)
			text = text (text == "" ? "" : " ") more
			next
		}
		{ put() }
		END { put() }'
done)

header() {
	echo '# SPDX-License-Identifier: MIT'
	echo "# Completion of wptrack for $1, made by completions.sh"
}

{
	header bash
	echo '_wptrack()'
	echo '{'
	echo '	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}'
	echo '	local cmd=${COMP_WORDS[1]} options i'
	echo
	echo '	if ((COMP_CWORD == 1)); then'
	echo "		COMPREPLY=(\$(compgen -W '$(echo $names) --help --version' -- \"\$cur\"))"
	echo '		return'
	echo '	fi'
	echo '	# what comes after "run [options] --" is a command line of its own'
	echo '	if [[ $cmd == run ]]; then'
	echo '		for ((i = 2; i < COMP_CWORD; i++)); do'
	echo '			[[ ${COMP_WORDS[i]} == -- ]] || continue'
	echo '			if declare -F _command_offset >/dev/null; then'
	echo '				_command_offset $((i + 1))'
	echo '			elif ((COMP_CWORD == i + 1)); then'
	echo '				COMPREPLY=($(compgen -c -- "$cur"))'
	echo '			else'
	echo '				COMPREPLY=($(compgen -f -- "$cur"))'
	echo '			fi'
	echo '			return'
	echo '		done'
	echo '	fi'
	echo '	case $prev in'
	printf '%s\n' "$options" | awk -F'|' '
		$4 != "" && !seen[$3]++ {
			pattern = "--" $3 ($2 == "" ? "" : "|-" $2)
			if ($4 == "PID")
				words = "COMPREPLY=($(compgen -W \"$(cd /proc && echo [0-9]*)\" -- \"$cur\"))"
			else if ($4 == "PATH" || $4 == "FILE")
				words = "COMPREPLY=($(compgen -f -- \"$cur\"))"
			else
				words = ":"
			print "\t" pattern ")"
			print "\t\t" words
			print "\t\treturn ;;"
		}'
	echo '	esac'
	echo '	case $cmd in'
	for name in $names; do
		echo "	$name)"
		printf '%s\n' "$options" | awk -F'|' -v name="$name" '
			$1 == name { all = all " --" $3 }
			END { print "\t\toptions=\"" substr(all, 2) "\" ;;" }'
	done
	echo '	esac'
	echo '	COMPREPLY=($(compgen -W "$options" -- "$cur"))'
	echo '}'
	echo 'complete -F _wptrack wptrack'
} >"$dir/wptrack.bash"

{
	echo '#compdef wptrack'
	header zsh
	echo '_wptrack() {'
	echo '	local state line'
	echo "	_arguments -C '--help[Give this help list]' '--version[Print program version]' '1: :->command' '*:: :->rest'"
	echo '	case $state in'
	echo '	command)'
	echo '		local -a commands=('
	printf '%s\n' "$commands" |
		sed "s/^ *\([a-z]*\)  *\(.*\)/			'\1:\2'/"
	echo '		)'
	echo '		_describe command commands ;;'
	echo '	rest)'
	echo '		case $line[1] in'
	for name in $names; do
		echo "		$name)"
		printf '%s\n' "$options" | awk -F'|' -v name="$name" '
			BEGIN { printf "\t\t\t_arguments" }
			$1 == name {
				gsub(/:/, "\\:", $5)
				gsub(/\[/, "\\[", $5)
				gsub(/\]/, "\\]", $5)
				if ($4 == "PID")
					arg = ":" $4 ":_pids"
				else if ($4 == "PATH" || $4 == "FILE")
					arg = ":" $4 ":_files"
				else
					arg = $4 == "" ? "" : ":" $4 ": "
				eq = $4 == "" ? "" : "="
				tail = "[" $5 "]" arg
				printf " \\\n\t\t\t\t"
				if ($2 == "")
					printf "\047--%s%s%s\047", $3, eq, tail
				else
					printf "\047(-%s --%s)\047{-%s,--%s%s}\047%s\047",
						$2, $3, $2, $3, eq, tail
			}
			END {
				if (name == "run")
					printf " \\\n\t\t\t\t\047*:: :_normal\047"
				print " ;;"
			}'
	done
	echo '		esac ;;'
	echo '	esac'
	echo '}'
	echo '_wptrack "$@"'
} >"$dir/_wptrack"

{
	header fish
	echo 'complete -c wptrack -f'
	printf '%s\n' "$commands" |
		sed "s/^ *\([a-z]*\)  *\(.*\)/complete -c wptrack -n __fish_use_subcommand -a \1 -d '\2'/"
	printf '%s\n' "$options" | awk -F'|' '
		{
			line = "complete -c wptrack -n \047__fish_seen_subcommand_from " $1 "\047"
			if ($2 != "")
				line = line " -s \047" $2 "\047"
			line = line " -l " $3
			if ($4 == "PID")
				line = line " -x -a \047(__fish_complete_pids)\047"
			else if ($4 == "PATH" || $4 == "FILE")
				line = line " -r -F"
			else if ($4 != "")
				line = line " -x"
			gsub(/\047/, "\\\047", $5)
			print line " -d \047" $5 "\047"
		}'
	echo "complete -c wptrack -n '__fish_seen_subcommand_from run' -a '(__fish_complete_subcommand)'"
} >"$dir/wptrack.fish"
