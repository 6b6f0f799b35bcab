/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and results of the command line; see cli.h. */
#include <stdarg.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/terminal/table.h"
#include "codec/json.h"

void
cli_say(const char *fmt, ...)
{
	va_list ap;

	fputs("sallyport: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int
cli_fail(const struct fault *f)
{
	cli_say("%s", fault_text(f));
	return CLI_FAILED;
}

bool
cli_colour(const struct cli *c, FILE *stream)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !c->no_color && (no == NULL || no[0] == '\0') && term != NULL &&
	    strcmp(term, "dumb") != 0 && isatty(fileno(stream));
}

void
cli_print_json(const json_t *v)
{
	char *text =
	    json_dumps(v, JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY);

	printf("%s\n", text != NULL ? text : "null");
	free(text);
}

static void
print_table(const struct cli *c, const json_t *list, const struct cli_columns *k)
{
	int64_t now_ms = ev_wall_ms(c->loop);
	struct table t;

	table_init(&t, k->head, k->n);
	for (size_t i = 0; i < json_array_size(list); i++)
		k->add_row(&t, json_array_get(list, i), now_ms);
	table_print(&t, cli_colour(c, stdout), stdout);
	table_fini(&t);
}

void
cli_print_rows(const struct cli *c, const json_t *list, const struct cli_columns *k)
{
	if (c->json)
		cli_print_json(list);
	else
		print_table(c, list, k);
}
