package e2e

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// Tracing: OpenTelemetry's transport under the client makes a span of each attempt.
func Example_openTelemetry() {
	service, err := emulator.Start(emulator.WithFaults(emulator.Fault{Status: 500}))
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	transport := otelhttp.NewTransport(service.Client().Transport, otelhttp.WithTracerProvider(provider))

	client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"), wrapper.WithBaseURL(service.URL),
		wrapper.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.GenerateToken(context.Background()); err != nil {
		log.Fatal(err)
	}
	for _, span := range spans.Ended() {
		fmt.Println(span.Name(), span.Status().Code)
	}
	// Output:
	// HTTP POST Error
	// HTTP POST Unset
}
