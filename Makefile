# Posthorn.  What can be said: make help

CFLAGS_OPT ?= -O2
WARN  = -Wall -Wextra -Wpedantic -Wshadow -Werror
HARD  = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection -fPIE
ifdef SAN
B     = build-san
HARD  = -fPIE
SANFL = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
CFLAGS_OPT = -O1
else
B     = build
endif
ifneq ($(findstring clang,$(CC)),)
B    := $(B)-clang
endif
CFLAGS  += -std=c11 $(WARN) $(CFLAGS_OPT) -g $(HARD) $(SANFL)
CPPFLAGS += -D_GNU_SOURCE -I. -MMD -MP
LDFLAGS += -pie -Wl,-z,relro,-z,now,--as-needed $(SANFL)
LDLIBS   = -lzmq -lmsgpackc -lhiredis -lcurl -lssl -lcrypto -lev -lz -lxxhash \
	-lpthread -lm

STAGES   = ingress hub pushers store
PROGRAMS = $(basename $(wildcard bin/*.c))
UNIT     = $(patsubst %.c,$B/%,$(wildcard tests/unit/*_test.c))
objs     = $(patsubst %.c,$B/%.o,$(wildcard $(1:%=%/*.c)))

all: $(PROGRAMS)

# Which program is made of which folder.  Folders are archives: a program
# takes from its own only what it uses.
bin/ingress bin/bridge: $B/ingress.a
bin/hub:                $B/hub.a
bin/store:              $B/store.a
$(PROGRAMS): bin/%: $B/bin/%.o $B/common.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	    $(filter-out $B/common.a,$(filter %.a,$^)) $B/common.a $(LDLIBS)

# Tests link every folder whole, so a clash of global names fails the build.
$(UNIT): %: %.o $(call objs,$(STAGES) common)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(foreach d,common $(STAGES),$(eval $B/$d.a: $(call objs,$d)))
$B/%.a:
	@rm -f $@
	ar rcs $@ $^

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

check: $(UNIT)			# make check SAN=1: address and UB sanitizers
	@for t in $(UNIT); do ./$$t || exit 1; done

clean:
	rm -rf build* $(PROGRAMS)

-include $(shell find $B -name '*.d' 2>/dev/null)
.SECONDARY:
.PHONY: all check clean
