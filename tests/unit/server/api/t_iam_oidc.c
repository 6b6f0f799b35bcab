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
