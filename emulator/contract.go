package emulator

import (
	"fmt"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/partnercenter-go/generatetoken/api"
)

// contract is the contract as requests and answers are held to it, and as the emulator serves it.
type contract struct {
	*openapi3.T
	yaml []byte
}

// loadContract reads it once for all emulators: a test may start hundreds. Nobody writes to it.
var loadContract = sync.OnceValues(func() (*contract, error) {
	registerDecoders()
	document, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		return nil, fmt.Errorf("emulator: reading the contract: %w", err)
	}
	served, err := withOwnServer(api.Spec)
	if err != nil {
		return nil, fmt.Errorf("emulator: naming itself in the contract: %w", err)
	}
	return &contract{document, served}, nil
})

// withOwnServer returns the contract with the emulator itself as its only server, comments and order kept.
func withOwnServer(spec []byte) ([]byte, error) {
	var document, servers yaml.Node
	if err := yaml.Unmarshal(spec, &document); err != nil {
		return nil, err
	}
	if err := servers.Encode([]map[string]string{{"url": "/", "description": "This emulator."}}); err != nil {
		return nil, err
	}
	root := document.Content[0]
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value == "servers" {
			*root.Content[i+1] = servers
		}
	}
	return yaml.Marshal(&document)
}
