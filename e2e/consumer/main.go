// Command consumer is a service that needs a Partner Center token: the least of one, as a stranger would write it.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

func main() {
	if err := run(context.Background(), os.Getenv("PARTNER_CENTER_URL"), os.Getenv("ENTRA_TOKEN")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, bearer string) error {
	client, err := wrapper.NewClient(wrapper.StaticBearer(bearer), wrapper.WithBaseURL(url))
	if err != nil {
		return err
	}
	token, err := wrapper.NewTokenSource(client).Token(ctx)
	if err != nil {
		return err
	}
	fmt.Println("a token until", token.ExpiresAt)
	return nil
}
