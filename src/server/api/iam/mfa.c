/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual MFA devices: made with a seed that is shown once, given to a user by two codes in a
 * row, and taken away.  How codes are checked is domain/mfa.h.
 */
#include "server/api/iam/iam.h"

#include "crypto/crypto.h"
#include "crypto/totp.h"
#include "proto/arn.h"
#include "server/api/iam/qr_png.h"
#include "server/api/record.h"
#include "server/domain/mfa.h"

#define ISSUER "Sallyport"

static const char *
serial_of(struct api_call *c, const struct store_mfa *m)
{
	return mfa_arn(&c->mem, c->env->account, m);
}

static const char *
tags_of(struct api_call *c, const char *name)
{
	return tags_resource(&c->mem, "MFADevice", name);
}

static int
find_device(struct store_tx *tx, struct api_call *c, struct store_mfa *m)
{
	const char *serial = api_str(c, "SerialNumber");
	int err = mfa_find(tx, &c->mem, serial, m);

	if (err == ERR_NOTFOUND)
		return api_fail(c, "NoSuchEntity",
		    "MFA Device with serial number %s does not exist.", serial);
	return err;
}

/* The named user's device; without a name the caller's. */
static int
find_own(
    struct store_tx *tx, struct api_call *c, struct store_entity *u, struct store_mfa *m)
{
	int err;

	if ((err = iam_subject(tx, c, STORE_USER, u)) != 0 ||
	    (err = find_device(tx, c, m)) != 0)
		return err;
	if (strcmp(m->user, u->name) != 0)
		return api_fail(c, "NoSuchEntity",
		    "MFA Device with serial number %s does not exist.",
		    api_str(c, "SerialNumber"));
	return 0;
}

/* ---- CreateVirtualMFADevice ---- */

static int
device_resource(struct api_call *c)
{
	const char *path = api_str(c, "Path");

	return resource_add(c,
	    arn_iam(&c->mem, c->env->account, "mfa", path != NULL ? path : "/",
		api_str(c, "VirtualMFADeviceName")));
}

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	const json_t *list = json_object_get(c->in, "Tags"), *one;
	const struct store_mfa *m = c->user;
	int err = store_mfa_put(tx, m);
	size_t i;

	if (err == ERR_EXISTS)
		return api_fail(c, "EntityAlreadyExists", "MFA device already exists.");
	json_array_foreach(list, i, one)
	{
		if (err == 0)
			err = store_tag_put(tx, tags_of(c, m->name),
			    json_get_str(one, "Key"), json_get_str(one, "Value"));
	}
	return err;
}

static void
write_base64(struct api_call *c, const char *name, struct span bytes)
{
	auto_buf b;

	buf_init(&b, 2 * bytes.n + 4);
	base64_encode(&b, bytes);
	xw_elem(&c->out, name, buf_cstr(&b));
}

/* otpauth://totp/Sallyport:phone@123456789012?secret=...&issuer=Sallyport */
static int
write_picture(struct api_call *c, const struct store_mfa *m)
{
	auto_buf uri, png;
	int err;

	buf_init(&uri, 4 * QR_TEXT_MAX);
	buf_init(&png, QR_PNG_MAX);
	buf_add_str(&uri, "otpauth://totp/" ISSUER ":");
	uri_encode(&uri, span_str(m->name), false);
	buf_addf(&uri, "@%s?secret=%s&issuer=" ISSUER, c->env->account, m->seed);
	if ((err = qr_png(&png, buf_cstr(&uri))) == 0)
		write_base64(c, "QRCodePNG", buf_span(&png));
	return err;
}

