package sharedcache

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// record is what a place in the store holds, sealed: a token, the gravestone of one, a failed exchange, or, if it is
// none of them, a lease.
type record struct {
	Life time.Duration // its whole life
	End  time.Time     // of it, by its maker's clock

	// A token. wrapper.Token itself has no secret in JSON.
	AccessToken, TokenType, RequestID, CorrelationID string

	Refused []byte // the digest of the token that lies here
	Young   int    // how many tokens in a row were refused young

	Failure *wrapper.Error
	Binding time.Duration // for how long the failure is that of all who have no token
}

func newRecord(life time.Duration) *record { return &record{Life: life, End: time.Now().Add(life)} }

// digest tells tokens apart.
func digest(accessToken string) []byte {
	sum := sha256.Sum256([]byte(accessToken))
	return sum[:]
}

// keys name the places and seal what they hold. Another secret makes other names, so it is another place.
type keys struct {
	names []byte
	aead  cipher.AEAD
}

func newKeys(secret []byte) keys {
	derive := func(purpose string) []byte {
		key, _ := hkdf.Key(sha256.New, secret, nil, "partnercenter-go/generatetoken sharedcache 1: "+purpose, sha256.Size)
		return key // nothing here fails for 32 bytes
	}
	block, _ := aes.NewCipher(derive("seal"))
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	return keys{derive("name"), aead}
}

// place returns the key in the store for one kind of records of an endpoint and an identity.
func (k keys) place(kind, endpoint, identity string) string {
	mac := hmac.New(sha256.New, k.names)
	_, _ = fmt.Fprintf(mac, "%q %q %q", kind, endpoint, identity)
	return "partnercenter:" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// seal returns a record as it is kept at a place. It opens at no other.
func (k keys) seal(place string, r *record) []byte {
	plain, _ := json.Marshal(r) // the one part of any type, a failure's data, came from JSON
	return k.aead.Seal(nil, nil, plain, []byte(place))
}

func (k keys) open(place string, raw []byte) (*record, error) {
	plain, err := k.aead.Open(nil, nil, raw, []byte(place))
	if err != nil {
		return nil, err
	}
	r := new(record)
	return r, json.Unmarshal(plain, r)
}
