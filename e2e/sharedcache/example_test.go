package sharedcache

import (
	"context"
	"log"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/valkey-io/valkey-go"

	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/sharedcache"
)

// The store by valkey-go. Its cache on the client's side is of no use here.
func Example_valkey() {
	engine, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{"valkey.internal:6379"}, DisableCache: true})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	eval := func(ctx context.Context, script, key string, args ...string) (string, error) {
		return engine.Do(ctx, engine.B().Eval().Script(script).Numkeys(1).Key(key).Arg(args...).Build()).ToString()
	}
	secret, err := os.ReadFile("/run/secrets/sharedcache")
	if err != nil {
		log.Fatal(err)
	}
	client, err := wrapper.NewClient(wrapper.StaticBearer(os.Getenv("ENTRA_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	source := wrapper.NewTokenSource(client, sharedcache.Use(sharedcache.Eval(eval), "tenant/application", secret))
	_, _ = source.Token(context.Background())
}

// The store by go-redis.
func Example_redis() {
	engine := redis.NewClient(&redis.Options{Addr: "redis.internal:6379"})
	defer engine.Close()
	eval := func(ctx context.Context, script, key string, args ...string) (string, error) {
		return engine.Eval(ctx, script, []string{key}, args).Text()
	}
	secret, err := os.ReadFile("/run/secrets/sharedcache")
	if err != nil {
		log.Fatal(err)
	}
	client, err := wrapper.NewClient(wrapper.StaticBearer(os.Getenv("ENTRA_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	source := wrapper.NewTokenSource(client, sharedcache.Use(sharedcache.Eval(eval), "tenant/application", secret))
	_, _ = source.Token(context.Background())
}