static int
created(struct api_call *c)
{
	const struct store_mfa *m = c->user;
	struct tags t;
	int err;

	xw_open(&c->out, "VirtualMFADevice");
	xw_elem(&c->out, "SerialNumber", serial_of(c, m));
	write_base64(c, "Base32StringSeed", span_str(m->seed));
	if ((err = write_picture(c, m)) != 0 ||
	    (err = tags_load(api_reader(c), &c->mem, tags_of(c, m->name), &t)) != 0)
		return err;
	iam_write_tags(c, &t);
	xw_close(&c->out, "VirtualMFADevice");
	return 0;
}

/* Not the seed. */
static void
record_created(struct api_call *c, struct jsonw *w)
{
	record_open(w, "VirtualMFADevice", '{');
	record_text(w, "SerialNumber", serial_of(c, c->user));
	jw_close(w, '}');
}

static int
create_device(struct api_call *c)
{
	const char *path = api_str(c, "Path");
	struct store_mfa *m = arena_alloc(&c->mem, sizeof(*m));
	uint8_t raw[TOTP_SEED_RAW];
	int err;

	if ((err = iam_check_path(c, path)) != 0 || (err = iam_check_tags(c, false)) != 0)
		return err;
	*m = (struct store_mfa){
		.name = arena_strdup(&c->mem, api_str(c, "VirtualMFADeviceName")),
		.path = arena_strdup(&c->mem, path != NULL ? path : "/"),
		.seed = arena_alloc(&c->mem, TOTP_SEED_LEN + 1),
		.created_ms = c->now_ms,
	};
	ev_random(c->env->loop, raw, sizeof(raw));
	totp_seed_format(m->seed, raw);
	secret_wipe(raw, sizeof(raw));
	c->user = m;
	return api_write(c, create_change, created);
}

/* ---- EnableMFADevice, ResyncMFADevice: two codes in a row ---- */

/* A refusal is stored like a success, so it cannot be the change's own result. */
struct codes {
	int r;
	int64_t wait_ms;
};

static int
take_codes(struct store_tx *tx, struct api_call *c, struct store_mfa *m)
{
	struct codes *codes = c->user;

	codes->r = mfa_sync(tx, m, api_str(c, "AuthenticationCode1"),
	    api_str(c, "AuthenticationCode2"), c->now_ms);
	codes->wait_ms = m->blocked_until_ms - c->now_ms;
	c->refused = codes->r == ERR_DENIED || codes->r == ERR_LIMIT;
	return c->refused ? 0 : codes->r;
}

static int
codes_taken(struct api_call *c)
{
	const struct codes *codes = c->user;

	if (codes->r == ERR_LIMIT)
		return api_fail(c, "LimitExceeded",
		    "Too many wrong authentication codes. Try again in %lld seconds.",
		    (long long)(codes->wait_ms + 999) / 1000);
	if (codes->r == ERR_DENIED)
		return api_fail(c, "InvalidAuthenticationCode",
		    "Authentication code for device is not valid.");
	return 0;
}

static int
with_codes(struct api_call *c, api_change *change)
{
	struct codes *codes = arena_alloc(&c->mem, sizeof(*codes));

	*codes = (struct codes){ 0 };
	c->user = codes;
	return api_write(c, change, codes_taken);
}

static bool
count_device(void *arg, const struct store_mfa *m)
{
	(void)m;
	++*(size_t *)arg;
	return true;
}

static int
enable_change(struct store_tx *tx, struct api_call *c)
{
	const struct codes *codes = c->user;
	struct store_mfa m = { 0 };
	struct store_entity u;
	size_t n = 0;
	int err;

	if ((err = iam_subject(tx, c, STORE_USER, &u)) != 0 ||
	    (err = find_device(tx, c, &m)) != 0 ||
	    (err = store_mfas(tx, u.name, "", count_device, &n)) != 0)
		return err;
	if (m.user[0] != '\0')
		return api_fail(
		    c, "EntityAlreadyExists", "MFA Device is already in use.");
	if (n >= MFA_PER_USER_MAX)
		return api_fail(c, "LimitExceeded",
		    "Cannot exceed quota for MFADevicesPerUser: %d", MFA_PER_USER_MAX);
	if ((err = take_codes(tx, c, &m)) != 0 || codes->r != 0)
		return err;
	m.user = u.name;
	m.enabled_ms = c->now_ms;
	return store_mfa_set(tx, &m);
}

