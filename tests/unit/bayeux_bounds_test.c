/* bayeux_bounds_test.c - Bayeux' clients that say much at once, and those that
 * go in the wrong moment. */
#include "tests/unit/bayeux_world.h"

static void
requests_in_one_packet_are_answered_one_after_the_other(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	static const char one[] = "POST /push HTTP/1.1\r\nHost: a\r\n"
				  "Content-Type: application/json\r\n"
				  "Content-Length: 10\r\n\r\n";
	char text[1024];

	snprintf(text, sizeof(text),
	    "%s[{\"id\":1}]%s[{\"id\":2}]%s[{\"id\":3}]", one, one, one);
	say(fd, text);
	hear(w, fd, "[{\"id\":1,");
	hear(w, fd, "[{\"id\":2,");
	hear(w, fd, "[{\"id\":3,");
	close(fd);
}

TESTS(story(requests_in_one_packet_are_answered_one_after_the_other))
