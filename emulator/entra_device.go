package emulator

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	deviceCodeLifetime = 15 * time.Minute
	pollInterval       = time.Second // Entra's is 5 s; this one is the shortest that a client can be told
)

// DeviceCode is a sign-in by device code that waits for its answer.
type DeviceCode struct {
	// UserCode is what the person has to type.
	UserCode string `json:"userCode"`
	// ClientID, Tenant and Scope say who asks for what.
	ClientID string `json:"clientId"`
	Tenant   string `json:"tenant"`
	Scope    string `json:"scope"`
	// Expires is until when it can be answered, by the emulator's clock.
	Expires time.Time `json:"expires"`
}

type device struct {
	DeviceCode
	grant
	answer *SignIn // nil: none yet
	polls  int
	polled time.Time
}

func (e *Emulator) entraDeviceCode(r *http.Request) message {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	id, scope := r.PostFormValue("client_id"), r.PostFormValue("scope")
	s, ok := parseScopes(scope)
	switch _, known := e.entra.app(id); {
	case id == "":
		return e.entraLacks(r, "client_id")
	case scope == "":
		return e.entraLacks(r, "scope")
	case !known:
		return e.entraRefuse(r, "AADSTS700016")
	case !ok:
		return e.entraRefuse(r, "AADSTS70011")
	}
	tenant, code := tenantOf(r), rand.Text()+rand.Text()
	d := &device{
		DeviceCode: DeviceCode{UserCode: rand.Text()[:9], ClientID: id, Tenant: tenant, Scope: scope, Expires: e.now().Add(deviceCodeLifetime)},
		grant:      grant{tenant: tenant, client: client{id: id}, scopes: s},
	}
	e.entra.mu.Lock()
	e.entra.devices.add(code, d)
	e.entra.mu.Unlock()
	page := origin(r) + "/devicelogin"
	return inEntraJSON(http.StatusOK, map[string]any{
		"device_code": code, "user_code": d.UserCode, "verification_uri": page,
		"expires_in": int(deviceCodeLifetime / time.Second), "interval": int(pollInterval / time.Second),
		"message": fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", page, d.UserCode),
	})
}

// poll answers the grant of a device code.
func (e *Emulator) poll(r *http.Request, c client) message {
	code := r.PostFormValue("device_code")
	if code == "" {
		return e.entraLacks(r, "device_code")
	}
	now := e.now()
	e.entra.mu.Lock()
	defer e.entra.mu.Unlock()
	d := e.entra.devices.byKey[code]
	if d == nil {
		return e.entraRefuse(r, "AADSTS70018")
	}
	// Half an interval is tolerated: a client's timer and the network are not exact.
	early := now.Sub(d.polled) < pollInterval/2
	if d.polls++; d.polls > e.entra.polls && d.answer == nil {
		d.answer = e.entra.automatic
	}
	d.polled = now
	switch {
	case !strings.EqualFold(d.client.id, c.id):
		return e.entraRefuse(r, "AADSTS70000")
	case !now.Before(d.Expires):
		return e.entraRefuse(r, "AADSTS70019")
	case d.answer == nil && early:
		return e.entraRefuse(r, "slow_down")
	case d.answer == nil:
		return e.entraRefuse(r, "AADSTS70016")
	case d.answer.Declined:
		return e.entraRefuse(r, "authorization_declined")
	}
	delete(e.entra.devices.byKey, code)
	d.mfa, d.client.proven = !d.answer.WithoutMFA, c.proven
	return e.issue(r, d.grant)
}

// waiting returns the device codes that can be answered, oldest first.
func (e *Emulator) waiting() (waiting []*device) {
	now := e.now()
	for _, d := range e.entra.devices.byKey {
		if d.answer == nil && now.Before(d.Expires) {
			waiting = append(waiting, d)
		}
	}
	slices.SortFunc(waiting, func(a, b *device) int { return a.Expires.Compare(b.Expires) })
	return waiting
}

// DeviceCodes returns the sign-ins by device code that wait for an answer, oldest first.
func (e *Emulator) DeviceCodes() []DeviceCode {
	e.entra.mu.Lock()
	defer e.entra.mu.Unlock()
	codes := []DeviceCode{}
	for _, d := range e.waiting() {
		codes = append(codes, d.DeviceCode)
	}
	return codes
}

// AnswerDeviceCode answers the sign-in with a user code as a person at Entra's page would, so that the client's next poll
// brings tokens, or the refusal. The case of the user code does not matter. An error means that no sign-in with it waits.
func (e *Emulator) AnswerDeviceCode(userCode string, answer SignIn) error {
	e.entra.mu.Lock()
	defer e.entra.mu.Unlock()
	for _, d := range e.waiting() {
		if strings.EqualFold(d.UserCode, strings.TrimSpace(userCode)) {
			d.answer = &answer
			return nil
		}
	}
	return fmt.Errorf("emulator: no sign-in waits with the code %q: it is mistyped, answered or expired", userCode)
}

// deviceLogin is the page at the verification URI.
func (e *Emulator) deviceLogin(w http.ResponseWriter, r *http.Request) {
	page := signInPage{Title: "Sign in with a code", UserCode: r.FormValue("user_code"), Asks: true, AsksForCode: true}
	if r.Method == http.MethodPost {
		if err := e.AnswerDeviceCode(page.UserCode, signInOf(r)); err != nil {
			page.Problem = "No sign-in waits with this code: it is mistyped, answered or expired."
			page.show(w, http.StatusBadRequest)
			return
		}
		page = signInPage{Title: "Done", Text: "You can close this page: the program goes on by itself."}
	}
	page.show(w, http.StatusOK)
}
