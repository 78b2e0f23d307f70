//go:build tools

// This file is never built: it makes go.mod pin the version of the generator that generate.go runs.

package generatetoken

import _ "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"
