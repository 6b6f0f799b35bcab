/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual MFA devices through the API; the codes themselves are tested in domain/t_mfa.c.
 */
#include "iam_bench.h"

#include <zlib.h>

#include "crypto/totp.h"
#include "server/domain/key_session.h"
#include "server/domain/mfa.h"

struct device {
	const char *serial; /* encoded, as a form has it */
	const char *seed;
};

static const char *
encoded(struct world *w, const char *text)
{
	auto_buf b;

	buf_init(&b, 3 * strlen(text) + 1);
	uri_encode(&b, span_str(text), false);
	return arena_strdup(&w->mem, buf_cstr(&b));
}

static const char *
decoded(struct world *w, const char *base64)
{
	auto_buf b;

	buf_init(&b, strlen(base64));
	assert_int_equal(base64_decode(&b, span_str(base64)), 0);
	return arena_strdup(&w->mem, buf_cstr(&b));
}

static void
make(struct world *w, struct device *d, const char *form)
{
	iam_ok(w, "CreateVirtualMFADevice", form);
	d->serial = element_encoded(w, "SerialNumber");
	d->seed = decoded(w, element(w, "Base32StringSeed"));
	assert_int_equal(strlen(d->seed), TOTP_SEED_LEN);
}

/* Two codes in a row, the second of now + off_ms. */
static const char *
codes(struct world *w, const struct device *d, int64_t off_ms)
{
	int64_t step = (ev_wall_ms(w->server_loop) + off_ms) / TOTP_STEP_MS;
	char one[TOTP_DIGITS + 1], two[TOTP_DIGITS + 1];

	assert_int_equal(totp_code(one, d->seed, step - 1), 0);
	assert_int_equal(totp_code(two, d->seed, step), 0);
	return arena_printf(&w->mem,
	    "SerialNumber=%s&AuthenticationCode1=%s&AuthenticationCode2=%s", d->serial,
	    one, two);
}

static void
with_user(struct world *w, const char *op, const char *form)
{
	iam(w, op, arena_printf(&w->mem, "UserName=admin&%s", form));
}

/* A PNG: its signature, its size, and chunks whose sums are right. */
static void
check_png(struct world *w, const char *base64)
{
	auto_buf b;
	size_t at = 8;
	uint32_t n = 1;

	(void)w;
	buf_init(&b, strlen(base64));
	assert_int_equal(base64_decode(&b, span_str(base64)), 0);
	assert_memory_equal(b.p, "\x89PNG\r\n\x1a\n", 8);
	assert_true(get_be32(b.p + 16) > 200);
	assert_int_equal(get_be32(b.p + 16), get_be32(b.p + 20));
	while (at < b.len) {
		n = get_be32(b.p + at);
		assert_true(at + 12 + n <= b.len);
		assert_int_equal(get_be32(b.p + at + 8 + n),
		    crc32(crc32(0, NULL, 0), b.p + at + 4, n + 4));
		at += 12 + n;
	}
	assert_int_equal(at, b.len);
	assert_int_equal(n, 0); /* IEND */
}

