/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coming back by the secret of the session: what is shown when, what follows a refusal, and
 * that no credentials are asked for as long as the secret is good.
 */
#include "meeting.h"

/* A session with a secret, whose start is over. */
static void
begin_with_secret(struct meeting *m)
{
	begin(m, URL);
	m->secret = "secret-1";
	open_gateway(m);
	sim_run_for(m->world, SECOND);
}

static void
t_by_secret(void **state)
{
	struct meeting m;
	(void)state;

	begin_with_secret(&m);
	assert_false(m.resumes); /* it began with the token of StartSession */
	assert_int_equal(m.kept, 1);
	agent_says(&m, PAYLOAD_OUTPUT, "$ ");
	sim_run_for(m.world, SECOND);
	for (int i = 1; i <= 5; i++) {
		static const char *const secrets[] = { "secret-1", "secret-2", "secret-3",
			"secret-4", "secret-5", "secret-6" };

		cut(&m);
		agent_says(&m, PAYLOAD_OUTPUT, "more ");
		m.secret = secrets[i];
		sim_run_for(m.world, 10 * SECOND);
		assert_int_equal(m.opened, i + 1);
		assert_true(m.resumes);
		assert_string_equal(m.token, secrets[i - 1]); /* each once */
		assert_int_equal(m.returns, i);
		assert_int_equal(m.kept, i + 1);
	}
	check_text(buf_span(&m.at_person), "$ more more more more more ");
	assert_int_equal(m.asked, 0); /* ResumeSession was not needed */
	finish(&m);
}

/* The server could not store a new one: the old one stays, and the person is back. */
static void
t_no_new_secret(void **state)
{
	struct meeting m;
	(void)state;

	begin_with_secret(&m);
	m.secret = "";
	for (int i = 0; i < 2; i++) {
		cut(&m);
		sim_run_for(m.world, 10 * SECOND);
		assert_string_equal(m.token, "secret-1");
		assert_int_equal(m.returns, i + 1);
	}
	assert_int_equal(m.kept, 1);
	finish(&m);
}

/* Cut before the server's answer came: nothing is lost, and nothing is announced. */
static void
t_cut_before_the_answer(void **state)
{
	struct meeting m;
	(void)state;

	begin_with_secret(&m);
	m.slam = true;
	cut(&m);
	sim_run_for(m.world, 20 * SECOND);
	assert_in_range(m.opened, 4, 20);
	assert_int_equal(m.returns, 0);
	assert_int_equal(m.losses, 1);
	m.slam = false;
	sim_run_for(m.world, 10 * SECOND);
	assert_string_equal(m.token, "secret-1");
	assert_int_equal(m.returns, 1);
	assert_int_equal(m.asked, 0);
	finish(&m);
}

/* By policy: the person hears it once; credentials are tried, and the secret again. */
static void
t_refused(void **state)
{
	struct meeting m;
	(void)state;

	begin_with_secret(&m);
	m.refusal = "not any more";
	m.resume_fails = true;
	cut(&m);
	sim_run_for(m.world, MINUTE);
	assert_int_equal(m.notices, 1);
	assert_string_equal(m.notice, "not any more");
	assert_true(m.opened >= 4 && m.asked >= 4);
	assert_int_equal(m.returns, 0);
	assert_string_equal(m.token, "secret-1");
	m.refusal = NULL; /* whoever forbade it thought better of it */
	sim_run_for(m.world, 15 * SECOND);
	assert_int_equal(m.returns, 1);
	assert_false(m.ended);
	finish(&m);
}

static void
t_refused_but_credentials(void **state)
{
	struct meeting m;
	(void)state;

	begin_with_secret(&m);
	m.refusal = "not any more";
	cut(&m);
	sim_run_for(m.world, 10 * SECOND);
	assert_int_equal(m.asked, 1);
	assert_string_equal(m.token, "second");
	assert_false(m.resumes);
	assert_int_equal(m.returns, 1);
	finish(&m);
}

/* A server that lost its memory: ResumeSession, and the secret is not shown again. */
static void
t_unknown(void **state)
{
	struct meeting m;
	(void)state;

	begin_with_secret(&m);
	m.refusal = "";
	m.resume_fails = true;
	cut(&m);
	sim_run_for(m.world, MINUTE);
	assert_int_equal(m.opened, 2);
	assert_true(m.asked >= 4);
	m.resume_fails = false;
	sim_run_for(m.world, 15 * SECOND);
	assert_string_equal(m.token, "second");
	assert_int_equal(m.returns, 1);
	assert_int_equal(m.notices, 0);
	finish(&m);
}

/* It was over when the person came back: the secret proves enough to hear why. */
static void
t_last_words(void **state)
{
	struct meeting m;
	(void)state;

	begin_with_secret(&m);
	m.secret = NULL;
	cut(&m);
	while (m.opened < 2)
		sim_run_for(m.world, 1);
	assert_int_equal(m.returns, 0);
	gateway_farewell(&m, "The session was idle for 20 minutes.");
	sim_run_for(m.world, SECOND);
	assert_true(m.ended);
	assert_int_equal(m.why, SESSION_CLOSED);
	assert_string_equal(m.text, "The session was idle for 20 minutes.");
	assert_int_equal(m.returns, 0); /* it was not restored */
	finish(&m);
}

static void
t_notices(void **state)
{
	struct meeting m;
	(void)state;

	begin_ready(&m);
	gateway_says(&m, MSG_OWN_NOTICE, NULL, "a minute left");
	sim_run_for(m.world, SECOND);
	assert_int_equal(m.notices, 1);
	assert_string_equal(m.notice, "a minute left");
	check_text(buf_span(&m.at_person), "$ "); /* beside the stream */
	finish(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_by_secret),
		cmocka_unit_test(t_no_new_secret),
		cmocka_unit_test(t_cut_before_the_answer),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_refused_but_credentials),
		cmocka_unit_test(t_unknown),
		cmocka_unit_test(t_last_words),
		cmocka_unit_test(t_notices),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
