// SPDX-License-Identifier: Apache-2.0
// An OpenID Connect provider for web_identity.py: `oidc-provider` on loopback, over TLS, with keys made
// at the start.  Whoever asks to log in as somebody (login_hint) is that somebody: nobody clicks here.
//
//	PORT, CERT, KEY: where and as whom it listens
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

import Provider from "oidc-provider";

const { PORT, CERT, KEY } = process.env;
const issuer = `https://localhost:${PORT}`;
const TAGS = "https://aws.amazon.com/tags";
const SOURCE = "https://aws.amazon.com/source_identity";

function key(kty, options, alg) {
	const jwk = generateKeyPairSync(kty, options).privateKey.export({ format: "jwk" });

	return { ...jwk, kid: alg, alg, use: "sig" };
}

function client(id, alg) {
	return {
		client_id: id,
		client_secret: "not a secret",
		redirect_uris: [`${issuer}/done`],
		response_types: ["code"],
		grant_types: ["authorization_code"],
		token_endpoint_auth_method: "client_secret_post",
		id_token_signed_response_alg: alg,
	};
}

const provider = new Provider(issuer, {
	clients: [client("rsa", "RS256"), client("ec", "ES256"), client("edwards", "EdDSA"),
		client("stranger", "RS256")],
	jwks: {
		keys: [key("rsa", { modulusLength: 2048 }, "RS256"),
			key("ec", { namedCurve: "P-256" }, "ES256"), key("ed25519", {}, "EdDSA")],
	},
	enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "EdDSA"] },
	features: { devInteractions: { enabled: false } },
	pkce: { required: () => false },
	cookies: { keys: ["not a secret"] },
	claims: { openid: ["sub", "amr", TAGS, SOURCE] },
	conformIdTokenClaims: false,
	ttl: { IdToken: 600, AccessToken: 600, Interaction: 60, Session: 60, Grant: 60 },
	interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
	findAccount: (ctx, id) => ({
		accountId: id,
		claims: () => ({
			sub: id,
			...(id.startsWith("tagged-") && {
				[TAGS]: { principal_tags: { team: ["red"] }, transitive_tag_keys: ["team"] },
				[SOURCE]: "alice",
			}),
		}),
	}),
});

async function interact(req, res) {
	const { prompt, params, session } = await provider.interactionDetails(req, res);
	const who = params.login_hint;
	const amr = who.startsWith("mfa-") ? ["pwd", "mfa"] : ["pwd"];
	let result = { login: { accountId: who, amr } };

	if (prompt.name === "consent") {
		const grant = new provider.Grant({
			accountId: session.accountId, clientId: params.client_id,
		});

		grant.addOIDCScope("openid");
		result = { consent: { grantId: await grant.save() } };
	}
	await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
}

const handle = provider.callback();

createServer({ cert: readFileSync(CERT), key: readFileSync(KEY) }, (req, res) => {
	if (req.url.startsWith("/interaction/"))
		interact(req, res).catch((e) => res.writeHead(500).end(String(e)));
	else
		handle(req, res);
}).listen(Number(PORT), "127.0.0.1", () => console.log(`issuer ${issuer}`));
