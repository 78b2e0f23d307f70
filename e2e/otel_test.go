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

// Tracing requests to a resource: OpenTelemetry's transport under the one that adds the token makes a span of each try.
func Example_openTelemetryResource() {
	service, err := emulator.Start(emulator.WithFaults(emulator.Fault{Status: 401, At: emulator.AtResource}))
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	traced := otelhttp.NewTransport(service.Client().Transport, otelhttp.WithTracerProvider(provider))

	client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"), wrapper.WithBaseURL(service.URL))
	if err != nil {
		log.Fatal(err)
	}
	partner := &http.Client{Transport: wrapper.NewTransport(wrapper.NewTokenSource(client), traced, "127.0.0.1")}
	resp, err := partner.Get(service.URL + "/_emulator/resource")
	if err != nil {
		log.Fatal(err)
	}
	_ = resp.Body.Close()
	for _, span := range spans.Ended() {
		for _, attribute := range span.Attributes() {
			if attribute.Key == "http.response.status_code" {
				fmt.Println(span.Name(), attribute.Value.AsInt64())
			}
		}
	}
	// Output:
	// HTTP GET 401
	// HTTP GET 200
}