static int
enable_device(struct api_call *c)
{
	return with_codes(c, enable_change);
}

static int
resync_change(struct store_tx *tx, struct api_call *c)
{
	struct store_mfa m = { 0 };
	struct store_entity u;
	int err = find_own(tx, c, &u, &m);

	return err != 0 ? err : take_codes(tx, c, &m);
}

static int
resync_device(struct api_call *c)
{
	return with_codes(c, resync_change);
}

/* ---- DeactivateMFADevice, DeleteVirtualMFADevice ---- */

/* Which codes were taken stays with the device: none of them is good again. */
static int
deactivate_change(struct store_tx *tx, struct api_call *c)
{
	struct store_mfa m = { 0 };
	char nobody[] = "";
	struct store_entity u;
	int err = find_own(tx, c, &u, &m);

	if (err != 0)
		return err;
	m.user = nobody;
	m.enabled_ms = 0;
	err = store_mfa_set(tx, &m);
	return err != 0 ? err : mfa_revoke(tx, &c->mem, serial_of(c, &m));
}

static int
deactivate_device(struct api_call *c)
{
	return api_write(c, deactivate_change, NULL);
}

static int
serial_resource(struct api_call *c)
{
	return resource_add(c, api_str(c, "SerialNumber"));
}

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_mfa m = { 0 };
	int err = find_device(tx, c, &m);

	if (err != 0)
		return err;
	if (m.user[0] != '\0')
		return api_fail(c, "DeleteConflict",
		    "MFA VirtualDevice in use. Must deactivate first.");
	err = store_tags_del(tx, tags_of(c, m.name));
	return err != 0 ? err : mfa_forget(tx, m.name);
}

