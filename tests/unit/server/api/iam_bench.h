/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of IAM: lists of calls, users with permissions, and the texts that many of them need.
 */
#pragma once

#include "world.h"

/* A call; ACCOUNT in the form and in the text is the account's number. */
struct step {
	const char *op, *form;
	int status;
	const char *code; /* of an error */
	const char *text; /* the message of an error; part of any other answer */
};

static inline const char *
with_account(struct world *w, const char *text)
{
	const char *at;

	while ((at = strstr(text, "ACCOUNT")) != NULL)
		text = arena_printf(&w->mem, "%.*s%s%s", (int)(at - text), text,
		    w->account.account, at + strlen("ACCOUNT"));
	return text;
}

static inline void
run_steps(struct world *w, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];
		const char *text = s->text != NULL ? with_account(w, s->text) : NULL;

		row(arena_printf(&w->mem, "%s %s", s->op, s->form));
		iam(w, s->op, with_account(w, s->form));
		if (s->code != NULL)
			expect_xml_error(w, s->status, s->code, text);
		else
			expect_ok(w);
		if (s->code == NULL && text != NULL && !body_has(w, text))
			fail_msg("wanted \"%s\" in %s", text, w->body);
	}
}

#define RUN(w, steps) run_steps(w, steps, ARRAY_LEN(steps))

/* The same in a world of their own. */
static inline void
run_alone(const struct step *steps, size_t n)
{
	struct world w;

	world_up(&w);
	run_steps(&w, steps, n);
	world_down(&w);
}

#define RUN_ALONE(steps) run_alone(steps, ARRAY_LEN(steps))

/* A call that must succeed. */
static inline void
iam_ok(struct world *w, const char *op, const char *form)
{
	iam(w, op, form);
	if (w->status != 200)
		fail_msg("%s %s: %d %s", op, form, w->status, w->body);
}

/* Part of the last answer. */
static inline void
expect_text(struct world *w, const char *text)
{
	if (!body_has(w, text))
		fail_msg("no %s in %s", text, w->body);
}

/* In a form already. */
#define TRUST                                                                         \
	"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%" \
	"22Allow%22"                                                                  \
	"%2C%22Principal%22%3A%7B%22Service%22%3A%22ec2.amazonaws.com%22%7D%2C%"      \
	"22Action%22%3A"                                                              \
	"%22sts%3AAssumeRole%22%7D%7D"
#define ALLOW                                                                         \
	"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%" \
	"22Allow%22"                                                                  \
	"%2C%22Action%22%3A%22s3%3APutObject%22%2C%22Resource%22%3A%22%2A%22%7D%7D"
#define CORE   "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
#define POLICY "arn:aws:iam::ACCOUNT:policy/"

/* A user with keys and one inline policy. */
static inline struct signer
user_with(struct world *w, const char *name, const char *policy)
{
	struct signer s = { 0 };

	iam(w, "CreateUser", arena_printf(&w->mem, "UserName=%s", name));
	iam(w, "PutUserPolicy",
	    arena_printf(&w->mem, "UserName=%s&PolicyName=p&PolicyDocument=%s", name,
		form_encoded(w, policy)));
	expect_ok(w);
	iam(w, "CreateAccessKey", arena_printf(&w->mem, "UserName=%s", name));
	s.access_key = element(w, "AccessKeyId");
	s.secret = element(w, "SecretAccessKey");
	return s;
}
