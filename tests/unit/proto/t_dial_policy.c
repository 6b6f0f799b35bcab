/* SPDX-License-Identifier: Apache-2.0 */
/* Where port sessions may not go: prefixes against addresses, and hosts that are addresses. */
#include "proto/dial_policy.h"

#include "base/buf.h"
#include "unit/check.h"

static void
t_always(void **state)
{
	static const struct {
		const char *what, *ip;
		bool allowed;
	} t[] = {
		{ "an address of the world", "192.0.2.7", true },
		{ "and of the next world", "2001:db8::7", true },
		{ "a private network", "10.1.2.3", true },
		{ "loopback", "127.0.0.1", true },
		{ "the rest of loopback", "127.9.9.9", true },
		{ "IPv6 loopback", "::1", true },
		{ "metadata", "169.254.169.254", false },
		{ "link-local, first", "169.254.0.0", false },
		{ "link-local, last", "169.254.255.255", false },
		{ "beside link-local", "169.253.255.255", true },
		{ "IPv6 metadata", "fd00:ec2::254", false },
		{ "its whole prefix", "fd00:ec2:ffff::1", false },
		{ "beside it", "fd00:ec3::254", true },
		{ "IPv6 link-local", "fe80::1", false },
		{ "the end of its prefix", "febf:ffff::1", false },
		{ "unspecified, which is loopback to Linux", "0.0.0.0", false },
		{ "its whole network", "0.1.2.3", false },
		{ "IPv6 unspecified", "::", false },
		{ "multicast", "224.0.0.1", false },
		{ "multicast, last", "239.255.255.255", false },
		{ "IPv6 multicast", "ff02::1", false },
		{ "broadcast", "255.255.255.255", false },
		{ "mapped metadata", "::ffff:169.254.169.254", false },
		{ "mapped metadata in hex", "::ffff:a9fe:a9fe", false },
		{ "mapped unspecified", "::ffff:0.0.0.0", false },
		{ "mapped multicast", "::ffff:224.0.0.1", false },
		{ "mapped, harmless", "::ffff:192.0.2.7", true },
		{ "compatible metadata", "::169.254.169.254", false },
		{ "metadata behind NAT64", "64:ff9b::169.254.169.254", false },
		{ "metadata in 6to4", "2002:a9fe:a9fe::1", false },
		{ "no address", "localhost", false },
		{ "an octal address", "0251.0376.0251.0376", false },
		{ "a short address", "127.1", false },
		{ "with a zone", "fe80::1%eth0", false },
		{ "with a harmless zone", "2001:db8::7%eth0", false },
		{ "Alibaba's metadata", "100.100.100.200", false },
		{ "Azure's", "168.63.129.16", false },
		{ "Google's", "fd20:ce::254", false },
		{ "nothing", "", false },
	};
	struct dial_policy p;

	(void)state;
	assert_int_equal(dial_policy_parse(&p, "", NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(dial_policy_allows(&p, t[i].ip), t[i].allowed);
	}
}

static void
t_prefixes(void **state)
{
	static const struct {
		const char *what, *deny, *ip;
		bool allowed;
	} t[] = {
		{ "inside", "10.0.0.0/8", "10.255.0.1", false },
		{ "outside", "10.0.0.0/8", "11.0.0.1", true },
		{ "a prefix within a byte", "172.16.0.0/12", "172.31.255.255", false },
		{ "and past it", "172.16.0.0/12", "172.32.0.0", true },
		{ "an address alone", "192.0.2.7", "192.0.2.7", false },
		{ "and its neighbour", "192.0.2.7", "192.0.2.6", true },
		{ "bits of the host in a prefix", "10.1.2.3/8", "10.9.9.9", false },
		{ "everything of IPv4", "0.0.0.0/0", "192.0.2.7", false },
		{ "is nothing of IPv6", "0.0.0.0/0", "2001:db8::1", true },
		{ "everything", "::/0", "192.0.2.7", false },
		{ "IPv6", "2001:db8::/33", "2001:db8:7fff::1", false },
		{ "IPv6 past it", "2001:db8::/33", "2001:db8:8000::1", true },
		{ "the second of two", "10.0.0.0/8  192.168.0.0/16", "192.168.1.1",
		    false },
		{ "mapped", "10.0.0.0/8", "::ffff:10.0.0.1", false },
		{ "a mapped rule", "::ffff:10.0.0.0/104", "10.0.0.1", false },
		{ "no loopback", DIAL_LOOPBACK, "127.0.0.1", false },
		{ "none of it", DIAL_LOOPBACK, "127.255.0.1", false },
		{ "nor of IPv6", DIAL_LOOPBACK, "::1", false },
		{ "nor mapped", DIAL_LOOPBACK, "::ffff:127.0.0.1", false },
		{ "other hosts still", DIAL_LOOPBACK, "192.0.2.1", true },
	};
	struct dial_policy p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(dial_policy_parse(&p, t[i].deny, NULL), 0);
		assert_int_equal(dial_policy_allows(&p, t[i].ip), t[i].allowed);
	}
}

static void
t_not_prefixes(void **state)
{
	static const char *const t[] = { "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
		"10.0.0.0/8x", "2001:db8::/129", "host", "10.0.0", "/8",
		"10.0.0.0/8,11.0.0.0/8",
		("2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:"
		 "0000/8") };
	struct dial_policy p;
	struct fault f;
	auto_buf many = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i]);
		assert_int_equal(dial_policy_parse(&p, t[i], &f), ERR_INVALID);
		assert_non_null(strstr(f.text, "10.0.0.0/8"));
	}
	buf_init(&many, 4096);
	for (int i = 0; i <= DIAL_DENY_MAX; i++)
		buf_add_str(&many, "10.0.0.0/8 ");
	assert_int_equal(dial_policy_parse(&p, buf_cstr(&many), &f), ERR_LIMIT);
}

/* Every spelling that a resolver takes for an address, and no name. */
static void
t_hosts(void **state)
{
	static const struct {
		const char *host, *ip; /* NULL: not forbidden */
	} t[] = {
		{ "169.254.169.254", "169.254.169.254" },
		{ "0xa9fea9fe", "169.254.169.254" },
		{ "2852039166", "169.254.169.254" },
		{ "0251.0376.0251.0376", "169.254.169.254" },
		{ "0xa9.254.43518", "169.254.169.254" },
		{ "169.16689662", "169.254.169.254" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "0", "0.0.0.0" },
		{ "::ffff:169.254.169.254", "::ffff:169.254.169.254" },
		{ "::ffff:a9fe:a9fe", "::ffff:a9fe:a9fe" },
		{ "fd00:ec2::254", "fd00:ec2::254" },
		{ "FD00:EC2:0:0:0:0:0:254", "FD00:EC2:0:0:0:0:0:254" },
		{ "fe80::1%eth0", "fe80::1" },
		{ "::", "::" },
		{ "127.0.0.1", NULL },
		{ "2130706433", NULL },
		{ "::1", NULL },
		{ "10.0.0.7", NULL },
		{ "localhost", NULL },
		{ "db.internal", NULL },
		{ "169.254.169.254.nip.example", NULL },
		{ "", NULL },
		{ "a name that is longer than any address in any of its notations is",
		    NULL },
	};
	char ip[DIAL_IP_TEXT];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].host);
		assert_int_equal(dial_host_is_forbidden(ip, t[i].host), t[i].ip != NULL);
		if (t[i].ip != NULL)
			assert_string_equal(ip, t[i].ip);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_always),
		cmocka_unit_test(t_prefixes),
		cmocka_unit_test(t_not_prefixes),
		cmocka_unit_test(t_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