static int
delete_device(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

/* ---- GetMFADevice, ListMFADevices, ListVirtualMFADevices ---- */

static int
get_device(struct api_call *c)
{
	struct store_mfa m = { 0 };
	int err;

	if ((err = find_device(api_reader(c), c, &m)) != 0)
		return err;
	if (api_str(c, "UserName") != NULL) {
		struct store_entity u;

		if ((err = find_own(api_reader(c), c, &u, &m)) != 0)
			return err;
	}
	if (m.user[0] != '\0')
		xw_elem(&c->out, "UserName", m.user);
	xw_elem(&c->out, "SerialNumber", serial_of(c, &m));
	if (m.enabled_ms != 0)
		iam_write_date(c, "EnableDate", m.enabled_ms);
	return 0;
}

struct listing {
	struct api_call *c;
	struct page page;
	const char *status; /* AssignmentStatus */
	int err;
};

static bool
list_own(void *arg, const struct store_mfa *m)
{
	struct listing *l = arg;
	struct api_call *c = l->c;

	if (!page_take(&l->page, m->name))
		return false;
	xw_open(&c->out, "member");
	xw_elem(&c->out, "UserName", m->user);
	xw_elem(&c->out, "SerialNumber", serial_of(c, m));
	iam_write_date(c, "EnableDate", m->enabled_ms);
	xw_close(&c->out, "member");
	return true;
}

static int
list_devices(struct api_call *c)
{
	struct listing l = { .c = c };
	struct store_entity u;
	int err;

	if ((err = iam_subject(api_reader(c), c, STORE_USER, &u)) != 0 ||
	    (err = page_open(
		 &l.page, c, "MFADevices", api_int(c, "MaxItems", IAM_PAGE))) != 0 ||
	    (err = store_mfas(api_reader(c), u.name, l.page.after, list_own, &l)) != 0)
		return err;
	page_close(&l.page);
	return 0;
}

static bool
wanted(const struct listing *l, const struct store_mfa *m)
{
	if (l->status == NULL || strcmp(l->status, "Any") == 0)
		return true;
	return (strcmp(l->status, "Assigned") == 0) == (m->user[0] != '\0');
}

static bool
list_virtual(void *arg, const struct store_mfa *m)
{
	struct listing *l = arg;
	struct api_call *c = l->c;
	struct store_entity u;

	if (!wanted(l, m))
		return true;
	if (!page_take(&l->page, m->name))
		return false;
	xw_open(&c->out, "member");
	xw_elem(&c->out, "SerialNumber", serial_of(c, m));
	if (m->user[0] != '\0') {
		l->err = iam_find(api_reader(c), c, STORE_USER, m->user, &u);
		if (l->err != 0)
			return false;
		xw_open(&c->out, "User");
		iam_write_head(c, &u);
		xw_close(&c->out, "User");
		iam_write_date(c, "EnableDate", m->enabled_ms);
	}
	xw_close(&c->out, "member");
	return true;
}

static int
list_virtual_devices(struct api_call *c)
{
	struct listing l = { .c = c, .status = api_str(c, "AssignmentStatus") };
	int err;

	if ((err = page_open(&l.page, c, "VirtualMFADevices",
		 api_int(c, "MaxItems", IAM_PAGE))) != 0 ||
	    (err = store_mfas(api_reader(c), NULL, l.page.after, list_virtual, &l)) != 0)
		return err;
	page_close(&l.page);
	return l.err;
}

#define SERIAL "SerialNumber*: string{9..256 /[\\w+=\\x{2F}:,.@-]+/}"
#define CODES                                            \
	"AuthenticationCode1*~: string{6..6 /[\\d]+/}; " \
	"AuthenticationCode2*~: string{6..6 /[\\d]+/}"

const struct api_op iam_mfa_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "CreateVirtualMFADevice",
	    .action = "iam:CreateVirtualMFADevice",
	    .find = device_resource,
	    .input = "{ Path: " IAM_PATH "; VirtualMFADeviceName*: string{1..226 "
		     "/[\\w+=,.@-]+/}; Tags: " IAM_TAGS " }",
	    .run = create_device,
	    .response = record_created,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "EnableMFADevice",
	    .action = "iam:EnableMFADevice",
	    .find = iam_user_resource,
	    .input = "{ UserName*: " IAM_NAME "; " SERIAL "; " CODES " }",
	    .no_result = true,
	    .run = enable_device,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "ResyncMFADevice",
	    .action = "iam:ResyncMFADevice",
	    .find = iam_user_resource,
	    .input = "{ UserName*: " IAM_NAME "; " SERIAL "; " CODES " }",
	    .no_result = true,
	    .run = resync_device,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "DeactivateMFADevice",
	    .action = "iam:DeactivateMFADevice",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME "; " SERIAL " }",
	    .no_result = true,
	    .run = deactivate_device,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "DeleteVirtualMFADevice",
	    .action = "iam:DeleteVirtualMFADevice",
	    .find = serial_resource,
	    .input = "{ " SERIAL " }",
	    .no_result = true,
	    .run = delete_device,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetMFADevice",
	    .action = "iam:GetMFADevice",
	    .find = iam_user_resource,
	    .input = "{ " SERIAL "; UserName: " IAM_NAME " }",
	    .run = get_device,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListMFADevices",
	    .action = "iam:ListMFADevices",
	    .find = iam_user_resource,
	    .input = "{ UserName: " IAM_NAME "; " IAM_PAGING " }",
	    .run = list_devices,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListVirtualMFADevices",
	    .action = "iam:ListVirtualMFADevices",
	    .resource = "*",
	    .input =
		"{ AssignmentStatus: string{Assigned|Unassigned|Any}; " IAM_PAGING " }",
	    .run = list_virtual_devices,
	},
	{ 0 },
};
