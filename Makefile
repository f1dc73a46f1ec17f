# SPDX-License-Identifier: Apache-2.0
# vipd: `make demo` shows it, `make check` tests it; each installs the Debian packages that are missing first.
# SAN=1 builds and tests with AddressSanitizer and UBSan. Output goes under build/ (build/san/ with SAN=1).

VERSION := 0.2.0
PREFIX  ?= /usr/local
PKG_CONFIG ?= pkg-config
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
B       := build$(if $(SAN),/san)

sbindir    = $(DESTDIR)$(PREFIX)/sbin
bindir     = $(DESTDIR)$(PREFIX)/bin
libexecdir = $(DESTDIR)$(PREFIX)/libexec/vipd
mandir     = $(DESTDIR)$(PREFIX)/share/man
# bash, zsh and fish look here; zsh under /usr/local in site-functions.
bashdir    = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
zshdir     = $(DESTDIR)$(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
fishdir    = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
docdir     = $(DESTDIR)$(PREFIX)/share/doc/vipd
sysconfdir = $(DESTDIR)/etc
unitdir    = $(DESTDIR)$(if $(filter /usr,$(PREFIX)),/usr/lib,/etc)/systemd/system
sysusersdir = $(DESTDIR)/usr/lib/sysusers.d
tmpfilesdir = $(DESTDIR)/usr/lib/tmpfiles.d
catalogdir = $(DESTDIR)/usr/lib/systemd/catalog

CFLAGS   ?= -O2 -g
LIBNL    := $(subst -I,-isystem ,$(shell $(PKG_CONFIG) --cflags libnl-3.0 2>/dev/null))
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla $(if $(CI)$(WERROR),-Werror)
COMMA    := ,
SANITIZE := $(if $(SAN),-fsanitize=address$(COMMA)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
HARDEN   := $(if $(SAN),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fstack-clash-protection -fPIE
override CPPFLAGS += -D_GNU_SOURCE -Iinclude -Iagent $(LIBNL) -DVIPD_VERSION='"$(VERSION)"'
override CFLAGS   += -std=c17 $(WARNINGS) $(HARDEN) $(SANITIZE) -MMD -MP
override LDFLAGS  += -pie -Wl,-z,relro,-z,now $(SANITIZE)

room = $(wildcard agent/$(1)/*.c agent/$(1)/*/*.c)
objects = $(patsubst %.c,$(B)/obj/%.o,$(1))

# What runs with each advert stands together: after a sleep each page of code costs.
VIPD    := agent/vipd.c $(foreach r,base core wire net board engine config kernel sandbox keeper guardian,$(call room,$(r)))
CONTROL := $(foreach r,base board status control,$(call room,$(r))) agent/config/names.c agent/core/names.c agent/core/timing.c \
	   $(addprefix agent/wire/,advert.c auth.c checksum.c connections.c diag.c frame.c hello.c names.c trailer.c)
VIPCTL  := $(foreach r,base config status doctor import vipctl,$(call room,$(r))) agent/core/timing.c $(addprefix agent/net/,arp.c socket.c) $(addprefix agent/wire/,advert.c arp.c checksum.c na.c trailer.c)

VIPD_LIBS    := libconfig libnl-3.0 libseccomp libcap nettle
CONTROL_LIBS := libmicrohttpd jansson libcurl ldns libcrypto libsystemd libseccomp nettle libnl-3.0
VIPCTL_LIBS  := libcurl jansson libconfig libcrypto ldns yaml-0.1 libpcap

libs = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)

PROGRAMS := $(B)/vipd $(B)/vipd-control $(B)/vipctl

.PHONY: all demo check unit sim mutants lab lab-together lab-shuffled lab-long lab-alone soak lab-programs interop interop-old faults lab-bgp lab-kubernetes bench deps conf fuzz setup setup-demo setup-bench setup-bgp setup-deb setup-machines setup-page page-test page-load pictures setup-image image pod rpm deb deb-twice lintian deb-arm64 setup-trees machines dist fmt \
	fmt-check tidy install uninstall clean
all: $(PROGRAMS)

$(B)/vipd: $(call objects,$(VIPD))
	$(CC) $(LDFLAGS) -o $@ $^ $(call libs,$(VIPD_LIBS))
$(B)/vipd-control: $(call objects,$(CONTROL))
	$(CC) $(LDFLAGS) -o $@ $^ $(call libs,$(CONTROL_LIBS))
$(B)/vipctl: $(call objects,$(VIPCTL))
	$(CC) $(LDFLAGS) -o $@ $^ $(call libs,$(VIPCTL_LIBS))

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Of the headers that programs share, and of what control leaves to the next; see agent/board/layout.c.
LAYOUT_OF := $(sort $(wildcard include/vipd/*.h agent/control/group/*.h agent/control/publish/*.h))
LAYOUT := $(shell cat $(LAYOUT_OF) | cksum | cut -d ' ' -f 1)
$(B)/obj/agent/board/layout.o build/fuzz/obj/agent/board/layout.o: override CPPFLAGS += -DVIPD_LAYOUT=$(LAYOUT)u
$(B)/obj/agent/board/layout.o build/fuzz/obj/agent/board/layout.o: $(LAYOUT_OF)

# obstack.h of glibc adds to a null pointer.
$(B)/obj/agent/import/%.o: override CFLAGS += $(if $(SAN),-fno-sanitize=pointer-overflow)
build/fuzz/obj/agent/import/%.o: override FUZZ_FLAGS += -fno-sanitize=pointer-overflow

# Linked in as they are; see agent/vipctl/template.h and agent/control/page/page.h.
$(B)/obj/agent/vipctl/template.o: $(wildcard agent/vipctl/manifest/*)
PAGE := $(filter-out %.c %.h,$(wildcard agent/control/page/*))
$(B)/obj/agent/control/page/page.o build/fuzz/obj/agent/control/page/page.o: $(PAGE)

# A unit test links exactly the files it names, and no other.
TIME          := agent/base/mono.c
unit_vrrp     := $(call room,core) tests/unit/transcript.c
unit_vrrp_leave := $(unit_vrrp)
unit_vrrp_kept := $(unit_vrrp)
unit_vrrp_address := $(unit_vrrp)
unit_vrrp_stray := $(unit_vrrp)
unit_vrrp_health := $(unit_vrrp)
unit_vrrp_conflict := $(unit_vrrp)
unit_vrrp_next := $(unit_vrrp)
unit_rfc      := $(call room,core)
unit_advert   := agent/wire/advert.c agent/wire/checksum.c agent/wire/names.c
unit_advert_ipv4 = $(unit_auth)
unit_na       := agent/wire/na.c agent/wire/checksum.c
unit_tickle   := $(addprefix agent/wire/,tickle.c checksum.c) agent/base/address.c
unit_arp      := agent/wire/arp.c
unit_auth     := agent/wire/auth.c agent/wire/trailer.c agent/wire/advert.c agent/wire/checksum.c agent/wire/names.c
unit_replay   := $(unit_auth)
unit_hello    := $(unit_auth) $(addprefix agent/wire/,frame.c hello.c) agent/base/address.c
unit_connections := $(unit_hello) agent/wire/connections.c
unit_router_auth := $(unit_auth) agent/engine/auth.c
unit_health   := $(addprefix agent/control/checks/,health.c certificate.c) $(call room,board) agent/base/duration.c $(TIME)
unit_rivals   := agent/control/group/rivals.c agent/base/address.c
unit_clients  := $(addprefix agent/control/,clients/hand.c clients/judge.c clients/walk.c clients/way.c inet6.c) agent/wire/diag.c $(addprefix agent/base/,address.c route.c)
unit_client_list := agent/engine/clients.c $(addprefix agent/board/,message.c layout.c) agent/base/log.c $(TIME)
unit_list     := agent/control/clients/list.c agent/wire/connections.c $(unit_hello)
unit_roster   := agent/control/group/roster.c agent/core/timing.c agent/wire/names.c
unit_group    := $(addprefix agent/control/group/,group.c say.c hear.c history.c named.c roster.c rivals.c timeline.c witness.c) agent/control/inet6.c agent/wire/connections.c $(unit_hello) \
		 $(addprefix agent/board/,board.c layout.c) $(addprefix agent/base/,duration.c log.c) $(addprefix agent/core/,names.c timing.c)
unit_history  := $(unit_group)
unit_hello_rhythm := $(unit_group)
unit_timeline := agent/control/group/timeline.c agent/core/names.c
unit_witness  := agent/control/group/witness.c $(unit_timeline) $(unit_roster)
unit_roster_next := $(unit_roster)
unit_health_router := $(unit_health)
unit_certificate := agent/control/checks/certificate.c
unit_judge    := agent/control/checks/judge.c agent/control/text.c agent/config/names.c
unit_pace     := agent/control/checks/pace.c
unit_metrics  := $(call room,control/report) $(addprefix agent/control/,clients/judge.c group/named.c group/roster.c group/timeline.c inet6.c text.c) $(unit_health) $(addprefix agent/base/,address.c log.c) \
		 agent/core/timing.c $(addprefix agent/wire/,advert.c checksum.c) $(foreach r,config core wire,agent/$(r)/names.c)
unit_status   := $(unit_metrics)
unit_page     := $(foreach r,control/page status,$(call room,$(r))) $(addprefix agent/control/,text.c http/host.c)
unit_page_verdict := $(unit_page)
unit_http     := $(addprefix agent/control/,http/server.c http/callers.c text.c) $(addprefix agent/base/,address.c log.c)
unit_libs_http := libmicrohttpd libsystemd
unit_callers  := $(unit_http)
unit_libs_callers := $(unit_libs_http)
unit_view     := agent/control/report/view.c $(call room,board) $(addprefix agent/base/,address.c duration.c log.c) $(addprefix agent/core/,names.c timing.c) $(TIME)
unit_address  := agent/base/address.c
unit_board    := agent/board/board.c agent/board/layout.c $(TIME)
unit_sandbox  := agent/sandbox/sandbox.c agent/base/log.c
unit_publish  := $(addprefix agent/control/publish/,set.c tsig.c)
unit_publish_doubts := agent/control/publish/set.c
unit_groups   := agent/net/groups.c
unit_tool     := agent/doctor/tool.c agent/base/file.c
unit_speakers := agent/doctor/speakers.c agent/core/timing.c agent/wire/trailer.c
unit_peers    := $(addprefix agent/doctor/,find_segment.c answers.c speakers.c) agent/core/timing.c agent/wire/trailer.c $(call room,status) agent/base/address.c
unit_keeper   := $(addprefix agent/keeper/,addresses.c page.c) agent/board/board.c agent/board/layout.c agent/base/address.c agent/base/log.c agent/base/mono.c
unit_ending   := $(unit_keeper) agent/keeper/ending.c $(call room,kernel) agent/wire/diag.c
unit_duration := agent/base/duration.c
unit_log      := agent/base/log.c
unit_config   := $(call room,config) agent/core/timing.c $(addprefix agent/base/,address.c duration.c file.c) $(TIME)
unit_include  := $(unit_config)
unit_config_text := $(unit_config)
unit_kubernetes := $(unit_config)
TRANSCRIPTS   := vrrp vrrp_leave vrrp_kept vrrp_health vrrp_address vrrp_stray vrrp_conflict vrrp_next
UNITS         := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c))

define unit_rule
$(B)/unit/$(1): $$(call objects,tests/unit/test_$(1).c $$(unit_$(1)))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(call libs,cmocka libconfig nettle libcrypto jansson libseccomp libnl-3.0 $$(unit_libs_$(1)))
endef
$(foreach u,$(UNITS),$(eval $(call unit_rule,$(u))))

# EMULATOR: what runs programs of another architecture; see tests/arm64.
unit: $(UNITS:%=$(B)/unit/%)
	@set -e; for u in $^; do echo "== $$u"; $(EMULATOR) $$u; done

# Routers of the real core in virtual time; see tests/sim/README.md. SEED, RUNS, VERBOSE=1 for a transcript.
SEED ?= 1
RUNS ?= 500
SIM  := $(wildcard tests/sim/*.c) $(call room,core) $(addprefix agent/control/group/,roster.c timeline.c witness.c) agent/control/checks/health.c $(addprefix agent/base/,address.c duration.c) agent/wire/advert.c agent/wire/checksum.c agent/wire/names.c
$(B)/sim: $(call objects,$(SIM))
	$(CC) $(LDFLAGS) -o $@ $^
sim: $(B)/sim
	@VERBOSE=$(VERBOSE) $(EMULATOR) $(B)/sim $(SEED) $(RUNS)
# Whether unit test and simulator notice when the core is broken.
MUTATED := health replay roster roster_next timeline history
mutants: $(B)/sim $(TRANSCRIPTS:%=$(B)/unit/%) $(MUTATED:%=$(B)/unit/%)
	@$(foreach u,$(MUTATED),OBJECTS_$(u)="$(call objects,$(unit_$(u)))") CC="$(CC) $(SANITIZE)" \
		OBJECTS_others="$(call objects,$(filter-out tests/% agent/core/%,$(SIM)))" tests/sim/mutants $(B)/mutants $(TRANSCRIPTS)

# ---- the two commands of the README, and what they are made of ----

PYTEST = /usr/bin/python3 -B -m pytest -q -p no:cacheprovider

# A parser of bytes from outside each; FUZZ_SECONDS for a longer campaign. A finding is left in build/fuzz.
FUZZ_SECONDS ?= 3
FUZZ_FLAGS   := -g -O1 -std=c17 -fsanitize=address$(COMMA)undefined -fno-sanitize-recover=undefined
FUZZERS      := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_advert  := $(addprefix agent/wire/,advert.c na.c auth.c checksum.c names.c trailer.c)
fuzz_na      := $(fuzz_advert)
fuzz_arp     := $(unit_arp)
fuzz_auth    := $(fuzz_advert)
fuzz_hello   := $(fuzz_advert) $(addprefix agent/wire/,frame.c hello.c)
fuzz_connections := $(fuzz_hello) agent/wire/connections.c
fuzz_config  := $(call room,config) $(call room,base) agent/core/timing.c
fuzz_import  := $(call room,import) $(fuzz_config)
fuzz_netlink :=
fuzz_messages := $(addprefix tests/fuzz/,quiet.c world.c) $(addprefix agent/base/,address.c duration.c punctual.c) $(call room,board) $(call room,core) $(call room,wire) \
		 $(addprefix agent/keeper/,addresses.c links.c page.c) \
		 $(addprefix agent/engine/,auth.c clients.c complain.c conflict.c flush.c link.c link_events.c messages.c orders.c ready.c record.c reload.c router.c sharing.c telling.c transition.c)
fuzz_http    := tests/fuzz/quiet.c $(filter-out agent/base/log.c agent/control/main.c,$(CONTROL))
fuzz_libs    := nettle ldns libcrypto libconfig libnl-3.0 libmicrohttpd jansson libcurl libsystemd libseccomp

build/fuzz/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	clang $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
define fuzz_rule
build/fuzz/$(1): $(patsubst %.c,build/fuzz/obj/%.o,tests/fuzz/fuzz_$(1).c $(fuzz_$(1)))
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $$@ $$^ $$(call libs,$$(fuzz_libs))
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rule,$(f))))

fuzz: $(FUZZERS:%=build/fuzz/%)
	@set -e; for f in $(FUZZERS); do \
	    mkdir -p build/fuzz/corpus-$$f; \
	    build/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -artifact_prefix=build/fuzz/ \
	        build/fuzz/corpus-$$f tests/fuzz/corpus/$$f >build/fuzz/$$f.log 2>&1 || { tail -n 40 build/fuzz/$$f.log; exit 1; }; \
	    echo "fuzz $$f: $$(sed -n 's/stat::number_of_executed_units: //p' build/fuzz/$$f.log) inputs, no finding"; done

setup:
	@tests/setup check
setup-demo:
	@tests/setup demo

setup-bench:
	@tests/setup bench

setup-bgp:
	@tests/setup bgp

demo: setup-demo
	@$(MAKE) --no-print-directory -s -j$$(nproc) all lab-programs
	@VIPD_BUILD=$(B) /usr/bin/python3 tests/lab/demo.py

# What failed because the machine was overloaded is repeated at the end, alone.
LATER := $(abspath $(B))/later
check: setup
	@$(MAKE) --no-print-directory -s -j$$(nproc) all lab-programs
	@$(MAKE) --no-print-directory -s -j$$(nproc) --output-sync=target deps unit sim $(if $(SAN),fuzz)
	@rm -rf $(LATER) && mkdir -p $(LATER)
	@VIPD_LATER=$(LATER) $(MAKE) --no-print-directory -s -j3 --output-sync=target lab-together conf $(if $(SAN),,interop)
	@$(MAKE) --no-print-directory -s lab-alone
	@for suite in lab interop; do VIPD_BUILD=$(B) tests/$$suite/run --left $(LATER)/$$suite || exit; done

# Who includes whom; and the rule is tried by breaking it.
deps: all
	@tests/rooms . $(B)/obj
	@tests/rooms-test $(B)

lab-programs: $(B)/lab/probe $(B)/lab/packets $(B)/lab/hostile_control $(B)/lab/publish_once
$(B)/lab/probe: $(call objects,$(wildcard tests/testbed/probe/*.c))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(call libs,libcurl) -pthread

$(B)/lab/packets: $(call objects,tests/testbed/packets.c)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(call libs,libpcap)

# One target of `publish`, told once.
PUBLISH_ONCE := tests/publish/publish_once.c $(addprefix agent/control/publish/,dns.c objects.c tsig.c) $(addprefix agent/control/,secrets.c checks/https.c) \
	$(call room,config) $(call room,base) agent/core/timing.c
$(B)/lab/publish_once: $(call objects,$(PUBLISH_ONCE))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(call libs,libcurl jansson ldns libconfig)

# Side by side, each worker with a testbed of its own; after them, one by one, what measures or floods.
LAB_WORKERS ?= 5
lab:
	@$(MAKE) --no-print-directory -s lab-together
	@$(MAKE) --no-print-directory -s lab-long
	@$(MAKE) --no-print-directory -s lab-alone
lab-together: all lab-programs
	VIPD_BUILD=$(B) tests/lab/run --workers $(LAB_WORKERS) -m "not alone and not long"
# Tests in one world find what others have left there: another order shows what should not be.
lab-shuffled: all lab-programs
	@order=$${ORDER:-$$(date +%s)}; echo "this order again: make lab-shuffled ORDER=$$order"; \
	    VIPD_ORDER=$$order VIPD_BUILD=$(B) tests/lab/run --workers $(LAB_WORKERS) -m "not alone and not long"
# Each takes long, or is a further case of one that does not: `make check` does without.
lab-long: all lab-programs
	VIPD_BUILD=$(B) tests/lab/run --workers $(LAB_WORKERS) -m "long and not alone"
	VIPD_BUILD=$(B) tests/lab/run -m "long and alone"
lab-alone: all lab-programs
	VIPD_BUILD=$(B) tests/lab/run -m "alone and not long"

# The page in Chromium, and whether it has barriers (axe-core). Both are large, so `make check` does without.
page-test: all
	@if command -v chromium >/dev/null; then VIPD_BUILD=$(B) tests/page/run; else echo "page: skipped: no chromium; make setup-page"; fi
# What 100 open pages cost the engine and control, in numbers.
page-load: all
	@VIPD_BUILD=$(B) /usr/bin/python3 tests/page/load.py
setup-page:
	@tests/setup page
	@mkdir -p build/page && cp tests/page/axe/package*.json build/page
	@if command -v npm >/dev/null; then cd build/page && npm ci --silent --no-audit --no-fund --ignore-scripts; \
	    else echo "page: no npm, so no axe-core: nobody will look for barriers"; fi
# What the README and the manual show, as the tests saw it.
pictures: setup-page
	@$(MAKE) --no-print-directory -s all
	VIPD_BUILD=$(B) VIPD_PICTURES=12 tests/page/run -k test_state
	VIPD_BUILD=$(B) /usr/bin/python3 tests/page/demo.py build/page/pictures
	tests/page/pictures build/page/pictures docs/pictures

# Minutes: the engine killed 20 times and stopped for 8 s, a hostile control, 10,000 commands, servers that close idle connections.
soak: all lab-programs
	VIPD_BUILD=$(B) VIPD_KILLS=20 VIPD_STOPPED_S=8 HOSTILE_S=20 tests/lab/run -s test_crashes.py test_hostile_control.py soak_health.py soak_limits.py

$(B)/lab/hostile_control: $(call objects,tests/lab/hostile_control.c agent/board/message.c agent/board/layout.c agent/control/confine.c agent/base/address.c agent/base/log.c agent/base/mono.c)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(call libs,libseccomp)

# keepalived and FRR as peers; tshark on what we send.
interop: all lab-programs
	VIPD_BUILD=$(B) tests/interop/run --workers 2

# Beside a vipd of this repository's own history, as in an upgrade. OLD=COMMIT; default: the last that sends no hello.
OLD ?= $(shell git log --diff-filter=A --format=%H~ -- agent/control/group/say.c)
interop-old: all lab-programs
	@rm -rf $(B)/old && mkdir -p $(B)/old
	git archive "$(OLD)" | tar -x -C $(B)/old
	@$(MAKE) --no-print-directory -s -C $(B)/old B=build WERROR= all
	VIPD_BUILD=$(B) VIPD_OLD=$(abspath $(B))/old/build tests/interop/run test_hints.py -k before_hellos

# Faults, what was expected of vipd and what happened, beside keepalived; see tests/faults/rows.py. ROWS=pattern RUNS=n
# FAMILY=4: with IPv4 addresses.
faults: override RUNS := $(if $(filter command%,$(origin RUNS)),$(RUNS),1)
faults: all lab-programs
	VIPD_BUILD=$(B) tests/faults/run "$(ROWS)" $(RUNS)

# The route to the VIP as Calico's BIRD and FRR make it, in numbers; see docs/bgp-lab.md. RUNS=n, ONLY='service|drain'
lab-bgp: override RUNS := $(if $(filter command%,$(origin RUNS)),$(RUNS),1)
lab-bgp: setup-bgp
	@$(MAKE) --no-print-directory -s all lab-programs
	@VIPD_BUILD=$(B) ONLY="$(ONLY)" tests/bgp/run $(RUNS)

# vipd before real API servers, which are built first, once; see tests/kubernetes/rows.py. ROWS=pattern RUNS=n;
# ROWS=endpoints: the object that the holder publishes, and its RBAC.
lab-kubernetes: override RUNS := $(if $(filter command%,$(origin RUNS)),$(RUNS),1)
lab-kubernetes: setup-demo
	@$(MAKE) --no-print-directory -s all
	@VIPD_BUILD=$(B) tests/kubernetes/run "$(ROWS)" $(RUNS)

# vipd beside keepalived, in numbers; see docs/bench.md. WHAT=failover,cost RUNS=n FAMILY=4
bench: override RUNS := $(if $(filter command%,$(origin RUNS)),$(RUNS))
bench: setup-bench
	@$(MAKE) --no-print-directory -s all lab-programs $(B)/micro
	@VIPD_BUILD=$(B) tests/bench/run "$(WHAT)" $(RUNS)

$(B)/micro: $(call objects,tests/bench/micro.c $(sort $(call room,core) $(unit_auth)))
	$(CC) $(LDFLAGS) -o $@ $^ $(call libs,nettle)

# What only has to be looked at: licenses, the unit file, man pages, the example configuration. Mostly it waits.
CONF_WORKERS ?= 3
conf: all $(B)/lab/publish_once
	@tests/conf/license
	@tests/conf/verify-unit $(B)
	@tests/conf/markdown
	@VIPD_BUILD=$(B) $(PYTEST) -n $(CONF_WORKERS) tests/conf tests/publish

SOURCES = $(shell tests/sources | grep -z '\.[ch]$$' | tr '\0' ' ')
fmt:
	clang-format -i $(SOURCES)
fmt-check:
	clang-format --dry-run -Werror $(SOURCES)
# A stamp for each file, so `make -j2 tidy` looks at two at once and only at what has changed.
TIDY ?= $(filter agent/%.c,$(SOURCES))
tidy: $(TIDY:%=$(B)/tidy/%)
$(B)/tidy/%.c: %.c $(filter %.h,$(SOURCES)) .clang-tidy
	@mkdir -p $(@D)
	clang-tidy --quiet $< -- $(CPPFLAGS) -DVIPD_LAYOUT=$(LAYOUT)u -std=c17
	@touch $@

install: all
	install -d $(sbindir) $(bindir) $(libexecdir) $(unitdir) $(sysusersdir) $(tmpfilesdir) $(catalogdir) $(docdir) $(mandir)/man1 $(mandir)/man5 \
	    $(mandir)/man8
	install -m 755 $(B)/vipd $(sbindir)/vipd
	install -m 755 $(B)/vipctl $(bindir)/vipctl
	install -m 755 $(B)/vipd-control $(libexecdir)/vipd-control
	for unit in vipd vipd-drain; do sed 's|/usr/sbin/vipd|$(PREFIX)/sbin/vipd|g; s|/usr/bin/vipctl|$(PREFIX)/bin/vipctl|g' \
	    init/$$unit.service >$(unitdir)/$$unit.service && chmod 644 $(unitdir)/$$unit.service || exit 1; done
	if $(PKG_CONFIG) --atleast-version=254 libsystemd; then install -D -m 644 -t $(unitdir)/vipd.service.d init/restart-steps.conf; fi
	install -m 644 init/vipd.sysusers $(sysusersdir)/vipd.conf
	install -m 644 init/vipd.tmpfiles $(tmpfilesdir)/vipd.conf
	install -m 644 init/vipd.catalog $(catalogdir)/vipd.catalog
	install -D -m 644 -t $(docdir)/examples conf/vipd.conf
	install -D -m 644 -t $(docdir)/prometheus conf/prometheus/alerts.yml
	install -D -m 644 -t $(docdir)/grafana conf/grafana/vipd.json
	install -m 644 docs/k3s-calico.md docs/from-keepalived.md docs/metrics.md docs/api.md docs/connections.md $(docdir)/
	install -m 644 docs/vipctl.1 $(mandir)/man1/
	install -m 644 docs/vipd.conf.5 $(mandir)/man5/
	install -m 644 docs/vipd.8 $(mandir)/man8/
	install -D -m 644 conf/completion/vipctl.bash $(bashdir)/vipctl
	install -D -m 644 -t $(zshdir) conf/completion/_vipctl
	install -D -m 644 -t $(fishdir) conf/completion/vipctl.fish

# What install wrote. What somebody else wrote stays: vipd.conf, keys, captures, the user.
uninstall:
	rm -f $(sbindir)/vipd $(bindir)/vipctl $(unitdir)/vipd.service $(unitdir)/vipd-drain.service $(sysusersdir)/vipd.conf $(tmpfilesdir)/vipd.conf $(catalogdir)/vipd.catalog \
	    $(mandir)/man1/vipctl.1 $(mandir)/man5/vipd.conf.5 $(mandir)/man8/vipd.8 \
	    $(bashdir)/vipctl $(zshdir)/_vipctl $(fishdir)/vipctl.fish
	rm -f $(unitdir)/vipd.service.d/restart-steps.conf
	[ ! -d $(unitdir)/vipd.service.d ] || rmdir --ignore-fail-on-non-empty $(unitdir)/vipd.service.d
	rm -rf $(libexecdir) $(docdir)

# The sources of a commit, the same bytes each time.
dist:
	git archive --prefix=vipd-$(VERSION)/ -o vipd-$(VERSION).tar.gz HEAD

# The Debian package, in build/deb; see debian/. For another release than this one, RELEASE=trixie, it is built in a tree of
# that release (tests/tree), in build/deb-trixie. `make lintian` builds it and looks at it.
HERE    := $(shell . /etc/os-release && echo $$VERSION_CODENAME)
RELEASE ?= $(HERE)
DEB     := build/deb$(if $(filter-out $(HERE),$(RELEASE)),-$(RELEASE))
there   = $(if $(filter-out $(HERE),$(RELEASE)),tests/tree $(RELEASE) -- $(1) $(2),cd $(1) && $(2))
unpack  = rm -rf $(1) && mkdir -p $(1)/source && tests/sources | xargs -0 cp -P --parents -t $(1)/source

deb: setup-deb
	@$(call unpack,$(DEB))
	$(call there,$(DEB),sh -c 'cd source && dpkg-buildpackage -us -uc -b -Jauto $(DEB_FLAGS)')
# Once more, elsewhere and later: the same bytes.
deb-twice: export DEB_BUILD_OPTIONS = nocheck
deb-twice: deb
	@$(call unpack,$(DEB)-twice/elsewhere)
	$(call there,$(DEB)-twice/elsewhere,sh -c 'cd source && dpkg-buildpackage -us -uc -b -Jauto')
	for package in $(DEB)/*.deb; do cmp $$package $(DEB)-twice/elsewhere/$${package##*/}; done
lintian: deb
	$(call there,$(DEB),sh -c 'lintian --fail-on error$(COMMA)warning vipd_*.changes')
# A package for machines with rpm, in build/rpm/RPMS, and a look at it. On Debian, whose packages rpm does not know, without
# those that it needs.
rpm:
	@tests/setup rpm
	@$(call unpack,build/rpm)
	tar -C build/rpm --transform 's|^source|vipd-$(VERSION)|' -czf build/rpm/vipd-$(VERSION).tar.gz source
	rpmbuild -tb $(if $(wildcard /etc/debian_version),--nodeps) -D "_topdir $(CURDIR)/build/rpm" build/rpm/vipd-$(VERSION).tar.gz
	tests/rpm build/rpm/RPMS/*/vipd-$(VERSION)-1.*.rpm
# For arm64: the package, unit tests, simulator and vipd -n by qemu-user, with the transcripts of this machine.
deb-arm64: setup-trees $(B)/sim
	@$(call unpack,build/deb-arm64)
	@VERBOSE=1 $(B)/sim 1 50 >build/deb-arm64/transcripts
	tests/tree $(RELEASE) arm64 -- build/deb-arm64 sh -c 'cd source && tests/arm64 ../transcripts'
setup-trees:
	@tests/setup trees
# The OCI image for `vipctl manifest --static-pod`.
image: setup-image all
	@init/image $(B) $(VERSION) build/vipd-image.tar
setup-image:
	@tests/setup image
# That image, run as the manifest says.
pod: image lab-programs
	@tests/setup pod
	VIPD_BUILD=$(B) tests/lab/run pod_image.py
setup-deb:
	@tests/setup deb

# Real machines with systemd and the package: what administrators and power do to the holder; see docs/machines.md. ROWS=pattern
# RELEASE=trixie: machines of that release.
machines: export DEB_BUILD_OPTIONS = nocheck
machines: setup-machines deb
	@$(MAKE) --no-print-directory -s lab-programs
	@VIPD_BUILD=$(B) VIPD_TREE=$(if $(filter-out $(HERE),$(RELEASE)),$$(tests/tree $(RELEASE)),/) \
	    tests/machines/run $(DEB)/vipd_$(VERSION)_$$(dpkg --print-architecture).deb "$(ROWS)"
setup-machines:
	@tests/setup machines

clean:
	rm -rf build

-include $(shell find $(B)/obj build/fuzz/obj -name '*.d' 2>/dev/null)
