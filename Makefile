# sidewire: non-blocking TCP for Lua hosts.
#
# `make help` lists the targets, by the comments that begin with ## at their rules, and then shows this:
#
# LUA=5.1 (5.2, 5.3, 5.4, 5.5 or luajit) builds for that Lua, in
# build/release-5.1; without it, for the newest one whose C headers pkg-config
# finds, in build/release.
# Only setup, setup-hosts, demo and test install packages of the system; with
# SETUP=no nothing is looked for or installed.
#
#   test, check       SPEC="spec/send/x_spec.lua ..." only these
#   test-all          ENGINES="5.1 luajit" SPEC=... only these
#   fuzz              SECONDS=60, or REPLAY=FILE for one input again
#   stress, wild      SECONDS=60 SEED=NUMBER KIND=asan or tsan
#   bench             WORKLOADS="flood bulk" CANDIDATES="sidewire luv" ROUNDS=3
#                     SCALE=0.1
#   bench-engines     ENGINES="5.4 luajit" ROUNDS=5
#   install           PREFIX=DIR (/usr/local) DESTDIR=DIR; LUADIR=DIR LIBDIR=DIR:
#                     where Lua looks for modules; DOCDIR=DIR: README.md and docs
#   uninstall         the same
#   bundle            LUA=... LIBEV_SRC=DIR: libev's source, else by apt-get
#   release           VERSION=0.2.0
#
# V=1 shows each command. KIND is release, debug, asan, tsan or valgrind, each
# built in build/KIND. FAULTS=1 builds it in build/KIND-faults, so that tests can
# make system calls and allocations fail (spec/injector/rules.h). FALLBACKS=1
# builds it in build/KIND-fallbacks without what only some systems have, as for a
# system that has none of it (src/base/platform.h).
# LUA55=DIR is a built source tree of Lua 5.5: for LUA=5.5 and the specs that try
# it. For other systems: CC, LUA_BIN (the interpreter), LUA_INCDIR, LUA_LIBS,
# LIBEV_INCDIR, LIBEV_LIBDIR, LIBEV_SRC=DIR (libev's own source: it becomes a
# part of the module), WERROR= (warnings do not stop the build).
# CORE_LDFLAGS=-Wl,-z,nodelete keeps the module mapped, so that leak reports of
# `make check` can name its functions.

KIND ?= release
NAME = $(KIND)$(if $(FALLBACKS),-fallbacks)$(if $(FAULTS),-faults)$(LUA:%=-%)
B = build/$(NAME)
VERSIONS = 5.1 5.2 5.3 5.4 5.5 luajit
ifneq ($(filter-out $(VERSIONS),$(LUA)),)
ifneq ($(origin LUA),environment)
$(error LUA=$(LUA) is not one of $(VERSIONS); LUA_BIN=PROGRAM names the interpreter)
endif
override LUA = # what another program calls so, perhaps an interpreter
endif
# The Lua for which this builds. Not `:=`: pkg-config may be there only after `make setup`, so it is asked when a recipe
# needs it.
ENGINE = $(or $(LUA),$(shell tools/engine newest))
PREFIX ?= /usr/local
MODULES = $(subst luajit,5.1,$(ENGINE))
LUADIR = $(PREFIX)/share/lua/$(MODULES)
LIBDIR = $(PREFIX)/lib/lua/$(MODULES)
SYSTEM := $(shell uname)
ifeq ($(origin CC),default)
CC = gcc
endif
ifneq ($(filter asan tsan,$(KIND)),)
override CC = gcc
endif
ifeq ($(KIND),fuzz)
override CC = clang
endif
export CC LUA LUA_BIN LIBEV_SRC LUA55

# --- output ---

# $(call say,WORD), in front of a command that makes a file, says this in one short line. With V=1 the command is shown
# instead, with `make -s` neither. When all is built for the first time, a line for each object is more than a screen, so
# each folder has one line, which the recipe says that makes the folder.
VERBOSE = $(filter-out 0,$(V))
QUIET = $(VERBOSE)$(findstring s,$(firstword -$(MAKEFLAGS)))
Q = $(if $(VERBOSE),,@)
say = $(Q)$(if $(QUIET),,echo "$1 $(@:$B/obj/%=%)" && )
FIRST_TIME := $(if $(wildcard $B/obj),,yes)
say_object = $(if $(FIRST_TIME),$(Q),$(call say,CC))
SAY_FOLDER = $(if $(FIRST_TIME),$(if $(QUIET),,echo "CC $(@D:$B/obj/%=%): $(words $(wildcard $(<D)/*.c)) files"))
MAKE_FOLDER = @mkdir -p $B/obj; if mkdir $(@D) 2>/dev/null; then $(or $(SAY_FOLDER),true); fi

