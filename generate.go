// Package generatetoken is the root of a client for Microsoft Partner Center's token endpoint, which exchanges a
// Microsoft Entra access token for a Partner Center access token. It holds no code of its own:
//
//   - import [github.com/partnercenter-go/generatetoken/wrapper] to get tokens: header defaults, retries, typed errors;
//   - import [github.com/partnercenter-go/generatetoken/gen] alone for the bare generated client;
//   - import [github.com/partnercenter-go/generatetoken/emulator] to test against the endpoint without an account.
//
// The contract that all of them follow is api/openapi.yaml. After changing it, run go generate ./... (or make
// generate) in this folder.
package generatetoken

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config api/oapi-codegen.yaml -o gen/gen.go api/openapi.yaml
