# Posthorn.  What can be said: make help

# ---- What it is made with

CFLAGS_OPT ?= -O2
WARN  = -Wall -Wextra -Wpedantic -Wshadow -Werror
HARD  = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection -fPIE
B     = build
ifdef SAN
B     = build-san
HARD  = -fPIE
SANFL = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
CFLAGS_OPT = -O1
endif
ifdef FUZZ
B     = build-fuzz
HARD  = -fPIE
SANFL = -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ifneq ($(findstring clang,$(CC)),)
B    := $(B)-clang
endif
CFLAGS  += -std=c11 $(WARN) $(CFLAGS_OPT) -g $(HARD) $(SANFL)
CPPFLAGS += -D_GNU_SOURCE -I. -MMD -MP
LDFLAGS += -pie -Wl,-z,relro,-z,now,--as-needed $(SANFL)
LDLIBS   = -lzmq -lmsgpackc -lhiredis -lcurl -lnghttp2 -lssl -lcrypto -lev -lz \
	-lxxhash -lrocksdb -lpthread -lm

# Each command in one short line; make V=1 shows it all.
ifndef V
say = @echo "  $1	$(patsubst $B/%,%,$@)";
endif

# ---- What is built

STAGES   = ingress hub pushers store
PROGRAMS = $(basename $(wildcard bin/*.c))
UNIT     = $(patsubst %.c,$B/%,$(wildcard tests/unit/*_test.c))
FUZZERS  = $(patsubst %.c,$B/%,$(wildcard tests/fuzz/fuzz_*.c))
objs     = $(patsubst %.c,$B/%.o,$(wildcard $(1:%=%/*.c)))

all: $(PROGRAMS)	# the programs, into bin/ (this is what make alone does)

# Which program is made of which folder.  Folders are archives: a program
# takes from its own only what it uses.
bin/ingress bin/bridge:        $B/ingress.a
bin/hub:                       $B/hub.a
bin/apns bin/gcm bin/webpush:  $B/pushers.a
bin/store:                     $B/store.a
$(PROGRAMS): bin/%: $B/bin/%.o $B/common.a
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	    $(filter-out $B/common.a,$(filter %.a,$^)) $B/common.a $(LDLIBS)

# Files that are part of a program lie between _binary_FOLDER_NAME_start and
# _end.
WWW = $(patsubst %,$B/%.o,$(wildcard ingress/www/*))
$(WWW): $B/%.o: %
	@mkdir -p $(@D)
	$(call say,LD)ld -r -b binary -z noexecstack -o $@ $<
$B/ingress.a: $(WWW)

# Tests link every folder whole, so a clash of global names fails the build.
$(UNIT) $(FUZZERS): %: %.o $(call objs,$(STAGES) common) $(WWW)
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(LDTEST)
$(UNIT): LDTEST = -lcmocka
$(FUZZERS): LDTEST = -fsanitize=fuzzer

$(foreach d,common $(STAGES),$(eval $B/$d.a: $(call objs,$d)))
$B/%.a:
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

$B/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# ---- What it needs

DEPS += libzmq3-dev           # the bus
DEPS += libmsgpack-dev        # frames on it
DEPS += libev-dev             # the loop
DEPS += libjsmn-dev           # JSON lookups
DEPS += libssl-dev            # TLS, tokens
DEPS += libhiredis-dev        # the bridge, the store on Redis
DEPS += libcurl4-openssl-dev  # the pushers
DEPS += libnghttp2-dev        # apns: HTTP/2, eight times as fast as by libcurl
DEPS += zlib1g-dev            # permessage-deflate
DEPS += libxxhash-dev         # hash tables
DEPS += librocksdb-dev        # the store's engine
DEPS += curl                  # what make run tells to try

TEST_DEPS += libcmocka-dev    # unit tests
TEST_DEPS += redis-server     # the counterpart of both
TEST_DEPS += ruby-foreman     # the other way to run the Procfile
TEST_DEPS += chromium         # the demo page in a real browser
TEST_DEPS += iproute2         # stages in network namespaces
TEST_DEPS += bsdutils         # script(1): a terminal for bin/up
TEST_DEPS += $(if $(shell which node),,nodejs)  # flow tests, 18 or newer
TEST_DEPS += $(if $(shell which npm),,npm)      # their clients

TOOL_DEPS = clang libclang-rt-dev clang-format mandoc shellcheck

# Looks first, which takes no time, and asks apt only for what is missing.
sudo = $(if $(filter 0,$(shell id -u)),,sudo )
define need
@command -v dpkg-query > /dev/null || { echo "without apt: install" \
    "the like of $(strip $1)"; exit 0; }; \
missing=$$(for p in $1; do \
    dpkg-query -W -f '$${db:Status-Status}' $$p 2> /dev/null | \
    grep -qx installed || echo $$p; done); \
[ -z "$$missing" ] || { echo "installing:" $$missing; \
    $(sudo)apt-get -qq update && $(sudo)env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -y --no-install-recommends install $$missing > /dev/null; }
endef

deps:			# install what building needs (Debian packages)
	$(call need,$(DEPS))

test-deps: deps		# and what testing needs
	$(call need,$(TEST_DEPS))
	@$(MAKE) -s tests/node_modules/.package-lock.json

tests/node_modules/.package-lock.json: tests/package-lock.json
	cd tests && npm ci --silent --no-audit --no-fund && touch ../$@

# ---- Running and testing

# Unless somebody has said how many: all cores.
JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

FLOW = $(wildcard tests/flow/*.test.js)
# The stories mostly wait.  The first Node.js 18 had no such option.
AT_ONCE = $(shell node --help | grep -q -e --test-concurrency && \
    echo --test-concurrency=$$(nproc))

# Preloaded into a store whose disk fails.
$B/tests/flow/hold.so: $B/tests/flow/hold.o
	$(call say,LD)$(CC) -shared -o $@ $<
$B/tests/flow/hold.o: HARD = -fPIC

define HINT

  The demo page is at %s/

  Listen:   curl -N '%s/v1/sse?channel=/%s/public/hello'
  Publish:  curl -u '%s' %s/v1/publish \\
                -d '{"channel": "/%s/public/hello", "data": "Hello"}'
  Or pipe:  echo '{"channel": "/%s/public/hello", "data": 1}' | bin/send


endef
export HINT

# The settings say where we listen and whose key there is; what a user has
# set himself, he knows.
define TRY
word=$$(bin/up -n | sed -n 's/^listen: //p' | head -n 1)
case $$word in *+tls*) url=https://;; *) url=http://;; esac
case $${word%%[=+]*} in
*:*) url=$$url$${word%%[=+]*};;
*) url=$${url}localhost:$${word%%[=+]*};;
esac
settings=$$(bin/store -t)
data=$$(echo "$$settings" | sed -n 's/^POSTHORN_DATA=\([^ ]*\) .*/\1/p')
case $$settings in
*POSTHORN_BOOTSTRAP=\**) app=APP key=KEYID:SECRET;;
*) app=demo key=$$(cat "$$data/demo.key");;
esac
printf "$$HINT" $$url $$url $$app "$$key" $$url $$app $$app
endef
export TRY

