package emulator

import (
	"html/template"
	"net/http"
	"net/url"
)

// signInPage is a page of Entra's.
type signInPage struct {
	Title, Text, Problem string
	Asks, AsksForCode    bool // for an answer, and for a code with it
	UserCode             string

	Action string // of a form that sends Values there by itself
	Values url.Values
}

var signInTemplate = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}} · Emulator of Entra</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem; }
  input, button { font: inherit; padding: .4rem .7rem; margin: .25rem .25rem .25rem 0; }
  input { display: block; width: 100%; box-sizing: border-box; font-family: ui-monospace, monospace; text-transform: uppercase; }
</style>
</head>
<body>
<p>Emulator of Entra: nobody is asked for a password.</p>
<h1>{{.Title}}</h1>
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
{{with .Text}}<p>{{.}}</p>{{end}}
{{if .Action}}<form method="post" action="{{.Action}}" id="back">
{{range $name, $values := .Values}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}
<button>Go on</button></form><script>document.getElementById('back').submit()</script>
{{else if .Asks}}<form method="post">
{{if .AsksForCode}}<label>Code <input name="user_code" value="{{.UserCode}}" autocomplete="off" spellcheck="false" required autofocus></label>{{end}}
<button name="sign_in" value="mfa">Sign in with MFA</button>
<button name="sign_in" value="password">Sign in without MFA</button>
<button name="sign_in" value="declined">Decline</button></form>{{end}}
</body>
</html>
`))

func (p signInPage) show(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	// No form-action: Chromium holds it against the redirect that follows a form, too.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_ = signInTemplate.Execute(w, p)
}

// signInOf returns the answer of a page's form.
func signInOf(r *http.Request) SignIn {
	answer := r.PostFormValue("sign_in")
	return SignIn{WithoutMFA: answer == "password", Declined: answer == "declined"}
}

// sendBack sends the browser to the client with the answer to its authorization request.
func sendBack(w http.ResponseWriter, r *http.Request, redirectURI, mode string, values url.Values) {
	if mode == "form_post" {
		signInPage{Title: "Back to the application", Action: redirectURI, Values: values}.show(w, http.StatusOK)
		return
	}
	u, err := url.Parse(redirectURI)
	if err != nil { // checked before
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q := u.Query()
	for name := range values {
		q.Set(name, values.Get(name))
	}
	u.RawQuery = q.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther) //nolint:gosec // the redirect URI is the client's own: redirects checks it
}
