// An identity provider (OpenID Connect) as organisations have one, for the whole-system tests: `oidc-provider` with its own
// pages for signing in. Whoever types a name is that name.
//
//   node provider.mjs PORT CLIENT SECRET REDIRECT_URI…

import Provider from "oidc-provider";

const [port, client, secret, ...redirects] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client,
      client_secret: secret,
      redirect_uris: redirects,
      grant_types: ["authorization_code"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_basic",
    },
  ],
  pkce: { required: () => true },
  // The organisation has agreed for its agents: nobody is asked whether Glimpse may know who they are.
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope("openid");
    await grant.save();
    return grant;
  },
});

provider.listen(Number(port), "127.0.0.1", () => console.log(`ready at ${issuer}`));
