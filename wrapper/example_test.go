package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

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
		token, err := source.Token(ctx) // for each request
		if err != nil {
			log.Fatal(err)
		}
		if refused := false; refused { // the far side answered 401
			source.Invalidate(token)
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
