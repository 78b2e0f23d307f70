package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/partnercenter-go/generatetoken/gen"
)

// exchange is what makes two requests one: the same bearer and the same request id.
type exchange struct {
	bearer    [sha256.Size]byte
	requestID string
}

// tokens are those that the emulator has given.
type tokens struct {
	lifetime, window time.Duration
	byExchange       map[exchange]*token // without the revoked
	byValue          kept[*token]
}

type token struct {
	value   string
	of      exchange
	made    time.Time
	expires time.Time // counted from when it was last given, as a client counts
	revoked bool
}

// give returns the answer to an exchange: the token that it got before, if that was within the window, or a new one.
func (t *tokens) give(bearer, requestID string, now time.Time) gen.AccessToken {
	of := exchange{bearer: sha256.Sum256([]byte(bearer)), requestID: strings.ToLower(requestID)}
	given := t.byExchange[of]
	if given == nil || now.Before(given.made) || now.Sub(given.made) >= t.window {
		given = &token{value: rand.Text(), of: of, made: now}
		t.add(given)
	}
	given.expires = now.Add(t.lifetime)
	return gen.AccessToken{
		AccessToken: given.value,
		TokenType:   "bearer",
		ExpiresIn:   json.Number(strconv.FormatInt(int64(t.lifetime/time.Second), 10)),
	}
}

func (t *tokens) add(given *token) {
	if t.byExchange == nil {
		t.byExchange = map[exchange]*token{}
	}
	t.byExchange[given.of] = given
	if forgotten := t.byValue.add(given.value, given); forgotten != nil {
		t.drop(forgotten)
	}
}

// drop lets a token's exchange get a new one.
func (t *tokens) drop(given *token) {
	if t.byExchange[given.of] == given {
		delete(t.byExchange, given.of)
	}
}

// problem returns what is wrong with a token, or nothing.
func (t *tokens) problem(value string, now time.Time) string {
	given := t.byValue.byKey[value]
	switch {
	case given == nil:
		return "the bearer is no token that this emulator gave"
	case given.revoked:
		return "the token was revoked"
	case !now.Before(given.expires):
		return fmt.Sprintf("the token expired at %s", given.expires.UTC().Format(time.RFC3339))
	}
	return ""
}

// revoke returns how many of the tokens were given and not revoked before.
func (t *tokens) revoke(values []string) (revoked int) {
	for _, value := range values {
		if given := t.byValue.byKey[value]; given != nil && !given.revoked {
			given.revoked = true
			t.drop(given)
			revoked++
		}
	}
	return revoked
}

func (t *tokens) forget() { t.byExchange, t.byValue = nil, kept[*token]{} }