# --- flags ---

WERROR = -Werror
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef -Wpedantic $(WERROR)
# What glibc hides under -std=c11; other systems show what there is unless such a macro asks for less.
ifeq ($(SYSTEM),Linux)
FEATURES = -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L
endif
CFLAGS_release = -O2 -DNDEBUG $(LTO)
# The rooms are cut small and call each other often: inlining across files is worth a fifth of a send. The objects hold plain
# code as well, which tools/arrows reads.
ifeq ($(SYSTEM)-$(CC),Linux-gcc)
LTO = -flto=auto -ffat-lto-objects
endif
CFLAGS_debug = -O0 -g
# LeakSanitizer cannot look into the thread-local variables of a loaded module while a thread is alive (gcc 12: it crashes),
# unless they stand among the program's own. ThreadSanitizer guesses the size of such a block, at times as half of all memory.
CFLAGS_asan = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -ftls-model=initial-exec
CFLAGS_tsan = -O1 -g -fsanitize=thread -ftls-model=initial-exec
CFLAGS_valgrind = -O1 -g -DUNDER_VALGRIND
# Only what is under test is instrumented for coverage, so that libFuzzer's figures speak of it alone.
CFLAGS_fuzz = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
$B/obj/%.o: CFLAGS_fuzz += -fsanitize=fuzzer-no-link
MODULE_FLAGS = -shared
ifeq ($(SYSTEM),Darwin)
FEATURES += -D_DARWIN_C_SOURCE
MODULE_FLAGS = -bundle -undefined dynamic_lookup
endif
LANGUAGE = -std=c11 $(FEATURES) $(WARNINGS) -pthread
# With FAULTS=1, the linker sends each call of a function F to spec/injector, if that has a __wrap_F. It does not see
# the calls in F's own file and those that link-time optimization has inlined, and does not know those that fortified
# headers rename.
ifneq ($(FAULTS),)
CALLS_STAY = -fno-lto -U_FORTIFY_SOURCE
WRAPPED = $(shell grep -Eoh '__wrap_[a-z0-9_]+' $(INJECTOR_SOURCES) | sort -u | sed 's/^__wrap_//')
endif
COMPILE = $(CC) $(LANGUAGE) $(CFLAGS_$(KIND)) $(CFLAGS) $(CALLS_STAY) $(if $(FALLBACKS),-DSW_FALLBACKS) -MMD -MP

LUA_PC = $(shell tools/engine headers $(ENGINE))
# Where the headers are that pkg-config does not know.
LUA_TREE = $(if $(filter 5.5,$(ENGINE)),$(LUA55))
LUA_HEADERS = $(or $(LUA_INCDIR),$(LUA_TREE))
LUA_CFLAGS = $(if $(LUA_HEADERS),-isystem "$(LUA_HEADERS)",$(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(LUA_PC))))
LUA_LIBS = $(if $(LUA_TREE),$(LUA_ARCHIVE),$(shell pkg-config --libs $(LUA_PC)))
# A host that links Lua as an archive exports all of it to modules.
LUA_ARCHIVE = -Wl,--whole-archive "$(LUA_TREE)/liblua.a" -Wl,--no-whole-archive -Wl,--export-dynamic -lm -ldl
EV_CFLAGS = $(or $(LIBEV_SRC:%=-isystem %),$(LIBEV_INCDIR:%=-isystem %))
EV_LINKED = $(LIBEV_LIBDIR:%=-L%) -lev
EV_LIBS = $(if $(LIBEV_SRC),,$(EV_LINKED))

# --- files ---

