// Package emulator is Partner Center's token endpoint as far as it is documented, in a process of your own: for tests,
// for CI and for trying things out without an account. It answers by the contract in package api and checks both what
// it is sent and what it answers against it.
//
//	server, err := emulator.Start(emulator.WithFaults(emulator.Fault{Status: 500}))
//	...
//	defer server.Close()
//	client, err := wrapper.NewClient(wrapper.StaticBearer("any bearer"), wrapper.WithBaseURL(server.URL))
//
// Both operations are there. A request needs a bearer (401 without one): any string, or a JWT, whose claims are then
// read, though not verified, and have to name Partner Center as the audience and be valid now. It needs an Accept header
// that allows one of the documented media types (406) and a body in one of them (415), and has to be what the contract
// says (400). It gets an opaque random token; the same ms-requestid with the same bearer gets the same token again. What
// the documentation does not say, such as the real service's behaviour for 406 and 415, is the emulator's own choice
// after HTTP's rules.
//
// A request has to name a loopback host, or one of [WithHosts] (421), so that no page of another site can reach the
// emulator through a browser. What is kept of a request is what is known to be harmless; everything else is masked.
//
// What a request meets on a bad day is a [Fault]: an error, a gateway's page, a wait, a broken connection. [WithFaults] and
// SetFaults say which requests meet which. [WithQuota] brings throttling, and SetClockOffset another time. [WithEntra] plays
// the other side of a service's way to a token: the sign-in that brings the bearer.
//
// Programs that are not in Go find all of this in "pctoken serve", whose flags are the options, and in its admin API.
package emulator
