package e2e

import (
	"context"
	"fmt"
	"log"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// The emulator in a container, for tests that start their other services so. It is compiled here and not run: it needs
// Docker, and the image of a release.
func Example_testcontainers() {
	ctx := context.Background()
	container, err := testcontainers.Run(ctx, "ghcr.io/partnercenter-go/pctoken:latest",
		testcontainers.WithExposedPorts("8080/tcp"),
		testcontainers.WithWaitStrategy(wait.ForHTTP("/healthz").WithPort("8080/tcp")))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = container.Terminate(ctx) }()
	url, err := container.PortEndpoint(ctx, "8080/tcp", "http")
	if err != nil {
		log.Fatal(err)
	}
	client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"), wrapper.WithBaseURL(url))
	fmt.Println(client != nil, err)
}
