package wrapper_test

import (
	"fmt"
	"log"
	"net/http"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// A client for the resources of the partner API that want this token. It gets another one when a resource refuses the
// first, and gives it to no other host, wherever a redirect leads.
func ExampleNewTransport() {
	service, err := emulator.Start() // so that this runs without an account; it has a resource, too
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	client, err := wrapper.NewClient(wrapper.StaticBearer("an-entra-access-token"), wrapper.WithBaseURL(service.URL))
	if err != nil {
		log.Fatal(err)
	}
	source := wrapper.NewTokenSource(client)
	partner := &http.Client{Transport: wrapper.NewTransport(source, nil, "127.0.0.1")} // without the host, the partner API's own

	for range 2 {
		resp, err := partner.Get(service.URL + "/_emulator/resource")
		if err != nil {
			log.Fatal(err)
		}
		_ = resp.Body.Close()
		fmt.Println(resp.Status)
		service.Revoke() // the token that this request had
	}
	fmt.Println(len(service.Requests()), "exchanges")
	// Output:
	// 200 OK
	// 200 OK
	// 2 exchanges
}

// Several partner tenants: a bearer, a source and a transport for each. Keep the clients in a map; they may share the
// base, and so its connections.
func ExampleNewTransport_tenants() {
	service, err := emulator.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()

	partners := map[string]*http.Client{}
	for _, tenant := range []string{"contoso.example", "fabrikam.example"} {
		bearer := wrapper.StaticBearer("an-entra-access-token-of-" + tenant) // for the real Entra, a credential of the tenant
		client, err := wrapper.NewClient(bearer, wrapper.WithBaseURL(service.URL))
		if err != nil {
			log.Fatal(err)
		}
		partners[tenant] = &http.Client{Transport: wrapper.NewTransport(wrapper.NewTokenSource(client), nil, "127.0.0.1")}
	}

	resp, err := partners["fabrikam.example"].Get(service.URL + "/_emulator/resource")
	if err != nil {
		log.Fatal(err)
	}
	_ = resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}
