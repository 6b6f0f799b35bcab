/* SPDX-License-Identifier: Apache-2.0 */
/* The line for a new node: which packages, and that a shell reads it as meant. */
#include "unit/check.h"

#include "client/command/install_line.h"
#include "client/terminal/slurp.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void
t_packages(void **state)
{
	static const struct {
		const char *what, *sums;
		const char *want; /* arch:digest:name ... */
	} t[] = {
		{ "nothing", "", "" },
		{ "one", A "  sallyport-agent_0.1.0_amd64.deb\n",
		    "amd64:" A ":sallyport-agent_0.1.0_amd64.deb " },
		{ "two architectures",
		    A "  sallyport-agent_0.1.0_amd64.deb\n" B
		      "  sallyport-agent_0.1.0_arm64.deb\n",
		    "amd64:" A ":sallyport-agent_0.1.0_amd64.deb "
		    "arm64:" B ":sallyport-agent_0.1.0_arm64.deb " },
		{ "the newer one, by number",
		    A "  sallyport-agent_0.10.0_amd64.deb\n" B
		      "  sallyport-agent_0.9.0_amd64.deb\n",
		    "amd64:" A ":sallyport-agent_0.10.0_amd64.deb " },
		{ "the newer one, behind",
		    B "  sallyport-agent_0.9.0_amd64.deb\n" A
		      "  sallyport-agent_1.0.0_amd64.deb\n",
		    "amd64:" A ":sallyport-agent_1.0.0_amd64.deb " },
		{ "other files", A "  sallyport_0.1.0_amd64.deb\n" A "  README\n", "" },
		{ "a name with more in it", A "  sallyport-agent_1_amd64.deb;id.deb\n",
		    "" },
		{ "a path", A "  sallyport-agent_1_/../x.deb\n", "" },
		{ "a short digest", "abc  sallyport-agent_0.1.0_amd64.deb\n", "" },
		{ "no architecture", A "  sallyport-agent_0.1.0.deb\n", "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct install_line l = { .npackages = 0 };
		auto_buf got = { .max = 4096 };
		auto_arena mem;

		row(t[i].what);
		arena_init(&mem);
		assert_int_equal(install_packages(&l, &mem, span_str(t[i].sums)),
		    t[i].want[0] != '\0' ? 0 : ERR_NOTFOUND);
		for (size_t k = 0; k < l.npackages; k++)
			buf_addf(&got, "%s:%s:%s ", l.packages[k].arch,
			    l.packages[k].sha256, l.packages[k].name);
		check_text(buf_span(&got), t[i].want);
	}
}

/* sh is a function here that shows what it was given. */
static void
t_line(void **state)
{
	struct install_line l = {
		.endpoint = "https://h/'; touch /tmp/owned; '$(id)`id`\"",
		.region = "eu north",
		.activation_id = "1234",
		.code = "C'D",
		.packages = { { "amd64", A, "sallyport-agent_0.1.0_amd64.deb" } },
		.npackages = 1,
	};
	auto_buf line = { .max = 65536 }, got = { .max = 65536 }, want = { .max = 65536 };
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	int status;
	(void)state;

	buf_add_str(&line, "sudo() { shift 3; cat; printf '<%s>' \"$@\"; }; ");
	install_line_build(&line, &l);
	assert_int_equal(buf_check(&line), 0);
	assert_int_equal(span_find(buf_span(&line), '\n'), -1);
	argv[2] = buf_cstr(&line);
	assert_int_equal(slurp_program(&got, argv, true, &status), 0);
	buf_addf(&want,
	    "C'D\n<sallyport-install><%s><eu north><1234><-><amd64:" A
	    ":sallyport-agent_0.1.0_amd64.deb>",
	    l.endpoint);
	check_span(buf_span(&got), buf_span(&want));
}

/* The script inside is good for a plain sh. */
static void
t_script(void **state)
{
	struct install_line l = { .endpoint = "https://h",
		.region = "r",
		.activation_id = "i",
		.code = "c",
		.ca_sha256 = A };
	auto_buf line = { .max = 65536 }, got = { .max = 65536 };
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	int status;
	(void)state;

	buf_add_str(&line, "sudo() { shift 2; sh -n -c \"$1\" && echo good; }; ");
	install_line_build(&line, &l);
	argv[2] = buf_cstr(&line);
	assert_int_equal(slurp_program(&got, argv, true, &status), 0);
	check_text(buf_span(&got), "good\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_packages),
		cmocka_unit_test(t_line),
		cmocka_unit_test(t_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
