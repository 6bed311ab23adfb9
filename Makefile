# SPDX-License-Identifier: GPL-2.0-only
#
#   make              the module for the running kernel, and the tools
#   make test         everything on every kernel (KERNELS="6.1" SUITES="anon")
#   make bench        costs, beside those of the kernel's own ways (KERNELS="6.12 7.2")
#   make soak         everything at random, until a write is lost (MINUTES=60)
#   make demo         redis on a stock kernel, tracked and verified (KERNELS="6.12")
#   make install      module (through dkms) and tools on this machine
#   make uninstall    takes both away
#   make deb          Debian packages, into build/deb
#   make man          the manual pages, into build/userspace/man
#   make help         this list
#
# The kernel's build system reads Kbuild, never this file.

KDIR	?= /lib/modules/$(shell uname -r)/build
VERSION	:= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
SRCDIR	:= $(DESTDIR)/usr/src/wptrack-$(VERSION)
UDEVRULE := $(DESTDIR)/usr/lib/udev/rules.d/60-wptrack.rules
SYSUSERS := $(DESTDIR)/usr/lib/sysusers.d/wptrack.conf
AUTOLOAD := $(DESTDIR)/usr/lib/modules-load.d/wptrack.conf

all: module tools

help:
	@sed -n '/^#   make/s/^# *//p' Makefile

module:
	@[ -d $(KDIR) ] || { echo "there is no $(KDIR): install this kernel's headers, or say" \
		"KDIR=...; 'make tools' needs none, 'make help' lists the rest" >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools:
	$(MAKE) -C userspace O=$(CURDIR)/build/userspace

man:
	$(MAKE) -C userspace O=$(CURDIR)/build/userspace man

# The suites that run inside the VMs.
suites: tools
	$(MAKE) -C userspace O=$(CURDIR)/build/userspace guest
	$(MAKE) -C tests/kernel O=$(CURDIR)/build/tests

# The unit tests of the pure parts run on this machine.
unit:
	$(MAKE) -C tests/unit check
	$(MAKE) -C userspace O=$(CURDIR)/build/userspace check

test:
	@tests/vm/setup $(if $(filter kasan kcsan,$(KERNELS)),--debug)
	@tests/vm/test

# Data races: see docs/testing.md, "Debug kernels".
test-kcsan:
	@tests/vm/setup --debug
	@KERNELS=kcsan SUITES="$${SUITES:-trackers threads fuzz lifecycle soak}" tests/vm/test

# WALL=1: time instead of instructions.
bench:
	@tests/vm/setup
	@tests/vm/bench $(if $(WALL),--wall)

MINUTES ?= 10

soak:
	@tests/vm/setup
	@MINUTES=$(MINUTES) SUITES=soak tests/vm/test

demo:
	@tests/vm/setup
	@tests/vm/demo

# Only what kbuild reads goes to /usr/src; dkms copies all that is there.
install-source:
	rm -rf $(SRCDIR)
	install -d $(SRCDIR)
	cp -r dkms.conf Kbuild LICENSE module include $(SRCDIR)/
	find $(SRCDIR) \( -name '*.o' -o -name '*.ko' -o -name '*.mod*' \
		-o -name '.*.cmd' -o -name 'wpt-probed.h' \) -delete

# With DESTDIR files are put there, and nothing of this machine is changed.
install-module: install-source
	install -D -m 644 debian/wptrack-dkms.udev $(UDEVRULE)
	install -D -m 644 debian/wptrack-dkms.sysusers $(SYSUSERS)
	install -D -m 644 debian/modules-load.conf $(AUTOLOAD)
ifeq ($(DESTDIR),)
	-[ ! -d /var/lib/dkms/wptrack/$(VERSION) ] || dkms remove wptrack/$(VERSION) --all
	dkms install wptrack/$(VERSION)
	systemd-sysusers $(SYSUSERS)
	-udevadm control --reload
endif

install-tools: tools
	$(MAKE) -C userspace O=$(CURDIR)/build/userspace install

install: install-module install-tools

uninstall:
ifeq ($(DESTDIR),)
	-[ ! -d /sys/module/wptrack ] || modprobe -r wptrack
	-[ ! -d /var/lib/dkms/wptrack/$(VERSION) ] || dkms remove wptrack/$(VERSION) --all
endif
	rm -rf $(SRCDIR) $(UDEVRULE) $(SYSUSERS) $(AUTOLOAD)
	$(MAKE) -C userspace uninstall

# Built from a copy, so that the tree stays as it is.
deb:
	@tests/vm/setup --deb
	rm -rf build/deb
	mkdir -p build/deb/wptrack-$(VERSION)
	git ls-files -z | xargs -0 cp --parents -t build/deb/wptrack-$(VERSION)
	cd build/deb/wptrack-$(VERSION) && DEB_BUILD_OPTIONS="noautodbgsym $$DEB_BUILD_OPTIONS" \
		dpkg-buildpackage -b -us -uc
	rm -rf build/deb/wptrack-$(VERSION)
	@ls build/deb/*.deb

clean:
	-[ ! -d $(KDIR) ] || $(MAKE) -C $(KDIR) M=$(CURDIR) clean
	rm -rf build/userspace build/tests build/unit build/module build/vm build/deb

distclean: clean
	rm -rf build

.PHONY: all help module tools man suites unit test test-kcsan bench soak demo install-source install-module \
	install-tools install uninstall deb clean distclean
