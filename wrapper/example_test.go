package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

func Example() {
	ctx := context.Background()
	service, err := emulator.Start() // so that this runs without an account
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	entraToken := func(context.Context) (string, error) { return "an-entra-access-token", nil }
	client, err := wrapper.NewClient(entraToken, wrapper.WithBaseURL(service.URL)) // leave the option out for the real one
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.GenerateToken(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.TokenType, "valid for", time.Until(token.ExpiresAt).Round(time.Hour))
	fmt.Println("Authorization: Bearer", token.AccessToken != "")
	// Output:
	// bearer valid for 1h0m0s
	// Authorization: Bearer true
}

func ExampleError() {
	service, err := emulator.Start(emulator.WithFaults(emulator.Fault{Status: 401, Code: "900420"}))
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	client, err := wrapper.NewClient(wrapper.StaticBearer("a-token-for-graph"), wrapper.WithBaseURL(service.URL))
	if err != nil {
		log.Fatal(err)
	}

	_, err = client.GenerateToken(context.Background())
	var e *wrapper.Error
	switch {
	case errors.Is(err, wrapper.ErrUnauthorized) && errors.As(err, &e):
		fmt.Println("sign in again; the service said", e.Code)
	case errors.As(err, &e) && e.Retryable():
		fmt.Println("try again in", e.RetryAfter)
	}
	// Output: sign in again; the service said 900420
}

func ExampleTokenSource() {
	ctx := context.Background()
	service, err := emulator.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"), wrapper.WithBaseURL(service.URL))
	if err != nil {
		log.Fatal(err)
	}
	source := wrapper.NewTokenSource(client) // one for the whole service

	for range 3 {
		if _, err := source.Token(ctx); err != nil { // at each request; NewTransport does it by itself
			log.Fatal(err)
		}
	}
	fmt.Println(len(service.Requests()), "exchange")
	// Output: 1 exchange
}

func ExampleWithRetry() {
	service, err := emulator.Start(emulator.WithFaults(emulator.Fault{Status: 503}, emulator.Fault{Status: 500}))
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"),
		wrapper.WithBaseURL(service.URL),
		wrapper.WithRetry(wrapper.Retry{MaxRetries: 5, Delay: 10 * time.Millisecond, MaxDelay: time.Second}),
	)
	if err != nil {
		log.Fatal(err)
	}

	if _, err := client.GenerateToken(context.Background()); err != nil {
		log.Fatal(err)
	}
	requests := service.Requests()
	same := requests[0].Header.Get("ms-requestid") == requests[2].Header.Get("ms-requestid")
	fmt.Println(len(requests), "attempts, one request id:", same)
	// Output: 3 attempts, one request id: true
}

func ExampleClient_API() {
	service, err := emulator.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"), wrapper.WithBaseURL(service.URL))
	if err != nil {
		log.Fatal(err)
	}

	resp, err := client.API().GenerateTokenWithResponse(context.Background(), nil, gen.TokenRequest{GrantType: gen.JwtToken})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode(), resp.JSON200.TokenType, resp.JSON200.ExpiresIn)
	// Output: 200 bearer 3600
}

// A bearer that something else, such as a sidecar, keeps fresh in a file: it is read anew for each exchange.
func ExampleBearerFunc() {
	service, err := emulator.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	file := filepath.Join(os.TempDir(), "entra-token-of-the-example")
	if err := os.WriteFile(file, []byte("an-entra-access-token\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file)

	bearer := func(context.Context) (string, error) {
		token, err := os.ReadFile(file)
		return string(token), err // one trailing line break is dropped
	}
	client, err := wrapper.NewClient(bearer, wrapper.WithBaseURL(service.URL))
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.GenerateToken(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

// What a caller does next, by the kind of the error.
func ExampleError_Retryable() {
	for _, fault := range []string{"400", "401", "403", "404", "429:retry-after=120", "500", "503"} {
		f, err := emulator.ParseFault(fault)
		if err != nil {
			log.Fatal(err)
		}
		service, err := emulator.Start(emulator.WithFaults(f))
		if err != nil {
			log.Fatal(err)
		}
		client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"), wrapper.WithBaseURL(service.URL),
			wrapper.WithRetry(wrapper.Retry{MaxRetries: -1})) // so that the fault shows
		if err != nil {
			log.Fatal(err)
		}
		_, err = client.GenerateToken(context.Background())
		service.Close()

		var e *wrapper.Error
		switch {
		case errors.Is(err, wrapper.ErrThrottled) && errors.As(err, &e):
			fmt.Println(fault, "- come back in", e.RetryAfter)
		case errors.As(err, &e) && e.Retryable():
			fmt.Println(fault, "- try later")
		case errors.Is(err, wrapper.ErrUnauthorized):
			fmt.Println(fault, "- sign in again")
		case errors.Is(err, wrapper.ErrForbidden):
			fmt.Println(fault, "- ask for the rights")
		case errors.Is(err, wrapper.ErrBadRequest), errors.Is(err, wrapper.ErrNotFound):
			fmt.Println(fault, "- fix the configuration")
		}
	}
	// Output:
	// 400 - fix the configuration
	// 401 - sign in again
	// 403 - ask for the rights
	// 404 - fix the configuration
	// 429:retry-after=120 - come back in 2m0s
	// 500 - try later
	// 503 - try later
}

// An http.Client of one's own, here with a proxy for this client alone. Tracing goes the same way: its transport would
// be otelhttp.NewTransport(transport).
func ExampleWithHTTPClient() {
	proxy, err := url.Parse("http://proxy.example:3128")
	if err != nil {
		log.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyURL(proxy)
	client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"),
		wrapper.WithHTTPClient(&http.Client{Transport: transport}))
	fmt.Println(client != nil, err)
	// Output: true <nil>
}

// The ids of one's own trace, for the service's logs.
func ExampleContextWithCorrelationID() {
	service, err := emulator.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"), wrapper.WithBaseURL(service.URL))
	if err != nil {
		log.Fatal(err)
	}
	trace := uuid.MustParse("3f2c8a1e-6f0b-4f0e-9a53-0d4f7c1b2a90")
	token, err := client.GenerateToken(wrapper.ContextWithCorrelationID(context.Background(), trace))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.CorrelationID)
	// Output: 3f2c8a1e-6f0b-4f0e-9a53-0d4f7c1b2a90
}
