// Package emulator is Partner Center's token endpoint, as far as it is documented, in a process of your own: for tests,
// for CI, and to try things out without an account. It answers by the contract in package api, and checks what it is sent
// and what it answers against it.
//
//	server, err := emulator.Start(emulator.WithFaults(emulator.Fault{Status: 500}))
//	...
//	defer server.Close()
//	client, err := wrapper.NewClient(wrapper.StaticBearer("any bearer"), wrapper.WithBaseURL(server.URL))
//
// Both operations are there. A request needs a bearer (401 without one): any string, or a JWT. The claims of a JWT are
// read, though not verified: they have to name Partner Center as the audience, and be valid now. The request needs an
// Accept header that allows a documented media type (406), a body in a documented one (415), and the form that the
// contract has for it (400). The answer is an opaque random token; the same ms-requestid with the same bearer gets the
// same token again. Where the documentation is silent, as on 406 and 415, the emulator follows HTTP's rules.
//
// The other half is the resource that a token is for. /_emulator/resource takes tokens that this emulator gave, until they
// expire or [Emulator.Revoke] revokes them, and answers 401 to everything else.
//
// [WithEntra] adds the sign-in that brings a bearer: Entra's endpoints for apps and for persons, refresh tokens included.
//
// What a request meets on a bad day is a [Fault]: an error, a gateway's page, a wait, a broken connection, a refusal of
// Entra's. [WithFaults] and [Emulator.SetFaults] choose the requests. [WithQuota] brings throttling, and
// [Emulator.SetClockOffset] another time.
//
// A request has to name a loopback host or one of [WithHosts] (421), so that no page of another site can reach the
// emulator through a browser. Of requests it keeps what is known to be harmless, and masks the rest.
//
// For programs that are not in Go, the options are the flags of "pctoken serve", and the methods its admin API.
package emulator