static void
t_life(void **state)
{
	struct device d;
	struct world w;
	(void)state;

	world_up(&w);
	make(&w, &d,
	    "VirtualMFADeviceName=phone&Path=/a/"
	    "&Tags.member.1.Key=k&Tags.member.1.Value=v");
	assert_true(body_has(&w, ":mfa/a/phone</SerialNumber>"));
	assert_true(
	    body_has(&w, "<Tags><member><Key>k</Key><Value>v</Value></member></Tags>"));
	check_png(&w, element(&w, "QRCodePNG"));
	iam(&w, "CreateVirtualMFADevice", "VirtualMFADeviceName=phone");
	expect_xml_error(&w, 409, "EntityAlreadyExists", "MFA device already exists.");
	iam(&w, "CreateVirtualMFADevice", "VirtualMFADeviceName=x&Path=/a");
	expect_xml_error(&w, 400, "ValidationError", NULL);

	row("nobody's yet");
	iam_ok(&w, "ListVirtualMFADevices", "AssignmentStatus=Unassigned");
	assert_true(body_has(&w, ":mfa/a/phone</SerialNumber></member>"));
	assert_false(body_has(&w, d.seed)); /* shown once */
	iam_ok(&w, "ListVirtualMFADevices", "AssignmentStatus=Assigned");
	assert_false(body_has(&w, "phone"));
	with_user(
	    &w, "DeactivateMFADevice", arena_printf(&w.mem, "SerialNumber=%s", d.serial));
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);

	row("wrong codes, then the right ones");
	with_user(&w, "EnableMFADevice", codes(&w, &d, 3600 * 1000));
	expect_xml_error(&w, 403, "InvalidAuthenticationCode",
	    "Authentication code for device is not valid.");
	with_user(&w, "EnableMFADevice", codes(&w, &d, 0));
	expect_ok(&w);
	with_user(&w, "EnableMFADevice", codes(&w, &d, 0));
	expect_xml_error(&w, 409, "EntityAlreadyExists", "MFA Device is already in use.");
	iam_ok(&w, "ListMFADevices", "");
	assert_true(
	    body_has(&w, "<MFADevices><member><UserName>admin</UserName><SerialNumber>"));
	assert_true(body_has(&w, "<EnableDate>2026-11-21T01:41:"));
	iam_ok(&w, "ListVirtualMFADevices", "AssignmentStatus=Assigned");
	assert_true(body_has(&w, "<User><Path>/</Path><UserName>admin</UserName>"));
	iam_ok(&w, "GetMFADevice", arena_printf(&w.mem, "SerialNumber=%s", d.serial));
	assert_true(body_has(&w, "<UserName>admin</UserName>"));

	row("synchronised again, with codes that were not used");
	with_user(&w, "ResyncMFADevice", codes(&w, &d, 0));
	expect_xml_error(&w, 403, "InvalidAuthenticationCode", NULL);
	sim_run_for(w.sim, 60000);
	with_user(&w, "ResyncMFADevice", codes(&w, &d, 0));
	expect_ok(&w);

	row("in use it stays");
	iam(&w, "DeleteVirtualMFADevice",
	    arena_printf(&w.mem, "SerialNumber=%s", d.serial));
	expect_xml_error(&w, 409, "DeleteConflict",
	    "MFA VirtualDevice in use. Must deactivate first.");
	with_user(
	    &w, "DeactivateMFADevice", arena_printf(&w.mem, "SerialNumber=%s", d.serial));
	expect_ok(&w);
	iam_ok(&w, "ListMFADevices", "UserName=admin");
	assert_true(body_has(&w, "<MFADevices></MFADevices>"));
	iam_ok(&w, "DeleteVirtualMFADevice",
	    arena_printf(&w.mem, "SerialNumber=%s", d.serial));
	iam(&w, "DeleteVirtualMFADevice",
	    arena_printf(&w.mem, "SerialNumber=%s", d.serial));
	expect_xml_error(&w, 404, "NoSuchEntity", NULL);
	world_down(&w);
}

static void
t_refused(void **state)
{
	static const struct {
		const char *what, *op, *user, *serial;
		const char *message; /* "@" is the serial number */
	} t[] = {
		{ "no such user", "EnableMFADevice", "nobody", "phone",
		    "The user with name nobody cannot be found." },
		{ "no such user to take it from", "DeactivateMFADevice", "nobody",
		    "phone", "The user with name nobody cannot be found." },
		{ "no such device", "EnableMFADevice", "admin", "none",
		    "MFA Device with serial number @ does not exist." },
		{ "no such device to take", "DeactivateMFADevice", "admin", "none",
		    "MFA Device with serial number @ does not exist." },
		{ "another one's", "ResyncMFADevice", "bob", "phone",
		    "MFA Device with serial number @ does not exist." },
		{ "none to look at", "GetMFADevice", "admin", "none",
		    "MFA Device with serial number @ does not exist." },
	};
	struct device d;
	struct world w;
	(void)state;

	world_up(&w);
	iam_ok(&w, "CreateUser", "UserName=bob");
	make(&w, &d, "VirtualMFADeviceName=phone");
	with_user(&w, "EnableMFADevice", codes(&w, &d, 0));
	expect_ok(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *serial = arena_printf(
		    &w.mem, "arn:aws:iam::%s:mfa/%s", w.account.account, t[i].serial);
		const char *at = strchr(t[i].message, '@');

		row(t[i].what);
		iam(&w, t[i].op,
		    arena_printf(&w.mem,
			"UserName=%s&SerialNumber=%s&AuthenticationCode1=123456"
			"&AuthenticationCode2=654321",
			t[i].user, encoded(&w, serial)));
		expect_xml_error(&w, 404, "NoSuchEntity",
		    at == NULL
			? t[i].message
			: arena_printf(&w.mem, "%.*s%s%s", (int)(at - t[i].message),
			      t[i].message, serial, at + 1));
	}
	row("a user with a device cannot be deleted");
	iam_ok(&w, "CreateUser", "UserName=eve");
	make(&w, &d, "VirtualMFADeviceName=eve");
	iam(&w, "EnableMFADevice",
	    arena_printf(&w.mem, "UserName=eve&%s", codes(&w, &d, 0)));
	expect_ok(&w);
	iam(&w, "DeleteUser", "UserName=eve");
	expect_xml_error(&w, 409, "DeleteConflict",
	    "Cannot delete entity, must delete MFA device first.");
	world_down(&w);
}

