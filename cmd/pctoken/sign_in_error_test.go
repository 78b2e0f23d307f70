package main

import (
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mute returns the address of a server that takes connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// Whoever signs in, and by whatever command, learns what failed and where, and what to do first.
func TestSignInError_SaysWhatFailedAndWhatToDo(t *testing.T) {
	t.Parallel()
	untrusting := append(entra(t, "any"), "SSL_CERT_FILE=/dev/null")
	_, host, _ := strings.Cut(untrusting[1], "https://")
	quiet := mute(t)
	waiting := append(entra(t, "any"), authorityVariable+"=https://"+quiet)
	file := bearerFile(t, "canary-refresh")
	refresh := []string{"--refresh-token-file", file, "--client-id", testClient}
	expired := playEntra(t, map[string]http.HandlerFunc{"token": refuse("invalid_grant", "AADSTS700082: The refresh token has expired.\r\nTrace ID: 1\r\nCorrelation ID: 2")})
	distrust := host + " shows a certificate that this machine does not trust: x509: certificate signed by unknown authority"
	all := []string{"PATH="}
	for name, test := range map[string]struct {
		environment []string
		args        []string
		code        int
		first       string // what the first line says
		lines       int
		not         string
	}{
		"a certificate not trusted":            {untrusting, nil, 1, distrust + "; name the file of the certificate to trust by SSL_CERT_FILE", 2, "set AZURE"},
		"a certificate not trusted, by choice": {untrusting, []string{"--credential", "environment"}, 1, distrust, 2, "set AZURE"},
		"a certificate not trusted, all ways":  {slices.Delete(slices.Clone(untrusting), 2, 3), nil, 1, distrust, 2, "AzureCLI"},
		"a certificate not trusted, a person":  {untrusting, refresh, 1, distrust, 2, "pctoken login"},
		"nothing set":                          {all, []string{"--credential", "environment"}, 1, "no way to sign in to Entra worked", 3, "SSL_CERT_FILE"},
		"nothing set, several ways":            {slices.Concat(all, []string{credentialsVariable + "=dev"}), nil, 1, "first, install the Azure CLI and run az login. Tried", 5, "More with --verbose; "},
		"one variable missing":                 {slices.Concat(all, []string{"AZURE_TENANT_ID=a", "AZURE_CLIENT_SECRET=canary", credentialsVariable + "=EnvironmentCredential"}), nil, 1, "no way", 3, "set AZURE_TENANT_ID"},
		"a certificate file that is not there": {slices.Concat(all, []string{"AZURE_TENANT_ID=a", "AZURE_CLIENT_ID=b", "AZURE_CLIENT_CERTIFICATE_PATH=/does/not/exist"}), nil, 1,
			`the environment's variables do not work: failed to read certificate file "/does/not/exist"`, 3, "set AZURE"},
		"an authority in the clear":   {append(entra(t, "any"), authorityVariable+"=http://"+quiet), nil, 1, "cannot use an authority host without https", 3, "set AZURE"},
		"no answer in time":           {waiting, []string{"--timeout", "400ms"}, 4, "nothing came from Entra at " + quiet + " within --timeout 400ms; give it more time, or check the network", 1, "context"},
		"no answer in time, a person": {waiting, slices.Concat(refresh, []string{"--timeout", "400ms"}), 4, "nothing came from Entra at " + quiet + " within --timeout 400ms", 1, "context"},
		"an expired refresh token":    {expired, slices.Concat(refresh, []string{"--tenant-id", testTenant}), 1, "there is no bearer: Entra refused to sign in.", 4, "Trace ID"},
		"Entra elsewhere": {playEntra(t, map[string]http.HandlerFunc{"token": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}}), slices.Concat(refresh, []string{"--tenant-id", testTenant}), 1, "Entra refused to sign in", 4, "check --client-id"},
		"no refresh token": {expired, []string{"--refresh-token-file", file + "x", "--client-id", testClient, "--tenant-id", testTenant}, 1, " has no refresh token.", 3, "Entra answered"},
	} {
		t.Run(name, func(t *testing.T) {
			url := service(t).URL
			_, stderr, state := program(t, test.environment, append([]string{"get", "--url", url}, test.args...)...)
			first, _, _ := strings.Cut(stderr, "\n")
			if state.ExitCode() != test.code || !strings.Contains(first, test.first) || strings.Count(stderr, "\n") != test.lines || strings.Contains(stderr, test.not) {
				t.Errorf("exit code %d, %s", state.ExitCode(), stderr)
			}
			stdout, stderr, state := program(t, test.environment, append([]string{"doctor", "--url", url}, test.args...)...)
			if state.ExitCode() != 1 || !strings.HasPrefix(stderr, "pctoken: problems found: ") || strings.Count(stdout, "PROBLEM") != strings.Count(stdout, " fix: ") {
				t.Errorf("doctor: exit code %d, %s%s", state.ExitCode(), stdout, stderr)
			}
		})
	}
}

