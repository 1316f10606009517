/* bridge_envelope_test.c - which envelope a list or channel is bound to. */
#include "ingress/bridge_envelope.h"
#include "tests/unit/test.h"

static const struct envelope_rules rules = {.tyron = SLICE_INIT("/t/public/")};

static void
a_word_names_a_list_and_maybe_an_envelope(void **state)
{
	struct binding b;

	(void)state;
	assert_null(binding_parse(SLICE("jobs"), &b));
	assert_true(slice_is(b.name, "jobs"));
	assert_string_equal(b.envelope->name, "native");
	assert_null(binding_parse(SLICE("a=b=native"), &b));
	assert_true(slice_is(b.name, "a=b"));
}

static void
a_word_without_a_name_or_with_an_unknown_envelope_is_refused(void **state)
{
	struct binding b;

	(void)state;
	assert_non_null(binding_parse(SLICE("=native"), &b));
	assert_non_null(binding_parse(SLICE("jobs="), &b));
	assert_non_null(binding_parse(SLICE("jobs=Native"), &b));
	assert_non_null(binding_parse(SLICE(""), &b));
}

static void
the_native_envelope_is_the_publish_object(void **state)
{
	struct native n = {0};
	struct binding b;

	(void)state;
	assert_null(binding_parse(SLICE("jobs=native"), &b));
	assert_int_equal(
	    b.envelope->read(
		&n, SLICE("{\"channel\":\"/a/public/x\",\"data\":1}"), &rules),
	    CODE_ok);
	assert_true(slice_is(n.msg.publish.body, "1"));
	assert_int_equal(
	    b.envelope->read(&n, SLICE("[]"), &rules), CODE_bad_json);
	native_free(&n);
}

static void
the_envelope_of_tyron_names_its_channel(void **state)
{
	struct native n = {0};
	struct binding b;

	(void)state;
	assert_null(binding_parse(SLICE("tyron_pubsub=tyron"), &b));
	assert_true(slice_is(b.name, "tyron_pubsub"));
	assert_int_equal(
	    b.envelope->read(
		&n, SLICE("{\"channel\":\"c\",\"data\":\"x\"}"), &rules),
	    CODE_ok);
	assert_true(slice_is(n.msg.publish.channel, "/t/public/c"));
	assert_true(slice_is(n.msg.publish.body, "\"x\""));
	native_free(&n);
}

TESTS(unit(a_word_names_a_list_and_maybe_an_envelope),
    unit(a_word_without_a_name_or_with_an_unknown_envelope_is_refused),
    unit(the_native_envelope_is_the_publish_object),
    unit(the_envelope_of_tyron_names_its_channel))
