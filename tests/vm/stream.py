# SPDX-License-Identifier: GPL-2.0-only
"""What a VM sends: output of its tasks, and the harness's own lines in it."""


class Part:
    """What is known of one task of a boot."""

    def __init__(self, name):
        self.name = name
        self.output = b""	# what it printed
        self.status = None	# of its command
        self.stats = {}		# /proc/wptrack/stats after it
        self.unload = ""	# what rmmod said
        self.died = False	# the VM ended here
        self.problems = []	# sentences
        self.splat = []		# lines of the console
        self.seconds = 0
        self.cpu = 0		# seconds, of the VM

    @property
    def text(self):
        return self.output.decode(errors="replace")


class Stream:
    """Tell the output of the tasks from the harness's own lines in it."""

    def __init__(self, nonce, output, clock=lambda: (0, 0)):
        self._mark = b"\x1e" + nonce.encode() + b" "
        self._buf = b""
        self._output = output
        self._clock = clock	# seconds, and seconds of CPU
        self._begun = None
        self._section = "boot"
        self._stats = ""
        self.parts = []		# those that have begun
        self.ended = False
        self.cpu = 0		# seconds, at the end
        self.leaks = None
        self.gcov = ""

    def _text(self, data):
        text = data.decode(errors="replace")
        if self._section == "boot":
            self._output(data)
        elif self._section == "run":
            self._output(data)
            self.parts[-1].output += data
        elif self._section == "stats":
            self._stats += text
        elif self._section == "unload":
            self.parts[-1].unload += text
        elif self._section == "gcov":
            self.gcov += text

    def feed(self, data):
        self._buf += data
        while True:
            at = self._buf.find(b"\x1e")
            if at < 0:
                self._text(self._buf)
                self._buf = b""
                return
            self._text(self._buf[:at])
            self._buf = self._buf[at:]
            if not self._buf.startswith(self._mark):
                if self._mark.startswith(self._buf):
                    return	# more to come
                self._text(self._buf[:1])
                self._buf = self._buf[1:]
                continue
            end = self._buf.find(b"\n")
            if end < 0:
                return
            word = self._buf[len(self._mark):end].decode(errors="replace")
            self._buf = self._buf[end + 1:]
            self._record(*(word.split(" ", 1) + [""])[:2])

    def _record(self, kind, text):
        if kind == "task":
            self.parts.append(Part(text))
            self._begun = self._clock()
            self._section = "run"
        elif kind == "status":
            self.parts[-1].status = int(text)
            self._section = "after"
        elif kind == "stats":
            self._stats = ""
            self._section = "stats"
        elif kind in ("unload", "gcov"):
            self._section = kind
        elif kind == "done":
            self.close()
        elif kind == "leaks":
            self.leaks = int(text)
        elif kind == "failed":
            self.parts[-1].problems.append(text)
        elif kind == "end":
            self.ended = True
            self.cpu = self._clock()[1]

    def close(self):
        """A task has ended, and what was to be seen to after it; or the VM has."""
        if not self._begun:
            return
        part = self.parts[-1]
        part.stats = dict((line.split(None, 1) + [""])[:2]
                          for line in self._stats.splitlines() if line.strip())
        self._stats = ""
        part.seconds, part.cpu = [max(0, b - a)
                                  for a, b in zip(self._begun, self._clock())]
        self._begun = None
        self._section = "after"