func TestSignInError_OfARefreshTokenHasTheStepAndWhatEntraSaid(t *testing.T) {
	file := bearerFile(t, "canary-refresh")
	environment := playEntra(t, map[string]http.HandlerFunc{"token": refuse("invalid_grant", "AADSTS700082: It has expired.\r\nTrace ID: 1")})
	_, stderr, _ := program(t, environment, "get", "--refresh-token-file", file, "--client-id", testClient, "--tenant-id", testTenant, "--cloud", "china", "--url", service(t).URL)
	want := "pctoken: there is no bearer: Entra refused to sign in.\n" +
		"  to sign in again             pctoken login --client-id " + testClient + " --tenant-id " + testTenant + " --refresh-token-file " + file + " --cloud china\n" +
		"  Entra answered: AADSTS700082: It has expired.\n"
	if !strings.HasPrefix(stderr, want) {
		t.Errorf("got %s", stderr)
	}
}

func TestLogin_SaysWhereItFailed(t *testing.T) {
	untrusting := append(entra(t, "any"), "SSL_CERT_FILE=/dev/null")
	_, host, _ := strings.Cut(untrusting[1], "https://")
	quiet := mute(t)
	for name, test := range map[string]struct {
		environment []string
		args        []string
		code        int
		says        string
	}{
		"a certificate not trusted": {untrusting, nil, 1, host + " shows a certificate that this machine does not trust"},
		"nobody there":              {append(entra(t, "any"), authorityVariable+"=https://127.0.0.1:1"), nil, 4, "no answer came from Entra at 127.0.0.1:1 (dial tcp 127.0.0.1:1: connect: connection refused); try again later; if it goes on, check the network"},
		"no answer in time":         {append(entra(t, "any"), authorityVariable+"=https://"+quiet), []string{"--timeout", "300ms"}, 4, "nothing came from Entra at " + quiet + " within --timeout 300ms"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, state := program(t, test.environment, loginArgs(filepath.Join(t.TempDir(), "token"), test.args...)...)
			if state.ExitCode() != test.code || !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, `Post "`) {
				t.Errorf("exit code %d, %s", state.ExitCode(), stderr)
			}
		})
	}
}

func TestBearer_ThatIsOfNoUseIsNamedByItsSource(t *testing.T) {
	file := bearerFile(t, "\n")
	for name, test := range map[string]struct {
		environment, args []string
		says              string
	}{
		"a file":         {nil, []string{"--bearer-file", file}, `--bearer-file "` + file + `": the bearer is not usable: it is empty`},
		"standard input": {nil, []string{"--bearer-file", "-"}, "standard input (--bearer-file -): the bearer is not usable: it is empty"},
		"the variable":   {[]string{bearerVariable + "=Bearer canary"}, nil, bearerVariable + `: the bearer is not usable: it already begins with "Bearer "`},
	} {
		for command, code := range map[string]int{"get": 2, "doctor": 1, "conform": 2} {
			stdout, stderr, state := program(t, test.environment, append([]string{command, "--url", service(t).URL}, test.args...)...)
			if state.ExitCode() != code || !strings.Contains(stdout+stderr, test.says) || strings.Contains(stdout+stderr, "request id") {
				t.Errorf("%s from %s: exit code %d, %s%s", command, name, state.ExitCode(), stdout, stderr)
			}
		}
	}
}
