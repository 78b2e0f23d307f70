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

// record is what the sources of a fleet share, as one value of the store. The zero value is nothing.
type record struct {
	TTL     time.Duration  // for how long it was put into the store
	End     time.Time      // of that, by the clock of who put it
	Subject []byte         `json:",omitempty"` // the digest of the token that it is about
	Token   *secretToken   `json:",omitempty"` // the token; a gravestone, of a token that was refused, has none
	Life    time.Duration  `json:",omitempty"` // the token's whole life
	Quiet   time.Duration  `json:",omitempty"` // for how long others make no exchange: one is under way, or it failed
	Failure *wrapper.Error `json:",omitempty"` // as which
	Binding time.Duration  `json:",omitempty"` // for how long those who have no token fail, too
}

// secretToken is a token that shows its secret in JSON.
type secretToken wrapper.Token

func digest(t *wrapper.Token) []byte {
	sum := sha256.Sum256([]byte(t.AccessToken))
	return sum[:]
}

// keys name records and seal them, so that another secret is another place in the store.
type keys struct {
	names []byte
	aead  cipher.AEAD
}

func newKeys(secret []byte) keys {
	derive := func(purpose string) []byte { // nothing here fails for 32 bytes
		key, _ := hkdf.Key(sha256.New, secret, nil, "partnercenter-go/generatetoken sharedcache 1: "+purpose, sha256.Size)
		return key
	}
	block, _ := aes.NewCipher(derive("seal"))
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	return keys{derive("name"), aead}
}

// name returns the store's key for what the sources of an endpoint and an identity share.
func (k keys) name(endpoint, identity string) string {
	mac := hmac.New(sha256.New, k.names)
	_, _ = fmt.Fprintf(mac, "%q %q", endpoint, identity)
	return "partnercenter:" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// seal returns a record as it is kept under a name. It opens under no other.
func (k keys) seal(name string, r record) []byte {
	plain, _ := json.Marshal(r) // what is of any type, a failure's data, came from JSON
	return k.aead.Seal(nil, nil, plain, []byte(name))
}

func (k keys) open(name string, raw []byte) (r record, err error) {
	plain, err := k.aead.Open(nil, nil, raw, []byte(name))
	if err == nil {
		err = json.Unmarshal(plain, &r)
	}
	return r, err
}
