/* SPDX-License-Identifier: Apache-2.0 */
/* Kept in the table meta as JSON, under the names of the API. */
#include "server/domain/password_policy.h"

#include "base/text.h"
#include "codec/json.h"

#define ROW "password-policy"

enum { DEFAULT_LENGTH = 8, DEFAULT_KINDS = 3 };

int
password_policy_load(struct store_tx *tx, struct arena *mem, struct password_policy *p)
{
	json_t *j = NULL;
	char *text;
	int r = store_meta_get(tx, mem, ROW, &text);

	*p = (struct password_policy){ .length_min = DEFAULT_LENGTH };
	if (r == ERR_NOTFOUND)
		return 0;
	if (r != 0 || (r = json_read(&j, span_str(text), NULL)) != 0)
		return r;
	*p = (struct password_policy){
		.given = true,
		.length_min = json_integer_value(json_object_get(j, "length_min")),
		.symbols = json_is_true(json_object_get(j, "symbols")),
		.numbers = json_is_true(json_object_get(j, "numbers")),
		.uppercase = json_is_true(json_object_get(j, "uppercase")),
		.lowercase = json_is_true(json_object_get(j, "lowercase")),
		.users_change = json_is_true(json_object_get(j, "users_change")),
		.age_max_days = json_integer_value(json_object_get(j, "age_max_days")),
		.remembered = json_integer_value(json_object_get(j, "remembered")),
		.hard_expiry = json_is_true(json_object_get(j, "hard_expiry")),
	};
	json_decref(j);
	return 0;
}

static const char *
word(bool v)
{
	return v ? "true" : "false";
}

int
password_policy_store(
    struct store_tx *tx, struct arena *mem, const struct password_policy *p)
{
	return store_meta_put(tx, ROW,
	    arena_printf(mem,
		"{\"length_min\":%lld,\"symbols\":%s,\"numbers\":%s,\"uppercase\":%s,"
		"\"lowercase\":%s,\"users_change\":%s,\"age_max_days\":%lld,"
		"\"remembered\":%lld,\"hard_expiry\":%s}",
		(long long)p->length_min, word(p->symbols), word(p->numbers),
		word(p->uppercase), word(p->lowercase), word(p->users_change),
		(long long)p->age_max_days, (long long)p->remembered,
		word(p->hard_expiry)));
}

int
password_policy_del(struct store_tx *tx)
{
	return store_meta_del(tx, ROW);
}

/* ---- judging ---- */

struct kinds {
	bool symbol, number, upper, lower;
};

/* The symbols are those that AWS counts; other characters are of no kind. */
static struct kinds
kinds_of(const char *password)
{
	struct kinds k = { 0 };

	for (const char *p = password; *p != '\0'; p++) {
		k.number |= *p >= '0' && *p <= '9';
		k.upper |= *p >= 'A' && *p <= 'Z';
		k.lower |= *p >= 'a' && *p <= 'z';
		k.symbol |= strchr("!@#$%^&*()_+-=[]{}|'", *p) != NULL;
	}
	return k;
}

static const char *
missing_kind(const struct password_policy *p, struct kinds k)
{
	if (p->uppercase && !k.upper)
		return "Password should have at least one uppercase letter";
	if (p->lowercase && !k.lower)
		return "Password should have at least one lowercase letter";
	if (p->numbers && !k.number)
		return "Password should have at least one number";
	if (p->symbols && !k.symbol)
		return "Password should have at least one symbol";
	if (!p->given && k.upper + k.lower + k.number + k.symbol < DEFAULT_KINDS)
		return "Password should have at least three of uppercase letters, "
		       "lowercase "
		       "letters, numbers and symbols";
	return NULL;
}

const char *
password_policy_flaw(struct arena *mem, const struct password_policy *p, const char *user,
    const char *password)
{
	if ((int64_t)utf8_length(span_str(password)) < p->length_min)
		return arena_printf(mem, "Password should have a minimum length of %lld",
		    (long long)p->length_min);
	if (strcasecmp(user, password) == 0)
		return "Password should not be the name of the user";
	return missing_kind(p, kinds_of(password));
}
