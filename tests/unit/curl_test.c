/*
 * curl_test.c - what libcurl does with our loop and with our settings.
 *
 * It finds the functions below before those of libc and libssl.
 */
#include "pushers/curl.h"

#include "common/must.h"
#include "tests/unit/test.h"
#include "tests/unit/threads.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
	WAIT_MS = 20000,
	SLOW_MS = 3000, /* what a name server takes at most */
};

static struct {
	atomic_bool asked;
	int answers[2];         /* a pipe */
	int files, directories; /* of authorities that libssl was told */
} world;

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *want,
    struct addrinfo **found)
{
	struct pollfd answer = {.fd = world.answers[0], .events = POLLIN};

	(void)host, (void)port, (void)want, (void)found;
	atomic_store(&world.asked, true);
	poll(&answer, 1, SLOW_MS);
	return EAI_NONAME;
}

int
X509_STORE_load_file(X509_STORE *store, const char *path)
{
	(void)store, (void)path;
	world.files++;
	return 1;
}

int
X509_STORE_load_path(X509_STORE *store, const char *path)
{
	(void)store, (void)path;
	world.directories++;
	return 1;
}

/* ---- A house */

struct house {
	struct loop *loop;
	struct posts *posts;
	struct post post;
	struct timer late, look;
	bool done;
	unsigned threads;
};

static void
done(struct post *t)
{
	struct house *h = container_of(t, struct house, post);

	h->done = true;
	loop_stop(h->loop, 0);
}

static void
late(struct timer *t)
{
	loop_stop(container_of(t, struct house, late)->loop, 1);
}

/* Is the thread there? */
static void
look(struct timer *t)
{
	struct house *h = container_of(t, struct house, look);

	if (atomic_load(&world.asked))
		loop_stop(h->loop, 0);
	else
		loop_arm(h->loop, t, 1);
}

static void
open_posts(struct house *h, const char *ca)
{
	const char *why = NULL;

	h->posts = posts_new(
	    &(struct posts_setup){
		.loop = h->loop, .connections = 1, .ca = ca, .proxy = ""},
	    &why);
	assert_non_null(h->posts);
}

static int
setup(void **state)
{
	struct house *h = *state = xcalloc(1, sizeof(*h));

	atomic_store(&world.asked, false);
	must(pipe(world.answers) == 0);
	world.files = world.directories = 0;
	h->threads = threads_count();
	h->loop = loop_new();
	timer_init(&h->late, late);
	timer_init(&h->look, look);
	return 0;
}

static int
teardown(void **state)
{
	struct house *h = *state;

	must(write(world.answers[1], "!", 1) == 1);
	posts_free(&h->posts);
	buf_free(&h->post.reply);
	timer_cancel(&h->late);
	timer_cancel(&h->look);
	loop_free(&h->loop);
	threads_end(h->threads);
	close(world.answers[0]);
	close(world.answers[1]);
	free(h);
	return 0;
}

static void
run(struct house *h)
{
	loop_arm(h->loop, &h->late, WAIT_MS);
	assert_int_equal(loop_run(h->loop), 0);
	timer_cancel(&h->late);
}

static void
post(struct house *h, const char *url, uint64_t timeout)
{
	h->post.done = done;
	h->post.url = url;
	h->post.type = "text/plain";
	h->post.body = SLICE("x");
	h->post.timeout_ms = timeout;
	post_send(h->posts, &h->post);
}

static void
begin_lookup(struct house *h)
{
	open_posts(h, "");
	post(h, "http://name.invalid/", WAIT_MS);
	loop_arm(h->loop, &h->look, 0);
	run(h);
}

/* ---- Stories */

static void
who_leaves_off_does_not_wait_for_a_name_server(void **state)
{
	struct house *h = *state;
	uint64_t before;

	begin_lookup(h);
	before = clock_us();
	post_cancel(&h->post);
	posts_free(&h->posts);
	assert_true(clock_us() - before < 1000000);
}

static void
a_deadline_does_not_wait_for_a_name_server(void **state)
{
	struct house *h = *state;
	uint64_t before = clock_us();

	open_posts(h, "");
	post(h, "http://name.invalid/", 50);
	run(h);
	assert_true(h->done);
	assert_int_equal(h->post.status, 0);
	assert_true(h->post.unsent);
	assert_true(clock_us() - before < 1000000);
}

/* To somebody who never says a word. */
static void
begin_tls(struct house *h, const char *ca)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	socklen_t n = sizeof(to);
	char url[64];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	must(listen(fd, 1) == 0);
	must(getsockname(fd, (struct sockaddr *)&to, &n) == 0);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", ntohs(to.sin_port));
	open_posts(h, ca);
	post(h, url, 300);
	run(h);
	close(fd);
	assert_true(h->done);
}

static void
authorities_that_are_named_are_the_only_ones(void **state)
{
	begin_tls(*state, "roots.pem");
	assert_int_equal(world.files, 1);
	assert_int_equal(world.directories, 0);
}

static void
else_they_are_those_of_the_system(void **state)
{
	begin_tls(*state, "");
	assert_true(world.files + world.directories != 0);
}

/* clang-format off */
#define told(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TESTS(
    told(who_leaves_off_does_not_wait_for_a_name_server),
    told(a_deadline_does_not_wait_for_a_name_server),
    told(authorities_that_are_named_are_the_only_ones),
    told(else_they_are_those_of_the_system))
/* clang-format on */
