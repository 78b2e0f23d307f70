package sharedcache

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Store keeps values for a limited time, and is safe for concurrent use. A value is bytes of any kind, never empty. An
// operation is left behind if it outlasts its context. After an error it is not known whether a swap happened.
type Store interface {
	// Get returns a key's value, nil if there is none, and how much longer the store keeps it, by its own clock.
	Get(ctx context.Context, key string) (value []byte, left time.Duration, err error)
	// Swap puts value in the place of old for ttl, and reports whether it did: it does not if the key has another value
	// than old. A nil old stands for no value, and a nil value deletes.
	Swap(ctx context.Context, key string, old, value []byte, ttl time.Duration) (bool, error)
}

// Eval is a [Store] in Valkey or Redis: it runs a script with one key. Arguments and the answer, always a string, are
// bytes of any kind. It is as safe for concurrent use as its client. With valkey-go and with go-redis its body is
//
//	return client.Do(ctx, client.B().Eval().Script(script).Numkeys(1).Key(key).Arg(args...).Build()).ToString()
//	return client.Eval(ctx, script, []string{key}, args).Text()
type Eval func(ctx context.Context, script, key string, args ...string) (string, error)

const ( // an empty string stands for no value
	getScript = `local value = redis.call('GET', KEYS[1])
return redis.call('PTTL', KEYS[1]) .. ' ' .. (value or '')`
	swapScript = `if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 'false' end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 'true'`
)

// Get implements [Store].
func (e Eval) Get(ctx context.Context, key string) ([]byte, time.Duration, error) {
	answer, err := e(ctx, getScript, key)
	if err != nil {
		return nil, 0, err
	}
	left, value, _ := strings.Cut(answer, " ")
	milliseconds, err := strconv.Atoi(left)
	if err != nil {
		return nil, 0, fmt.Errorf("Eval did not return the script's answer: %w", err)
	}
	return append([]byte(nil), value...), time.Duration(milliseconds) * time.Millisecond, nil // nil if it is empty
}

// Swap implements [Store].
func (e Eval) Swap(ctx context.Context, key string, old, value []byte, ttl time.Duration) (bool, error) {
	answer, err := e(ctx, swapScript, key, string(old), string(value), strconv.FormatInt(max(1, ttl.Milliseconds()), 10))
	if err != nil {
		return false, err
	}
	return strconv.ParseBool(answer)
}
