package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/partnercenter-go/generatetoken/gen"
)

// keptTokens bounds how many are remembered, so that an emulator under load does not grow without end.
const keptTokens = 10_000

// exchange is what makes two requests one: the same bearer and the same request id.
type exchange struct {
	bearer    [sha256.Size]byte
	requestID string
}

// tokens are those that the emulator has given.
type tokens struct {
	lifetime, window time.Duration
	given            map[exchange]given
	order            []exchange // the keys of given, oldest first
}

type given struct {
	token string
	at    time.Time
}

// token returns the answer to an exchange: what it got before, if that was within the window, or else a new token.
func (t *tokens) token(bearer, requestID string, now time.Time) gen.AccessToken {
	key := exchange{bearer: sha256.Sum256([]byte(bearer)), requestID: strings.ToLower(requestID)}
	before, ok := t.given[key]
	if age := now.Sub(before.at); !ok || age < 0 || age >= t.window {
		if t.given == nil {
			t.given = map[exchange]given{}
		}
		if !ok {
			t.order = append(t.order, key)
		}
		before = given{token: rand.Text(), at: now}
		t.given[key] = before
		if len(t.order) > keptTokens {
			delete(t.given, t.order[0])
			t.order = t.order[1:]
		}
	}
	return gen.AccessToken{
		AccessToken: before.token,
		TokenType:   "bearer",
		ExpiresIn:   json.Number(strconv.FormatInt(int64(t.lifetime/time.Second), 10)),
	}
}

func (t *tokens) forget() { t.given, t.order = nil, nil }
