/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service settings.  A changed one is a JSON object under "setting:<id>" in the store;
 * the others have the value below.  The activation tier is advanced from the start:
 * sessions on machines of one's own are what this server is for.
 */
#include "server/api/ssm/setting.h"

#include "proto/arn.h"
#include "server/api/record.h"

#define TIER_ID "/ssm/managed-instance/activation-tier"

struct setting {
	const char *id;
	const char *fallback;
	const char *words; /* allowed values, blank-separated; NULL: any */
};

static const struct setting settings[] = {
	{ TIER_ID, "advanced", "standard advanced" },
	{ "/ssm/managed-instance/default-ec2-instance-management-role", "$None", NULL },
	{ "/ssm/documents/console/public-sharing-permission", "Disable",
	    "Enable Disable" },
	{ "/ssm/automation/customer-script-log-destination", "None", "CloudWatch None" },
	{ "/ssm/automation/customer-script-log-group-name", "/aws/ssm/automation", NULL },
	{ "/ssm/automation/enable-adaptive-concurrency", "false", "true false" },
	{ "/ssm/opsinsights/opscenter", "Disabled", "Enabled Disabled" },
	{ "/ssm/parameter-store/default-parameter-tier", "Standard",
	    "Standard Advanced Intelligent-Tiering" },
	{ "/ssm/parameter-store/high-throughput-enabled", "false", "true false" },
};

/* A setting as it stands: changed, or the fallback. */
struct value {
	const struct setting *setting;
	const char *text, *user;
	int64_t changed_ms; /* 0: never */
};

/* "/ssm/...", "ssm/..." or the ARN. */
static int
find_setting(struct api_call *c, const struct setting **out)
{
	const char *given = api_str(c, "SettingId");
	struct span id = span_str(given);
	struct arn a;

	if (arn_parse(&a, id) == 0 && !arn_resource_id(&a, "servicesetting", &id))
		id = SPAN_NONE;
	if (id.n > 0 && id.p[0] == '/')
		id = span_sub(id, 1, id.n);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (span_eq_str(id, settings[i].id + 1)) {
			*out = &settings[i];
			return 0;
		}
	}
	return api_fail(c, "ServiceSettingNotFound",
	    "Setting %s not found. Please refer documentation for available settings.",
	    given);
}

static char *
meta_name(struct api_call *c, const struct setting *s)
{
	return arena_printf(&c->mem, "setting:%s", s->id);
}

static int
get_value(
    struct store_tx *tx, struct api_call *c, const struct setting *s, struct value *v)
{
	auto_json *o = NULL;
	char *text;
	int err = store_meta_get(tx, &c->mem, meta_name(c, s), &text);

	*v = (struct value){ .setting = s, .text = s->fallback, .user = "System" };
	if (err == ERR_NOTFOUND)
		return 0;
	if (err != 0 || (err = json_read(&o, span_str(text), NULL)) != 0)
		return err;
	v->text = arena_strdup(&c->mem, json_get_str(o, "value"));
	v->user = arena_strdup(&c->mem, json_get_str(o, "user"));
	v->changed_ms = json_get_int(o, "ms", 0);
	return 0;
}

static void
write_value(struct api_call *c, const struct value *v)
{
	struct jsonw *w = &c->w;

	jw_key(w, "ServiceSetting");
	jw_open(w, '{');
	jw_field_str(w, "SettingId", v->setting->id);
	jw_field_str(w, "SettingValue", v->text);
	if (v->changed_ms != 0)
		jw_field_time(w, "LastModifiedDate", v->changed_ms);
	jw_field_str(w, "LastModifiedUser", v->user);
	jw_field_str(w, "ARN",
	    arn_make(&c->mem, "ssm", c->region, c->env->account,
		arena_printf(&c->mem, "servicesetting%s", v->setting->id)));
	jw_field_str(w, "Status", v->changed_ms != 0 ? "Customized" : "Default");
	jw_close(w, '}');
}