# When up says on its descriptor 3 that all is ready, tell what to try.
run: deps		# build, start everything, tell what to try
	@$(MAKE) -s $(JOBS) all
	@mkdir -p -m 700 run data
	@{ READY_FD=3 bin/up 3>&1 >&4 4>&- | \
	    { read -r _ && sh -c "$$TRY"; }; } 4>&1

test: test-deps		# everything: unit tests, then whole-system stories
	@$(MAKE) -s $(JOBS) all check $B/tests/flow/hold.so
	@node --test --test-reporter=spec $(AT_ONCE) $(FLOW)

check: $(UNIT)		# unit tests; SAN=1: with address and UB sanitizers
	@for t in $(UNIT); do ./$$t || exit 1; done

lint:			# style, budgets, who may include whom, manual pages
	$(call need,$(TOOL_DEPS))
	@tests/lint --self-test && tests/lint

FUZZ_SECONDS ?= 5
fuzz: deps		# feed strangers' bytes to the parsers; FUZZ_SECONDS=5 each
	$(call need,$(TOOL_DEPS))
	@$(MAKE) -s FUZZ=1 CC=clang fuzz-all

fuzz-all: $(FUZZERS)
	@for f in $(FUZZERS); do n=$${f##*/fuzz_}; c=$B/corpus/$$n; \
	    mkdir -p $$c tests/fuzz/corpus/$$n; \
	    ./$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
	        -artifact_prefix=$B/$$n- $$c tests/fuzz/corpus/$$n \
	        > $$c.log 2>&1 || { tail -40 $$c.log; exit 1; }; \
	    echo "fuzz_$$n: $$(tail -1 $$c.log)"; done

-include tests/bench/bench.mk

# ---- Installing

PREFIX ?= /usr/local
BIN     = $(DESTDIR)$(PREFIX)/bin
MAN     = $(DESTDIR)$(PREFIX)/share/man
UNITS   = $(DESTDIR)$(PREFIX)/lib/systemd/system
names   = $(subst $() ,\|,$(notdir $(PROGRAMS)))
# Names, references, and commands that stand in examples.
renamed = sed -e '/^\.Dt POSTHORN[ -]/! s/^\.Dt /&POSTHORN-/' \
	-e 's/^\.\(Nm\|Xr\) \(\($(names)\)\($$\| \)\)/.\1 posthorn-\2/' \
	-e '/^\.Bd -literal/,/^\.Ed/ b command' -e '/^\.[DQ]l /!b' \
	-e ':command' \
	-e 's/\(^\|^\.[DQ]l \|[|;] \)\(\($(names)\)\($$\| \)\)/\1posthorn-\2/g'

install: all		# programs, manual pages, units; DESTDIR= PREFIX=/usr/local
	install -d $(BIN) $(MAN)/man1 $(MAN)/man7 $(MAN)/man8 $(UNITS)
	for p in $(notdir $(PROGRAMS)); do \
	    install bin/$$p $(BIN)/posthorn-$$p || exit 1; done
	for m in $(notdir $(wildcard bin/*.7)); do \
	    to=$(MAN)/man7/$$m; \
	    $(renamed) bin/$$m > $$to && chmod 644 $$to || exit 1; done
	for m in $(notdir $(wildcard bin/*.[18])); do \
	    to=$(MAN)/man$${m##*.}/posthorn-$$m; \
	    $(renamed) bin/$$m > $$to && chmod 644 $$to || exit 1; done
	install -m 644 bin/posthorn.target $(UNITS)
	for p in $(filter-out up send tap keygen,$(notdir $(PROGRAMS))); do \
	    to=$(UNITS)/posthorn-$$p@.service; \
	    sed -e 's|@PREFIX@|$(PREFIX)|' -e "s|@PROGRAM@|$$p|" \
	        bin/posthorn@.service > $$to && chmod 644 $$to || exit 1; done
	install -m 644 bin/posthorn-ingress@.socket $(UNITS)

clean:			# remove what was built
	rm -rf build* $(PROGRAMS)

help:			# this list
	@sed -n 's/^\([a-z-]*\):[^#]*# /\1	/p' Makefile $(wildcard tests/*/*.mk) | expand -t 12

-include $(shell find $B -name '*.d' 2>/dev/null)
.SECONDARY:
.PHONY: all check clean deps fuzz fuzz-all help install lint run test test-deps