/* Guessing blocks the device; that it was refused is kept though the call failed. */
static void
t_guessing(void **state)
{
	struct device d;
	struct world w;
	(void)state;

	world_up(&w);
	make(&w, &d, "VirtualMFADeviceName=phone");
	for (int i = 0; i <= MFA_FREE_FAILURES; i++) {
		with_user(&w, "EnableMFADevice", codes(&w, &d, 3600 * 1000));
		expect_xml_error(&w, 403, "InvalidAuthenticationCode", NULL);
	}
	with_user(&w, "EnableMFADevice", codes(&w, &d, 0));
	expect_xml_error(&w, 409, "LimitExceeded",
	    "Too many wrong authentication codes. Try again in 30 seconds.");
	sim_run_for(w.sim, MFA_BLOCK_MS);
	with_user(&w, "EnableMFADevice", codes(&w, &d, 0));
	expect_ok(&w);
	world_down(&w);
}

/* A key of STS, given for a code of some device. */
struct proof {
	const char *access_key, *owner, *serial;
	int kind;
	bool kept; /* though the device "phone" is gone */
};

static int
key_run(struct store_tx *tx, void *arg, struct fault *f)
{
	const struct proof *p = arg;
	auto_arena mem = { 0 };
	struct key_session s;

	(void)f;
	key_session_init(&s);
	s.issued_ms = 1;
	s.mfa_ms = 2;
	s.mfa_serial = p->serial;
	return store_key_put(tx,
	    &(struct store_key){ .access_key = arena_strdup(&mem, p->access_key),
		.secret = arena_strdup(&mem, "s"),
		.kind = p->kind,
		.owner = arena_strdup(&mem, p->owner),
		.token_sha256 = arena_strdup(&mem, "t"),
		.session_json = key_session_write(&s, &mem),
		.active = true,
		.expires_ms = INT64_MAX });
}

/* Temporary keys for which a code was shown are without it once the device is gone. */
static void
t_revoked(void **state)
{
	struct device d;
	struct world w;
	const char *phone;
	(void)state;

	world_up(&w);
	make(&w, &d, "VirtualMFADeviceName=phone");
	phone = element(&w, "SerialNumber");
	with_user(&w, "EnableMFADevice", codes(&w, &d, 0));
	expect_ok(&w);
	{
		const struct proof t[] = {
			{ "ASIAAAAAAAAAAAAAAAAA", "admin", phone, STORE_KEY_USER, false },
			{ "ASIABBBBBBBBBBBBBBBB", "ops", phone, STORE_KEY_ROLE, false },
			{ "ASIACCCCCCCCCCCCCCCC", "admin", "arn:aws:iam::1:mfa/other",
			    STORE_KEY_USER, true },
		};
		struct fault f = { 0 };

		for (size_t i = 0; i < ARRAY_LEN(t); i++)
			assert_int_equal(
			    store_apply(w.store, key_run, (void *)(uintptr_t)&t[i], &f),
			    0);
		with_user(&w, "DeactivateMFADevice",
		    arena_printf(&w.mem, "SerialNumber=%s", d.serial));
		expect_ok(&w);
		for (size_t i = 0; i < ARRAY_LEN(t); i++) {
			struct store_key k = { 0 };
			struct key_session s;

			row(t[i].access_key);
			assert_int_equal(store_key_get(store_reader(w.store), &w.mem,
					     t[i].access_key, &k),
			    0);
			assert_int_equal(key_session_read(&s, &w.mem, k.session_json), 0);
			assert_int_equal(s.mfa_ms, t[i].kept ? 2 : 0);
			assert_int_equal(s.issued_ms, 1);
			assert_string_equal(k.token_sha256, "t");
		}
	}
	row("the keys that were given for a long time are as they were");
	iam_ok(&w, "GetUser", "");
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_life),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_guessing),
		cmocka_unit_test(t_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
