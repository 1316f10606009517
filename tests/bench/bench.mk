# bench.mk - the measuring instruments; the Makefile includes it.
#
#	make bench [ROWS=fan-1k,latency] [SECONDS=1] [ROUNDS=3]

BENCH_BIN = $B/tests/bench/load $B/tests/bench/rawfan $B/tests/bench/kept

$B/tests/bench/load: $(patsubst %.c,$B/%.o,$(wildcard tests/bench/load*.c))
$B/tests/bench/rawfan: $B/tests/bench/rawfan.o
$B/tests/bench/load $B/tests/bench/rawfan: $B/common/buf.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^
$B/tests/bench/kept: $B/tests/bench/kept.o $B/store.a $B/common.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# An optimised build: with SAN=1 it measures the sanitizers.
bench: $(PROGRAMS) $(BENCH_BIN)
	@B=$B ROWS='$(ROWS)' SECONDS='$(SECONDS)' ROUNDS='$(ROUNDS)' \
	    node tests/bench/run

.PHONY: bench
