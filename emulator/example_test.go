package emulator_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

func ExampleStart() {
	server, err := emulator.Start(emulator.WithFaults(emulator.Fault{Status: 500}))
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	client, err := wrapper.NewClient(wrapper.StaticBearer("any-bearer"), wrapper.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.GenerateToken(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range server.Requests() {
		fmt.Println(r.Method, r.Path, r.Header.Get("Authorization"), r.Header.Get("ms-requestid") == token.RequestID)
	}
	// Output:
	// POST /v3/generatetoken Bearer REDACTED true
	// POST /v3/generatetoken Bearer REDACTED true
}

// Faults one after the other, and for each tenth request.
func ExampleEmulator_SetFaults() {
	server, err := emulator.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	err = server.SetFaults(
		emulator.Fault{Status: 429, RetryAfter: 2 * time.Second, Times: 3},
		emulator.Fault{Status: 502, Body: emulator.BodyHTML, Every: 10},
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(server.Faults())
	// Output: [429:retry-after=2:times=3 502:html:every=10]
}

// The resource that a token is for, on the same server.
func ExampleWithHandler() {
	customers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"totalCount":0}`) })
	server, err := emulator.Start(emulator.WithHandler("GET /v1/customers", customers))
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/v1/customers")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output: {"totalCount":0} <nil>
}

// A service that has to cope with a token that is refused before it expires.
func ExampleEmulator_Revoke() {
	server, err := emulator.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := wrapper.NewClient(wrapper.StaticBearer("any-bearer"), wrapper.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.GenerateToken(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	call := func() {
		req, err := http.NewRequest(http.MethodGet, server.URL+"/_emulator/resource", http.NoBody)
		if err != nil {
			log.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.AccessToken)
		resp, err := server.Client().Do(req)
		if err != nil {
			log.Fatal(err)
		}
		defer resp.Body.Close()
		fmt.Println(resp.Status)
	}
	call()
	server.Revoke()
	call()
	// Output:
	// 200 OK
	// 401 Unauthorized
}
