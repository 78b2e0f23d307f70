package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func TestEmulator_FormatsWithoutSecrets(t *testing.T) {
	server := start(t, emulator.WithEntra(emulator.App{ID: "an-app"}, emulator.App{ID: "web", Secret: "canary"}))
	secrets := []string{"canary", exchanged(t, server), signedIn(t, server, personScope, emulator.SignIn{}).RefreshToken}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{server, server.Emulator} {
			text := fmt.Sprintf(verb, value)
			if !strings.Contains(text, "Requests:1") {
				t.Errorf("%s of %T is %s", verb, value, text)
			}
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s of %T shows a secret", verb, value)
				}
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, emulator.App{ID: "web", Secret: "canary"}); strings.Contains(text, "canary") || !strings.Contains(text, "web") {
			t.Errorf("%s of an app is %s", verb, text)
		}
	}
}
