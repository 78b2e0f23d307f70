// Package api holds the contract of Partner Center's token endpoint as it is documented: an OpenAPI 3.0.3 document,
// written by hand. The client in package gen is generated from it and the emulator answers by it.
package api

import _ "embed"

// Spec is openapi.yaml, byte for byte. Treat it as read-only: every importer shares it.
//
//go:embed openapi.yaml
var Spec []byte
