package emulator_test

import (
	"context"
	"fmt"
	"log"

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