ROOM_SOURCES = $(wildcard $(foreach room,base buffer codec channel loop,src/$(room)/*.c))
HOST_SOURCES = $(wildcard src/host/*.c) src/sidewire.c
# Only in builds with FAULTS=1.
INJECTOR_SOURCES = $(wildcard spec/injector/*.c)
ROOM_OBJECTS = $(ROOM_SOURCES:src/%.c=$B/obj/%.o) $(if $(LIBEV_SRC),$B/obj/bundle/libev.o)
HOST_OBJECTS = $(HOST_SOURCES:src/%.c=$B/obj/%.o)
INJECTOR_OBJECTS = $(if $(FAULTS),$(INJECTOR_SOURCES:spec/%.c=$B/obj/%.o))
CORE = $B/sidewire/core.so

# Programs of spec/support: the peer and the delay are strangers to sidewire (plain -O2, whatever the KIND); so are those that
# speak TLS, by the system's libssl: peer-tls is the peer, built a second time. unpreload is a part of tools/run; the others
# are C hosts, linked with Lua and built as the module is. neighbour uses libev itself.
STRANGERS = $(patsubst spec/support/%.c,%,$(wildcard spec/support/peer.c spec/support/delay.c))
HAS_SSL := $(shell echo '\#include <openssl/ssl.h>' | $(CC) -E - >/dev/null 2>&1 && echo yes)
TLS_SOURCES = $(wildcard spec/support/hostile-tls.c)
TLS_STRANGERS = $(if $(wildcard spec/support/peer.c),peer-tls) $(TLS_SOURCES:spec/support/%.c=%)
HOSTS = $(filter-out $(STRANGERS) $(TLS_STRANGERS) unpreload,$(patsubst spec/support/%.c,%,$(wildcard spec/support/*.c)))
UNITS = $(patsubst spec/unit/%.c,$B/unit/%,$(wildcard spec/unit/test_*.c))
# The targets of spec/fuzz: with libFuzzer, and as unit tests of the inputs that are kept.
FUZZERS = $(patsubst spec/fuzz/%.c,$B/%,$(wildcard spec/fuzz/fuzz_*.c))
REPLAYS = $(FUZZERS:$B/%=$B/unit/%)
PROGRAMS = $(STRANGERS:%=$B/%) $(if $(HAS_SSL),$(TLS_STRANGERS:%=$B/%)) $(HOSTS:%=$B/%) $B/examples/embed \
	$(if $(FAULTS),,$(UNITS) $(REPLAYS))
ifneq ($(filter asan tsan,$(KIND)),)
PROGRAMS += $B/unpreload.so
endif
ifneq ($(filter asan tsan valgrind,$(KIND)),)
PROGRAMS += $B/planted/planted $B/planted/planted.so
endif

# Programs that know nothing of sidewire, and use all that the system has.
GNU_SOURCES = $(STRANGERS:%=spec/support/%.c) $(wildcard spec/support/unpreload.c bench/*.c)

# --- building ---

.PHONY: all programs demo test test-all test-fallbacks check warnings headers arrows clang-tidy cppcheck clang-format luacheck
.PHONY: FORCE bundle bench bench-engines bench-programs bench-quick demo-programs fuzzers fuzz lint install rock setup release
.PHONY: uninstall
.PHONY: setup-hosts shellcheck help clean docs pages stress wild
READY = $(addprefix ready-,build bundle demo bench test stress check fuzz lint docs rock)
.PHONY: $(READY)
.DELETE_ON_ERROR:

all: $(CORE) ## the module, build/release/sidewire/core.so
programs: $(CORE) $(PROGRAMS)
	$(if $(HAS_SSL),,@echo "NOT TESTED: TLS, because the C headers of OpenSSL are missing (make setup)")
demo-programs: $(CORE) $B/peer
fuzzers: $(FUZZERS)

$(CORE): $(ROOM_OBJECTS) $(HOST_OBJECTS) $(INJECTOR_OBJECTS) | $B/sidewire
	$(if $(FAULTS),@tools/wrapped "$(WRAPPED)" $(ROOM_OBJECTS) $(HOST_OBJECTS))
	$(call say,LD)$(CC) $(MODULE_FLAGS) $(CFLAGS_$(KIND)) $(CFLAGS) $(CALLS_STAY) $(WRAPPED:%=-Wl,--wrap=%) -o $@ $^ \
		$(LDFLAGS) $(CORE_LDFLAGS) $(EV_LIBS) -lm -lpthread

# For which Lua this folder is. `make` without LUA= can find a newer one than last time.
$B/version: FORCE | ready-build $B
	$(Q)echo $(ENGINE) | cmp -s - $@ || echo $(ENGINE) >$@
FORCE:
$(HOST_OBJECTS) $(INJECTOR_OBJECTS): $B/version

# Only the rooms that may see lua.h or ev.h are told where it is.
$B/obj/host/%.o $B/obj/sidewire.o $B/obj/injector/lua.o: INCLUDES = $(LUA_CFLAGS)
$B/obj/loop/%.o: INCLUDES = $(EV_CFLAGS)
# Link-time optimization would make its two functions of Lua weak, as in the other files (host/version.h).
$B/obj/host/version.o: LTO =

$B/obj/%.o: src/%.c | ready-build
	$(MAKE_FOLDER)
	$(say_object)$(COMPILE) -fPIC -fvisibility=hidden -Isrc $(INCLUDES) -c -o $@ $<

$B/obj/bundle/libev.o: bundle/libev.c | ready-build
	$(MAKE_FOLDER)
	$(say_object)$(COMPILE) -fPIC -fvisibility=hidden $(EV_CFLAGS) -c -o $@ $<

$B/obj/injector/%.o: spec/injector/%.c | ready-build
	$(MAKE_FOLDER)
	$(say_object)$(COMPILE) -fPIC -fvisibility=hidden -Isrc $(INCLUDES) -c -o $@ $<

$B/unit/%: spec/unit/%.c $(ROOM_OBJECTS) | $B/unit
	$(call say,LD)$(COMPILE) -MF $@.d -Isrc -Ispec/unit $(EV_CFLAGS) -o $@ $< $(ROOM_OBJECTS) $(LDFLAGS) $(EV_LIBS) -lm -lpthread

$B/unit/replay.o: spec/fuzz/replay.c | ready-build $B/unit
	$(call say,CC)$(COMPILE) -c -o $@ $<

$(REPLAYS): $B/unit/%: spec/fuzz/%.c $B/unit/replay.o $(ROOM_OBJECTS) | $B/unit
	$(call say,LD)$(COMPILE) -MF $@.d -Isrc -Ispec/unit -o $@ $< $B/unit/replay.o $(ROOM_OBJECTS) $(LDFLAGS) $(EV_LIBS) \
		$(FUZZ_LIBS) -lm -lpthread

CODEC_OBJECTS = $(filter $B/obj/codec/%.o,$(ROOM_OBJECTS))
$(patsubst %,$B/fuzz_%,marked counted netstring headers resp): $(CODEC_OBJECTS) \
	$(addprefix $B/obj/,buffer/page.o channel/bad_frame.o loop/assembly.o)
$B/fuzz_sendq: $(addprefix $B/obj/,buffer/page.o loop/sendq.o)
$B/fuzz_resp_item: $(addprefix $B/obj/,codec/resp_item.o)
$B/fuzz_url: $(addprefix $B/obj/,base/address.o base/url.o)
$B/fuzz_tls: $(filter $B/obj/base/%.o,$(ROOM_OBJECTS)) \
	$(addprefix $B/obj/,channel/fork.o $(addprefix loop/,certificate.o openssl.o socket.o tls.o tls_build.o))
# The server's side of it.
$B/fuzz_tls $B/unit/fuzz_tls: FUZZ_LIBS = $(if $(HAS_SSL),-lssl -lcrypto)
$(FUZZERS): $B/%: spec/fuzz/%.c | ready-build $B
	$(call say,LD)$(COMPILE) -MF $@.d -Isrc -Ispec/unit -fsanitize=fuzzer -o $@ $(filter %.c %.o,$^) $(FUZZ_LIBS) -lpthread

# -rdynamic: what a host defines can stand in front of what libraries call.
$(HOSTS:%=$B/%): $B/%: spec/support/%.c | ready-build $B
	$(call say,LD)$(COMPILE) -MF $@.d $(LUA_CFLAGS) $(EV_CFLAGS) -rdynamic -o $@ $< $(LDFLAGS) $(LUA_LIBS) $(HOST_LIBS) -ldl -lpthread
$B/neighbour: HOST_LIBS = $(EV_LINKED)

# As docs/embedding.md has its readers build it: nothing of sidewire is linked.
$B/examples/embed: examples/embed.c | ready-build $B/examples
	$(call say,LD)$(COMPILE) -MF $@.d $(LUA_CFLAGS) -o $@ $< $(LDFLAGS) $(LUA_LIBS)

$(STRANGERS:%=$B/%): $B/%: spec/support/%.c | ready-build $B
	$(call say,LD)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -MMD -MP -MF $@.d -o $@ $< -lm -lpthread

$(TLS_SOURCES:spec/support/%.c=$B/%): $B/%: spec/support/%.c | ready-build $B
	$(call say,LD)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -MMD -MP -MF $@.d -o $@ $< -lssl -lcrypto

$B/peer-tls: spec/support/peer.c | ready-build $B
	$(call say,LD)$(CC) -std=c11 -D_GNU_SOURCE -DSW_PEER_TLS $(WARNINGS) -O2 -MMD -MP -MF $@.d -o $@ $< -lssl -lcrypto

$B/unpreload.so: spec/support/unpreload.c | ready-build $B
	$(call say,LD)$(COMPILE) -MF $@.d -fPIC -shared -o $@ $<

# A program and a module with bugs in them, for tools/planted.
$B/planted/planted: spec/planted/planted.c | ready-build $B/planted
	$(call say,LD)$(COMPILE) -MF $@.d $(LUA_CFLAGS) -o $@ $< $(LDFLAGS) $(LUA_LIBS) -ldl -lpthread
$B/planted/planted.so: spec/planted/planted.c | ready-build $B/planted
	$(call say,LD)$(COMPILE) -MF $@.d $(LUA_CFLAGS) -fPIC $(MODULE_FLAGS) -o $@ $< $(LDFLAGS) -lpthread

# What sidewire is measured against, besides Lua libraries; Qt where it is installed.
QT = Qt6Core Qt6Network
HAS_QT = $(shell pkg-config --exists $(QT) 2>/dev/null && command -v $(CXX))
bench-programs: $B/bench/plain $(if $(HAS_SSL),$B/bench/tls_write) $(if $(HAS_QT),$B/bench/qt)

$B/bench/plain: bench/plain.c | $B/bench
	$(call say,LD)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -o $@ $<

$B/bench/tls_write: bench/tls_write.c | $B/bench
	$(call say,LD)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -o $@ $< -lssl -lcrypto

$B/bench/qt: bench/qt/main.cpp bench/qt/link.cpp bench/qt/link.h | $B/bench
	$(Q)"$$(pkg-config --variable=libexecdir Qt6Core)/moc" -p bench/qt bench/qt/link.h -o $B/bench/moc_link.cpp
	$(call say,LD)$(CXX) -std=c++17 -Wall -Wextra $(WERROR) -O2 -fPIC -I. $$(pkg-config --cflags $(QT)) -o $@ \
		$(filter %.cpp,$^) $B/bench/moc_link.cpp $$(pkg-config --libs $(QT)) -pthread

$B $B/sidewire $B/unit $B/planted $B/bench $B/examples:
	@mkdir -p $@

-include $(ROOM_OBJECTS:.o=.d) $(HOST_OBJECTS:.o=.d) $(INJECTOR_OBJECTS:.o=.d)
-include $(PROGRAMS:=.d) $(FUZZERS:=.d) $B/unit/replay.d

# --- using ---

# $(call build,TARGET... NAME=VALUE...) says what it makes, of several kinds one after the other, on all processors, and
# nothing of each file.
build = $(Q)$(if $(QUIET),,echo "MAKE $1" && )$(MAKE) $(if $(VERBOSE),,-s) --no-print-directory \
	-j "$$(getconf _NPROCESSORS_ONLN)" $1

demo: ## the main job on real input, about 15 seconds
	$(call set_up,build demo)
	$(call build,demo-programs)
	$(Q)tools/run $(NAME) lua examples/demo.lua

docs: ready-docs $(CORE) ## the site: build/docs/index.html
	$(Q)rm -rf build/docs && mkdir -p build/docs
	$(Q)tools/run $(NAME) lua tools/site.lua build/docs
	@echo "build/docs/index.html"

# Two pages of docs/ are written by programs: the errors from their table, what connecting looks like from real runs.
pages: ready-docs ready-test ## docs/errors.md and docs/connecting.md anew
	$(call build,demo-programs)
	$(Q)tools/run $(NAME) lua tools/errors.lua
	$(Q)tools/run $(NAME) lua tools/connecting.lua

bench: ready-bench ## next to other libraries, a quarter of an hour
	$(call build,demo-programs bench-programs)
	$(Q)tools/run $(NAME) lua bench/run.lua "WORKLOADS=$(WORKLOADS)" "CANDIDATES=$(CANDIDATES)" "ROUNDS=$(ROUNDS)" \
		"SCALE=$(SCALE)"

bench-engines: ENGINES = 5.4 luajit
bench-engines: ready-demo ## what send and poll cost under each Lua
	$(call build,demo-programs)
	$(Q)for engine in $(ENGINES); do $(MAKE) -s --no-print-directory LUA=$$engine || exit 1; done
	$(Q)tools/run $(NAME) lua bench/engines.lua "$(or $(ROUNDS),5)" $(ENGINES)

bench-quick: ready-demo ## the figures that decide, next to LuaSocket's
	$(call build,demo-programs)
	$(Q)tools/run $(NAME) lua bench/run.lua WORKLOADS="flood idle pingpong" \
		CANDIDATES="sidewire luasocket luasocket_queue" OUTPUT=none

# What a path is from any folder; it may have blanks.
absolute = $(if $(filter /%,$(firstword $1)),$1,$(CURDIR)/$1)
PLACED_LIB = $(call absolute,$(DESTDIR)$(LIBDIR))/sidewire
PLACED_LUA = $(call absolute,$(DESTDIR)$(LUADIR))/sidewire
PLACED_DOC = $(call absolute,$(DESTDIR)$(DOCDIR))
LUA_FILES = $(wildcard lua/sidewire/*.lua)
DOCUMENTS = README.md CHANGELOG.md LICENSE
check_prefix = $(if $(PREFIX),,$(if $(filter file,$(origin LUADIR) $(origin LIBDIR)),$(error PREFIX is empty: \
	give the folder that gets share/lua and lib/lua, as in PREFIX=/usr/local)))

install: all ## copies the module and its Lua files to PREFIX
	$(check_prefix)
	$(Q)$(if $(QUIET),,echo "INSTALL $(PLACED_LIB)" && )install -d "$(PLACED_LIB)"
	$(Q)install -m 755 $(CORE) "$(PLACED_LIB)/"
	$(Q)$(if $(QUIET),,echo "INSTALL $(PLACED_LUA)" && )install -d "$(PLACED_LUA)"
	$(Q)install -m 644 $(LUA_FILES) "$(PLACED_LUA)/"
	$(if $(DOCDIR),$(Q)$(if $(QUIET),,echo "INSTALL $(PLACED_DOC)" && )install -d "$(PLACED_DOC)" && \
		cp -R $(DOCUMENTS) docs "$(PLACED_DOC)/")
	$(if $(QUIET)$(DESTDIR),,$(Q)$(call unless_no,tools/paths "$(ENGINE)" "$(call absolute,$(LUADIR))" \
		"$(call absolute,$(LIBDIR))"))

# Folders go only when nothing is left in them.
uninstall: ## removes what install with the same PREFIX has copied
	$(check_prefix)
	$(Q)$(if $(QUIET),,echo "REMOVE $(PLACED_LIB)" && )rm -f "$(PLACED_LIB)/core.so"
	$(Q)$(if $(QUIET),,echo "REMOVE $(PLACED_LUA)" && )rm -f $(LUA_FILES:lua/sidewire/%="$(PLACED_LUA)/%")
	$(Q)for dir in "$(PLACED_LIB)" "$(PLACED_LUA)"; do [ ! -d "$$dir" ] || rmdir "$$dir" 2>/dev/null || true; done
	$(if $(DOCDIR),$(Q)$(if $(QUIET),,echo "REMOVE $(PLACED_DOC)" && )find $(DOCUMENTS) docs ! -type d | \
		while read -r file; do rm -f "$(PLACED_DOC)/$$file"; done && \
		find docs -depth -type d | while read -r dir; do rmdir "$(PLACED_DOC)/$$dir" 2>/dev/null || true; done)

bundle: ready-bundle ## a folder to copy beside a game, with libev inside
	$(Q)MAKE="$(MAKE)" tools/bundle $(ENGINE)

help: ## says this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' $(firstword $(MAKEFILE_LIST)) | while read -r target text; do \
		printf 'make %-15s %s\n' "$$target" "$$text"; done | sed 's/^make all /make     /'
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST)) | sed '1,/shows this:$$/d'

# --- testing ---

test: ## unit tests and specs
	$(call set_up,build test)
	$(call build,programs KIND=$(KIND))
	$(call build,programs KIND=$(KIND) FAULTS=1)
	$(Q)tools/test $(KIND)$(LUA:%=-%) $(KIND)-faults$(LUA:%=-%) $(SPEC)

test-all: ## the specs under each Lua that is installed
	$(call set_up,build test engines)
	$(Q)MAKE="$(MAKE)" ENGINES="$(ENGINES)" tools/test-all $(SPEC)

# What tests on Linux can show of other systems. The injector knows the calls of Linux, so FAULTS=1 has no part in it.
test-fallbacks: ready-build ready-test ## the same as on a system that has no more than POSIX
	$(call build,programs KIND=$(KIND) FALLBACKS=1)
	$(Q)tools/test $(KIND)-fallbacks$(LUA:%=-%) $(SPEC)

check: ready-build ready-test ready-check ## the same under sanitizers and valgrind
	$(call build,programs KIND=asan)
	$(call build,programs KIND=asan FAULTS=1)
	$(if $(shell tools/engine headers 5.1),$(call build,programs KIND=asan LUA=5.1))
	$(call build,programs KIND=tsan)
	$(call build,programs KIND=valgrind)
	$(Q)tools/check $(SPEC)

fuzz: ready-build ready-fuzz ## libFuzzer on all targets of spec/fuzz at once
	$(call build,fuzzers KIND=fuzz)
	$(Q)tools/fuzz $(if $(REPLAY),replay $(REPLAY),run $(or $(SECONDS),60))

LINTED_SPECS = $(wildcard spec/unit/*.c spec/fuzz/*.c examples/*.c examples/hosts/*/*.c) \
	$(wildcard $(HOSTS:%=spec/support/%.c)) $(INJECTOR_SOURCES)

# What $(CC) has to say about every C file; nothing is built. Then about the code for other systems: each column of
# src/base/platform.h.
COLUMN = -include tools/elsewhere.h -D'SW_ON(linux_, macos, bsd, others)='
warnings: ready-build ## has a compiler anything to say about a C file?
	$(Q)for column in macos bsd others; do \
		$(CC) $(LANGUAGE) -O2 -fsyntax-only -Isrc $(LUA_CFLAGS) $(EV_CFLAGS) $(COLUMN)$$column \
			$$(grep -l base/platform.h $(ROOM_SOURCES) $(HOST_SOURCES)) || exit; done
	$(Q)$(CC) $(LANGUAGE) -O2 -fsyntax-only -Isrc -Ispec/unit $(LUA_CFLAGS) $(EV_CFLAGS) \
		$(ROOM_SOURCES) $(HOST_SOURCES) $(LINTED_SPECS)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -fsyntax-only $(GNU_SOURCES)
	$(if $(HAS_SSL),$(Q)$(CC) -std=c11 -D_GNU_SOURCE -DSW_PEER_TLS $(WARNINGS) -O2 -fsyntax-only spec/support/peer.c $(TLS_SOURCES))

# Does each header compile with nothing before it (which is pedantically nothing, if it only has macros)? The planted one,
# which does not, must be found among them.
ALONE = LC_ALL=C $(CC) $(LANGUAGE) -O2 -Wno-unused-function -Wno-pedantic -fsyntax-only -Isrc $(LUA_CFLAGS) $(EV_CFLAGS) -x c
HEADERS = $(wildcard src/*.h src/*/*.h)
headers: ready-build ## does each header of src/ compile alone?
	$(Q)$(ALONE) $(HEADERS)
	$(Q)$(ALONE) $(firstword $(HEADERS)) spec/planted/header.h $(lastword $(HEADERS)) 2>&1 | \
		grep -q "spec/planted/header.h.*unknown type name.*size_t" || \
		{ echo "spec/planted/header.h compiles alone, or the compiler says something else of it" && exit 1; }

arrows: $(CORE) ## do files of src/ include and call only what they may?
	$(Q)tools/arrows src $B

# The same for clang-tidy (.clang-tidy; spec and bench have their own) and cppcheck. Both read tools/noreturn.h first.
# cppcheck 2.10 cannot parse the _Generic of spec/unit/unit.h, so the unit tests are clang-tidy's alone. It is not asked for
#   arrayIndexOutOfBoundsCond, uninitvar, ctuuninitvar, knownConditionTrueFalse: taken in by codec.c's automaton, by
#       LIST_FOREACH, by functions that fill what they are given and by the smaller of two sizes; clang-tidy looks for the
#       same
#   ctuPointerArith: takes the place behind an array's end for an overflow
#   invalidFunctionArg: takes mmap's descriptor -1 for a mistake, which MAP_ANONYMOUS wants on some systems (mmap(2))
#   leakReturnValNotUsed: what src/sidewire.c opens stays open on purpose
#   readdirCalled: readdir_r is deprecated
#   redundantContinue: it is how an empty loop is written here
LINTED = $(LANGUAGE) -include tools/noreturn.h -Isrc -Ispec/unit $(LUA_CFLAGS) $(EV_CFLAGS)
TIDY = xargs -P "$$(nproc 2>/dev/null || echo 2)" -I FILE clang-tidy --quiet FILE --
clang-tidy: ## what it finds in the C files
	$(Q)printf '%s\n' $(ROOM_SOURCES) $(HOST_SOURCES) $(LINTED_SPECS) | $(TIDY) $(LINTED)
	$(Q)printf '%s\n' $(GNU_SOURCES) | $(TIDY) -std=c11 -D_GNU_SOURCE
	$(if $(HAS_SSL),$(Q)printf '%s\n' spec/support/peer.c $(TLS_SOURCES) | $(TIDY) -std=c11 -D_GNU_SOURCE -DSW_PEER_TLS)

CPPCHECK_OFF = arrayIndexOutOfBoundsCond uninitvar ctuuninitvar ctuPointerArith invalidFunctionArg knownConditionTrueFalse \
	leakReturnValNotUsed readdirCalled redundantContinue
CPPCHECK = cppcheck --quiet --error-exitcode=1 --std=c11 --language=c --enable=warning,style,performance,portability \
	--inconclusive --library=posix $(CPPCHECK_OFF:%=--suppress=%) --include=tools/noreturn.h $(FEATURES) -Isrc
cppcheck: ## what it finds in the C files
	$(Q)$(CPPCHECK) -DSIOCOUTQ=0x5411 $(ROOM_SOURCES) $(HOST_SOURCES) $(wildcard spec/support/*.c bench/*.c) \
		$(INJECTOR_SOURCES)

clang-format: ## are the C files formatted?
	$(Q)clang-format --dry-run -Werror $(wildcard src/*.[ch] src/*/*.[ch] spec/*/*.[ch] examples/*.c examples/hosts/*/*.c bundle/*.c bench/*.c bench/qt/*.cpp bench/qt/*.h)

luacheck: ## what it finds in the Lua files
	$(Q)luacheck --quiet --no-color $(wildcard lua library spec examples bench tools)

shellcheck: ## what it finds in the shell scripts
	$(Q)shellcheck .ci/run $$(find tools -type f -exec grep -l '^#!.*sh$$\|^# shellcheck shell' {} +)

lint: ready-build ready-lint all ## all of these, and no ten lines twice
	$(Q)tools/lint

rock: ready-rock $B/peer ## does the rockspec install, and work, for each Lua?
	$(Q)tools/rock

release: ready-rock ## checks VERSION, writes its rockspec, packs the source rock
	$(Q)tools/release "$(VERSION)"

# What a sanitizer keeps for itself grows for as long as a process runs: freed blocks up to a limit that is never reached
# in ten minutes, and notes on all memory that was ever touched. With little of that, growth is ours. Nothing limits the
# distinct call stacks that ThreadSanitizer collects: the file memory.PID tells them (stacks=) from what is ours (heap:).
STRESS_asan = SANITIZER_OPTIONS=quarantine_size_mb=16
STRESS_tsan = SANITIZER_OPTIONS=flush_memory_ms=5000:profile_memory=$B/memory
stress: ready-stress ## everything at once, at random
	$(call build,programs KIND=$(KIND))
	$(Q)$(STRESS_$(KIND)) tools/reported $(NAME) lua spec/stress/stress.lua $(or $(SECONDS),60) $(SEED)

wild: ready-stress ## the same with a hostile script
	$(call build,programs KIND=$(KIND))
	$(Q)tools/wild $(NAME) $(or $(SECONDS),60) $(SEED)

# --- setting up ---

setup: ## installs what all but bench need and is missing (Debian)
	@tools/setup

setup-hosts: ## the programs that spec/hosts tries sidewire in
	@tools/setup hosts

# Before anything is compiled or run: a look for what that needs, some milliseconds when it is there. Only demo and test
# go on to install what is missing (set_up). SETUP=no is for package managers (the rockspec passes it): they have looked
# for what is needed themselves, and their users have not asked for another one's work.
unless_no = $(if $(filter no,$(SETUP)),true,$1)
set_up = @$(call unless_no,tools/setup --quiet $1)
$(READY):
	@$(call unless_no,tools/setup --look $(@:ready-%=%))

clean: ## removes build/
	rm -rf build
