/* SPDX-License-Identifier: Apache-2.0 */
/* See install_line.h. */
#include "client/command/install_line.h"

#include "client/terminal/quote.h"
#include "crypto/crypto.h"
#include "proto/handshake.h"

#define PACKAGE_PREFIX "sallyport-agent_"
#define PACKAGE_SUFFIX ".deb"

/* --- SHA256SUMS -------------------------------------------------------------------- */

static bool
all_in(struct span s, const char *letters)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || strchr(letters, s.p[i]) == NULL)
			return false;
	return s.n > 0;
}

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* "sallyport-agent_0.1.0_amd64.deb" into version and architecture. */
static bool
split_name(struct span name, struct span *version, struct span *arch)
{
	size_t prefix = sizeof(PACKAGE_PREFIX) - 1, suffix = sizeof(PACKAGE_SUFFIX) - 1;

	if (!span_starts(name, PACKAGE_PREFIX) || !span_ends(name, PACKAGE_SUFFIX) ||
	    name.n < prefix + suffix || !all_in(name, DIGITS LETTERS "._+~-"))
		return false;
	*arch = span_sub(name, prefix, name.n - prefix - suffix);
	return span_cut(arch, '_', version) && version->n > 0 &&
	    all_in(*arch, DIGITS LETTERS "-");
}

static bool
is_newer(struct arena *mem, struct span a, const char *than_name)
{
	struct span version, arch;
	int order;

	if (!split_name(span_str(than_name), &version, &arch))
		return true;
	if (version_cmp(arena_str(mem, a), arena_str(mem, version), &order) != 0)
		order = span_cmp(a, version);
	return order > 0;
}

static void
take_package(struct install_line *l, struct arena *mem, struct span sum, struct span name)
{
	struct span version, arch;
	struct install_package *p;
	size_t i = 0;

	if (sum.n != 2 * SHA256_LEN || !all_in(sum, DIGITS "abcdef") ||
	    !split_name(name, &version, &arch))
		return;
	while (i < l->npackages && !span_eq_str(arch, l->packages[i].arch))
		i++;
	if (i == INSTALL_PACKAGES_MAX)
		return;
	p = &l->packages[i];
	if (i < l->npackages && !is_newer(mem, version, p->name))
		return;
	if (i == l->npackages)
		l->npackages++;
	*p = (struct install_package){ arena_str(mem, arch), arena_str(mem, sum),
		arena_str(mem, name) };
}

int
install_packages(struct install_line *l, struct arena *mem, struct span sums)
{
	struct span line, sum;

	l->npackages = 0;
	while (span_cut(&sums, '\n', &line))
		if (span_cut(&line, ' ', &sum))
			take_package(l, mem, sum, span_trim(line));
	return l->npackages > 0 ? 0 : ERR_NOTFOUND;
}

/* --- the line ---------------------------------------------------------------------- */

/*
 * $1 endpoint, $2 region, $3 activation id, $4 digest of the CA or "-", then
 * "architecture:digest:file" for each package.  Written without single quotes, and for a
 * plain sh.  The CA is fetched without a check (-k): its digest is the check.  A server that is
 * away is waited for, a minute each time, for as long as what curl says (6, 7, 28, 35, 52, 56) is
 * that nobody answered; that is asked once more before the activation is used.
 */
static const char script[] =
    "set -eu; "
    "fail() { echo \"sallyport: $*\" >&2; exit 1; }; "
    "[ \"$(id -u)\" = 0 ] || fail \"run this as root\"; "
    "IFS= read -r code; url=$1 region=$2 id=$3 ca=$4; shift 4; "
    "arch=$(dpkg --print-architecture) || fail \"this machine has no dpkg\"; "
    "pkg=; for p in \"$@\"; do if [ \"${p%%:*}\" = \"$arch\" ]; then pkg=${p#*:}; fi; "
    "done; "
    "[ -n \"$pkg\" ] || fail \"the server has no package for $arch\"; "
    "dir=$(mktemp -d); trap \"rm -rf $dir\" EXIT; chmod 755 \"$dir\"; "
    "check() { echo \"$1  $2\" | sha256sum -c --status || fail \"$3 is not what the "
    "command was made for: make a new one\"; }; "
    "get() { n=0; until why=$(curl -fsS --connect-timeout 10 \"$@\" 2>&1); do "
    "case $? in 6|7|28|35|52|56) n=$((n + 1)) ;; *) n=30 ;; esac; "
    "[ $n -lt 30 ] || fail \"$url: $why\"; "
    "[ $n -gt 1 ] || echo \"sallyport: waiting for $url: $why\" >&2; sleep 2; done; }; "
    "set --; if [ \"$ca\" != - ]; then "
    "get -k -o \"$dir/ca.pem\" \"$url/_ca.pem\"; "
    "check \"$ca\" \"$dir/ca.pem\" \"the CA certificate\"; "
    "set -- --cacert \"$dir/ca.pem\"; fi; "
    "get \"$@\" -o \"$dir/agent.deb\" \"$url/_agent/${pkg#*:}\"; "
    "check \"${pkg%%:*}\" \"$dir/agent.deb\" \"the package\"; "
    "apt-get install -qq -y \"$dir/agent.deb\" >/dev/null || { apt-get update -qq && "
    "apt-get install -qq -y \"$dir/agent.deb\" >/dev/null; }; "
    "get \"$@\" -o /dev/null \"$url/_health\"; "
    "set --; if [ \"$ca\" != - ]; then mkdir -p /etc/sallyport; "
    "install -m 644 \"$dir/ca.pem\" /etc/sallyport/agent-ca.pem; "
    "set -- --ca-file /etc/sallyport/agent-ca.pem; fi; "
    "SALLYPORT_ACTIVATION_CODE=$code sallyport-agent register --endpoint \"$url\" "
    "--region \"$region\" --activation-id \"$id\" \"$@\"; "
    "if [ -d /run/systemd/system ]; then systemctl enable -q sallyport-agent; "
    "systemctl restart sallyport-agent; "
    "else setsid sallyport-agent run >>/var/log/sallyport-agent.log 2>&1 </dev/null & "
    "fi";

void
install_line_build(struct buf *out, const struct install_line *l)
{
	buf_add_str(out, "echo ");
	quote_word(out, l->code);
	buf_add_str(out, " | $(command -v sudo) sh -c ");
	quote_word(out, script);
	buf_add_str(out, " sallyport-install ");
	quote_words(out,
	    (const char *const[]){ l->endpoint, l->region, l->activation_id,
		l->ca_sha256 != NULL ? l->ca_sha256 : "-" },
	    4);
	for (size_t i = 0; i < l->npackages; i++) {
		const struct install_package *p = &l->packages[i];

		buf_addf(out, " %s:%s:%s", p->arch, p->sha256, p->name);
	}
}
