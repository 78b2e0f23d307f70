//go:build !unix

package oauth2auth

// noFollow is nothing where open has no such flag.
const noFollow = 0
