package sharedcache

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Store keeps values for a limited time. [Eval] is one in Valkey or Redis; anything that can compare and swap a value
// in one step may be another. It is safe for concurrent use. A value is bytes of any kind, and never empty. An operation
// ends when its context does; one that does not is left behind. After an error it is not known whether a swap happened.
type Store interface {
	// Get returns a key's value and how long it is kept yet by the store's own clock. A nil value, or 0 or less for left,
	// means that there is none.
	Get(ctx context.Context, key string) (value []byte, left time.Duration, err error)
	// Swap puts value in the place of old for ttl, and reports whether it did: it does only if old is what the key has. A
	// nil old stands for none, and a nil value deletes.
	Swap(ctx context.Context, key string, old, value []byte, ttl time.Duration) (bool, error)
}

// Eval runs a Lua script with one key in Valkey or Redis, and is a [Store] by it. Arguments and the answer, which is
// always a string, are bytes of any kind. It is as safe for concurrent use as the client that it calls. With valkey-go
// and with go-redis its body is
//
//	return client.Do(ctx, client.B().Eval().Script(script).Numkeys(1).Key(key).Arg(args...).Build()).ToString()
//	return client.Eval(ctx, script, []string{key}, args).Text()
type Eval func(ctx context.Context, script, key string, args ...string) (string, error)

// An empty argument stands for no value.
const (
	getScript = `local value = redis.call('GET', KEYS[1])
if not value then return '' end
return redis.call('PTTL', KEYS[1]) .. ' ' .. value`
	swapScript = `if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 'kept' end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 'swapped'`
)

var errEval = errors.New("the answer is not the script's: an Eval returns what the script does")

// Get implements [Store].
func (e Eval) Get(ctx context.Context, key string) ([]byte, time.Duration, error) {
	answer, err := e(ctx, getScript, key)
	if err != nil || answer == "" {
		return nil, 0, err
	}
	left, value, _ := strings.Cut(answer, " ")
	milliseconds, err := strconv.Atoi(left)
	if err != nil || value == "" {
		return nil, 0, errEval
	}
	return []byte(value), time.Duration(milliseconds) * time.Millisecond, nil
}

// Swap implements [Store].
func (e Eval) Swap(ctx context.Context, key string, old, value []byte, ttl time.Duration) (bool, error) {
	answer, err := e(ctx, swapScript, key, string(old), string(value), strconv.FormatInt(max(1, ttl.Milliseconds()), 10))
	if err == nil && answer != "swapped" && answer != "kept" {
		err = errEval
	}
	return answer == "swapped" && err == nil, err
}
