// Package sharedcache lets many replicas have one token, in Valkey, Redis or any store with compare-and-swap:
//
//	source := wrapper.NewTokenSource(client, sharedcache.Use(store, "tenant/application", secret))
//
// A fleet of any size makes the exchanges of one process, and a replica that starts has its token at once. That pays for
// hundreds of replicas, for jobs that live for minutes, and where a quota is tight. Fifty replicas make a request a minute
// by themselves: share nothing then. The README beside this file has recipes, one of them without a store.
//
// Store and secret together are the token: whoever has both has it. The store alone shows neither token nor identity, for
// a record is sealed with AES-GCM and bound to its key, which is an HMAC. One that does not open is logged and ignored.
// Bearers are never stored. Whoever can write to the store can cost time and exchanges, but not bring in a token.
//
// A source is never worse off than without a store. One that is down, slow or hangs costs a first token half a second
// and no call an error, and each source goes on by itself. A replica that dies during an exchange delays those
// without a token by 12 seconds. A Retry-After of more than 5 seconds ends an exchange, and all get the error. A token
// that was refused leaves the store with the next call, and the other replicas within a minute.
package sharedcache
