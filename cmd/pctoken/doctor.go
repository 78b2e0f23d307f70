package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
	"github.com/partnercenter-go/generatetoken/wrapper/azureauth"
)

func newDoctorCommand() *cobra.Command {
	var f serviceFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong before the service does",
		Long: `Look at the bearer, the service and the clock, and print what is wrong with the fix for each. Nothing is exchanged, the
bearer is sent nowhere, and no token is printed. The bearer's claims are read, not verified.

` + bearerHelp + `

Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel, err := f.limited(cmd.Context())
			if err != nil {
				return err
			}
			defer cancel()
			return f.examine(ctx, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	f.register(cmd)
	return cmd
}

// examination prints findings and counts the bad ones.
type examination struct {
	out      io.Writer
	problems int
}

func (e *examination) fine(format string, args ...any) {
	fmt.Fprintf(e.out, "ok       "+format+"\n", args...)
}

func (e *examination) wrong(fix, format string, args ...any) {
	e.problems++
	fmt.Fprintf(e.out, "PROBLEM  "+format+"\n         fix: %s\n", append(args, fix)...)
}

// tooFar is how far the clock may be off before tokens are refused for it.
const tooFar = 5 * time.Minute

func (f *serviceFlags) examine(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	cloud, err := f.cloudOf()
	if err != nil {
		return err
	}
	bearer, err := f.bearer(stdin)
	if err != nil {
		return err
	}
	e := &examination{out: stdout}
	e.service(ctx, cmp.Or(f.url, cloud.server))
	token, err := asSent(ctx, bearer)
	switch {
	case errors.Is(err, wrapper.ErrInvalidBearer):
		e.wrong(askFor(cloud), "%v", err)
	case err != nil:
		return failure{err, exitOther}
	default:
		e.bearer(token, cloud)
	}
	if e.problems > 0 {
		return failure{fmt.Errorf("problems found: %d", e.problems), exitOther}
	}
	return nil
}

// asSent returns the bearer as the client would send it, or what keeps the client from it. The client builds the request
// by its own rules, and the transport sends nothing.
func asSent(ctx context.Context, bearer wrapper.BearerFunc) (string, error) {
	var kept unsent
	client, err := wrapper.NewClient(bearer, wrapper.WithHTTPClient(&http.Client{Transport: &kept}),
		wrapper.WithRetry(wrapper.Retry{MaxRetries: -1}))
	if err != nil {
		return "", err
	}
	if _, err := client.GenerateToken(ctx); !errors.Is(err, errUnsent) {
		return "", err
	}
	return kept.bearer, nil
}

var errUnsent = errors.New("not sent")

// unsent is a transport that keeps the bearer of a request instead of sending it.
type unsent struct{ bearer string }

func (u *unsent) RoundTrip(r *http.Request) (*http.Response, error) {
	u.bearer = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	return nil, errUnsent
}

func askFor(cloud microsoftCloud) string { return "ask Entra for a token of scope " + cloud.scope }

// bearer looks at what a bearer says of itself.
func (e *examination) bearer(token string, cloud microsoftCloud) {
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		e.wrong(askFor(cloud)+"; if this is one, the service alone can say what is wrong with it", "the bearer is not a JWT, as Entra's are")
		return
	}
	e.audience(claims, cloud)

	now := time.Now()
	expires, _ := claims.GetExpirationTime()
	notBefore, _ := claims.GetNotBefore()
	switch {
	case expires == nil:
		e.wrong(askFor(cloud), "the bearer has no expiry")
	case !now.Before(expires.Time):
		e.wrong("get a new one", "the bearer expired %s ago", now.Sub(expires.Time).Round(time.Second))
	case notBefore != nil && now.Before(notBefore.Time):
		e.wrong("set the clock of this machine", "the bearer is valid only in %s", time.Until(notBefore.Time).Round(time.Second))
	default:
		e.fine("the bearer is valid for another %s", time.Until(expires.Time).Round(time.Second))
	}

	text := func(names ...string) string {
		for _, name := range names {
			if value, _ := claims[name].(string); value != "" {
				return fmt.Sprintf("%q", value)
			}
		}
		return "unknown"
	}
	kind := "app-only"
	if text("idtyp") != `"app"` && text("scp") != "unknown" {
		kind = "app+user"
	}
	e.fine("the bearer is %s, of tenant %s and application %s", kind, text("tid"), text("appid", "azp"))
}

// audience looks at whom the bearer is for.
func (e *examination) audience(claims jwt.MapClaims, cloud microsoftCloud) {
	got, _ := claims.GetAudience()
	has := func(audience string) bool {
		return slices.ContainsFunc(got, func(a string) bool { return strings.TrimSuffix(a, "/") == audience })
	}
	switch {
	case has(strings.TrimSuffix(cloud.scope, "/.default")), has(azureauth.ApplicationID),
		cloud.server == gen.ServerChina && has(gen.ServerGlobal): // the documentation has one audience for both
		e.fine("the bearer is for Partner Center: %q", []string(got))
	case has("https://graph.windows.net"):
		e.wrong(askFor(cloud), "the bearer is for Azure AD Graph, an audience that was retired on 2025-08-31")
	case has(gen.ServerChina):
		e.wrong("choose the bearer's cloud by --cloud, or "+askFor(cloud), "the bearer is for another cloud: %q", []string(got))
	default:
		e.wrong(askFor(cloud), "the bearer is for another service: %q", []string(got))
	}
}

// service looks at whether the service can be reached, over which TLS, and what time it has.
func (e *examination) service(ctx context.Context, baseURL string) {
	// The client's own judgement first: it refuses URLs that can be reached, such as http to another machine.
	_, err := wrapper.NewClient(wrapper.StaticBearer(""), wrapper.WithBaseURL(baseURL))
	var req *http.Request
	if err == nil {
		req, err = http.NewRequestWithContext(ctx, http.MethodGet, baseURL, nil)
	}
	if err != nil {
		e.wrong("give --url another one, or leave it out", "the base URL is not one to call: %v", err)
		return
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	asked := time.Now()
	resp, err := client.Do(req)
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		e.wrong("check the base URL, the certificates that this machine trusts (SSL_CERT_FILE), and whether a proxy is in between",
			"%s does not show a certificate to trust: %v", req.URL.Host, untrusted.Err)
		return
	case err != nil:
		e.wrong("check the base URL, the name service, the proxy and the firewall", "%s cannot be reached: %v", req.URL.Host, errors.Unwrap(err))
		return
	}
	_ = resp.Body.Close()
	over := "plain http"
	if resp.TLS != nil {
		over = tls.VersionName(resp.TLS.Version)
	}
	e.fine("%s answers over %s", req.URL.Host, over)

	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		e.fine("the service does not say what time it has")
		return
	}
	// The header was written between the two readings of this clock, and has whole seconds.
	off := asked.Add(time.Since(asked) / 2).Sub(theirs).Round(time.Second)
	if off.Abs() > tooFar {
		e.wrong("set the clock of this machine, best by NTP", "the clock of this machine is %s off the service's", off.Abs())
		return
	}
	e.fine("the clock of this machine agrees with the service's")
}
