// Package wrapper gets Partner Center access tokens: it exchanges a Microsoft Entra access token at Partner Center's
// token endpoint, POST /v3/generatetoken.
//
// A [Client] is the generated client of package gen with what the endpoint's documentation asks of callers: headers,
// one request id for all attempts of a call, retries, and errors that keep what the service said. Make one per identity
// and share it; [Client.GenerateToken] makes one exchange.
//
//	client, err := wrapper.NewClient(wrapper.StaticBearer(entraToken))
//	...
//	token, err := client.GenerateToken(ctx)
//
// A [TokenSource] caches a token and renews it in the background:
//
//	source := wrapper.NewTokenSource(client)
//	...
//	token, err := source.Token(ctx)
//
// Packages azureauth and oauth2auth take the bearer from the Azure SDK or golang.org/x/oauth2, and give them the tokens.
//
// # Secrets
//
// No error, log record or formatted value of this package holds a bearer or an access token; [Token.AccessToken] is
// the one place to read it. The types of package gen, which [Client.API] returns, are plain data without that care.
//
// # Sources
//
// Where a comment states a fact about the service, it names the page of Microsoft's Partner Center documentation.
package wrapper
