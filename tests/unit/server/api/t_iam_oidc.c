/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity providers.
 */
#include "iam_bench.h"

#define PRINT "ThumbprintList.member.1=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OIDC  "OpenIDConnectProviderArn=arn:aws:iam::ACCOUNT:oidc-provider/"

static void
t_oidc(void **state)
{
	static const struct step steps[] = {
		{ "CreateOpenIDConnectProvider", "Url=example.org&" PRINT, 400,
		    "ValidationError", "Invalid Open ID Connect Provider URL" },
		{ "CreateOpenIDConnectProvider",
		    "Url=https://id.example.com:8443/realm&ClientIDList.member.1=c1&"
		    "Tags.member.1.Key=k&Tags.member.1.Value=v&" PRINT,
		    200, NULL,
		    "<OpenIDConnectProviderArn>arn:aws:iam::ACCOUNT:oidc-provider/"
		    "id.example.com:8443/realm</OpenIDConnectProviderArn>" },
		{ "CreateOpenIDConnectProvider",
		    "Url=https://id.example.com:8443/realm&" PRINT, 409,
		    "EntityAlreadyExists",
		    "Provider with url https://id.example.com:8443/realm already "
		    "exists." },
		{ "AddClientIDToOpenIDConnectProvider",
		    OIDC "id.example.com:8443/realm&ClientID=c2", 200, NULL, NULL },
		{ "AddClientIDToOpenIDConnectProvider",
		    OIDC "id.example.com:8443/realm&ClientID=c2", 200, NULL, NULL },
		{ "GetOpenIDConnectProvider", OIDC "id.example.com:8443/realm", 200, NULL,
		    "<Url>id.example.com:8443/realm</Url><ClientIDList><member>c1</"
		    "member>"
		    "<member>c2</member></"
		    "ClientIDList><ThumbprintList><member>bbbbbbbbbbbbbbb"
		    "bbbbbbbbbbbbbbbbbbbbbbbbb</member></ThumbprintList>" },
		{ "RemoveClientIDFromOpenIDConnectProvider",
		    OIDC "id.example.com:8443/realm&ClientID=c1", 200, NULL, NULL },
		{ "UpdateOpenIDConnectProviderThumbprint",
		    OIDC "id.example.com:8443/realm&ThumbprintList.member.1="
			 "cccccccccccccccccccccccccccccccccccccccc",
		    200, NULL, NULL },
		{ "GetOpenIDConnectProvider", OIDC "id.example.com:8443/realm", 200, NULL,
		    "<ClientIDList><member>c2</member></ClientIDList><ThumbprintList>"
		    "<member>cccccccccccccccccccccccccccccccccccccccc</member>" },
		{ "ListOpenIDConnectProviders", "", 200, NULL,
		    "<OpenIDConnectProviderList><member><Arn>arn:aws:iam::ACCOUNT:"
		    "oidc-provider/id.example.com:8443/realm</Arn></member>" },
		{ "GetOpenIDConnectProvider", OIDC "none.example.com", 404,
		    "NoSuchEntity",
		    "OpenIDConnect Provider not found for arn "
		    "arn:aws:iam::ACCOUNT:oidc-provider/none.example.com" },
		{ "TagOpenIDConnectProvider",
		    OIDC "id.example.com:8443/realm&Tags.member.1.Key=K&Tags.member.1."
			 "Value=w&Tags.member.2.Key=a&Tags.member.2.Value=",
		    200, NULL, NULL },
		{ "ListOpenIDConnectProviderTags",
		    OIDC "id.example.com:8443/realm&MaxItems=2", 200, NULL,
		    "<Tags><member><Key>K</Key><Value>w</Value></member><member><Key>a</Key>"
		    "<Value></Value></member></Tags><IsTruncated>true</IsTruncated>"
		    "<Marker>" },
		{ "TagOpenIDConnectProvider",
		    OIDC "id.example.com:8443/realm&Tags.member.1.Key=x&Tags.member.1."
			 "Value=1&Tags.member.2.Key=x&Tags.member.2.Value=2",
		    400, "InvalidInput", "Duplicate tag keys found." },
		{ "TagOpenIDConnectProvider",
		    OIDC "none.example.com&Tags.member.1.Key=x&Tags.member.1.Value=1", 404,
		    "NoSuchEntity", NULL },
		{ "UntagOpenIDConnectProvider",
		    OIDC "id.example.com:8443/realm&TagKeys.member.1=K&TagKeys.member.2=no",
		    200, NULL, NULL },
		{ "GetOpenIDConnectProvider", OIDC "id.example.com:8443/realm", 200, NULL,
		    "<Tags><member><Key>a</Key><Value></Value></member><member><Key>k</Key>"
		    "<Value>v</Value></member></Tags>" },
		{ "DeleteOpenIDConnectProvider", OIDC "id.example.com:8443/realm", 200,
		    NULL, NULL },
		{ "DeleteOpenIDConnectProvider", OIDC "id.example.com:8443/realm", 404,
		    "NoSuchEntity",
		    "OpenId connect Provider arn:aws:iam::ACCOUNT:oidc-provider/"
		    "id.example.com:8443/realm cannot be found." },
	};
	(void)state;

	RUN_ALONE(steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_oidc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
