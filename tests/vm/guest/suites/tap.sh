# SPDX-License-Identifier: GPL-2.0-only
# For suites written in shell: `check NAME COMMAND...` is one test.
_n=0
_bad=0

check()
{
	_name=$1
	shift
	_n=$((_n + 1))
	if _text=$("$@" 2>&1); then
		echo "ok $_n - $_name"
	else
		# Before the point, as the programs of tests/kernel do.
		echo "$_text" | sed 's/^/# /'
		echo "not ok $_n - $_name"
		_bad=1
	fi
}

# The last line of a suite.
finish()
{
	echo "1..$_n"
	exit $_bad
}