static int
get_setting(struct api_call *c)
{
	const struct setting *s;
	struct value v;
	int err;

	if ((err = find_setting(c, &s)) != 0 ||
	    (err = get_value(api_reader(c), c, s, &v)) != 0)
		return err;
	write_value(c, &v);
	return 0;
}

static bool
value_allowed(const struct setting *s, const char *value)
{
	struct span rest = span_str(s->words), word;

	while (span_cut(&rest, ' ', &word)) {
		if (span_eq_str(word, value))
			return true;
	}
	return s->words == NULL;
}

static int
update_change(struct store_tx *tx, struct api_call *c)
{
	struct value *v = c->user;
	struct jsonw w;
	auto_buf b;

	buf_init(&b, 32 * 1024);
	jw_init(&w, &b);
	jw_open(&w, '{');
	jw_field_str(&w, "value", v->text);
	jw_field_str(&w, "user", v->user);
	jw_field_int(&w, "ms", v->changed_ms);
	jw_close(&w, '}');
	if (buf_check(&b) != 0)
		return ERR_LIMIT;
	return store_meta_put(tx, meta_name(c, v->setting), buf_cstr(&b));
}

static int
update_setting(struct api_call *c)
{
	struct value *v = arena_alloc(&c->mem, sizeof(*v));
	int err;

	if ((err = find_setting(c, &v->setting)) != 0)
		return err;
	v->text = api_str(c, "SettingValue");
	if (!value_allowed(v->setting, v->text))
		return api_fail(c, "ValidationException",
		    "%s isn't a valid value for the setting %s.", v->text,
		    v->setting->id);
	v->user = c->auth.who.arn;
	v->changed_ms = c->now_ms;
	c->user = v;
	return api_write(c, update_change, NULL);
}

static int
reset_change(struct store_tx *tx, struct api_call *c)
{
	struct value *v = c->user;
	int err = store_meta_del(tx, meta_name(c, v->setting));

	return err == ERR_NOTFOUND ? 0 : err;
}

static int
reset_done(struct api_call *c)
{
	write_value(c, c->user);
	return 0;
}

static void
reset_response(struct api_call *c, struct jsonw *w)
{
	const struct value *v = c->user;

	record_open(w, "ServiceSetting", '{');
	record_text(w, "SettingId", v->setting->id);
	record_text(w, "SettingValue", v->text);
	record_text(w, "LastModifiedUser", v->user);
	record_text(w, "Status", "Default");
	jw_close(w, '}');
}

static int
reset_setting(struct api_call *c)
{
	struct value *v = arena_alloc(&c->mem, sizeof(*v));
	int err;

	if ((err = find_setting(c, &v->setting)) != 0)
		return err;
	v->text = v->setting->fallback;
	v->user = "System";
	c->user = v;
	return api_write(c, reset_change, reset_done);
}

int
setting_is_advanced(struct api_call *c, bool *advanced)
{
	struct value v;
	int err = get_value(api_reader(c), c, &settings[0], &v);

	*advanced = err == 0 && strcmp(v.text, "advanced") == 0;
	return err;
}

const struct api_op ssm_setting_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "GetServiceSetting",
	    .action = "ssm:GetServiceSetting",
	    .resource = "setting:{SettingId}",
	    .input = "{ SettingId*: string{1..1000} }",
	    .run = get_setting,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "UpdateServiceSetting",
	    .action = "ssm:UpdateServiceSetting",
	    .resource = "setting:{SettingId}",
	    .input = "{ SettingId*: string{1..1000}; SettingValue*: string{1..4096} }",
	    .run = update_setting,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "ResetServiceSetting",
	    .action = "ssm:ResetServiceSetting",
	    .resource = "setting:{SettingId}",
	    .input = "{ SettingId*: string{1..1000} }",
	    .run = reset_setting,
	    .response = reset_response,
	},
	{ 0 },
};
