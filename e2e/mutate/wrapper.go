package main

// wrapperMutations are facts and promises of the wrapper, each done wrongly in a way that no tool finds which changes
// operators and numbers. They hold on to text that names of the service or of the standard library are in.
var wrapperMutations = []mutation{
	// the request
	inWrapper("Accept not sent", `{string(MediaTypeJSON)}`, `nil`),
	inWrapper("request not marked as replayable", `"Idempotency-Key": nil,`, ``),
	inWrapper("compressed answers asked for", `{"identity"}`, `{"gzip"}`),
	inWrapper("request id under another name", `"Ms-Requestid"`, `"Ms-Request-Id"`),
	inWrapper("one id for all calls", `id = uuid.New()`, `id = uuid.Max`),
	inWrapper("new request id on each attempt", `try := req.Clone(httptrace.WithClientTrace(ctx, &a.trace))`,
		`try := req.Clone(httptrace.WithClientTrace(ctx, &a.trace)); try.Header.Set(headerRequestID, fmt.Sprint(time.Now().UnixNano()))`),
	inWrapper("attempts share their request", `req.Clone(httptrace`, `req.WithContext(httptrace`),
	inWrapper("China's service by default", `baseURL:     gen.ServerGlobal`, `baseURL:     gen.ServerChina`),
	inWrapper("http to any name with localhost at its end", `host == "localhost"`, `strings.HasSuffix(host, "localhost")`),

	// the transport
	inWrapper("redirects followed", `cmp.Or(c.Transport, http.DefaultTransport).RoundTrip(req)`, `func() (*http.Response, error) { req.RequestURI = ""; return c.Do(req) }()`),
	inWrapper("cookies of a jar left out", `c.Jar.Cookies(req.URL)`, `c.Jar.Cookies(req.URL)[:0]`),
	inWrapper("cookies not put into the jar", `c.Jar.SetCookies(req.URL, resp.Cookies())`, ``),
	inWrapper("connections left open", `model.DisableKeepAlives = true`, `model.DisableKeepAlives = false`),

	// what is tried again
	inWrapper("500 not retried", `{408, 429, 500, 502, 503, 504}`, `{408, 429, 502, 503, 504}`),
	inWrapper("400 retried", `{408, 429, 500, 502, 503, 504}`, `{400, 408, 429, 500, 502, 503, 504}`),
	inWrapper("501 retried", `{408, 429, 500, 502, 503, 504}`, `{408, 429, 500, 501, 502, 503, 504}`),
	inWrapper("no jitter", `return rand.N(bound)`, `return bound + 0*rand.N(bound)`),
	inWrapper("half the jitter", `return rand.N(bound)`, `return bound/2 + rand.N(bound)/2`),
	inWrapper("a TLS alert that stays retried", `tls.AlertError(80)`, `tls.AlertError(40)`),
	inWrapper("untrusted server retried", `has[*tls.CertificateVerificationError](err)`, `false`),
	inWrapper("a limit of the http.Client taken for the caller's", `fmt.Errorf("%v: %w", err, os.ErrDeadlineExceeded)`, `err; _ = os.ErrDeadlineExceeded`),

	// the answer
	inWrapper("a body read on after its caller has gone", `defer context.AfterFunc(req.Context(), end)()`, ``),
	inWrapper("what follows a 101 read", `resp.StatusCode < 200`, `resp.StatusCode < 100`),
	inWrapper("a lifetime from receipt", `a.started.Add(seconds(lifetime))`, `time.Now().Add(seconds(lifetime))`),
	inWrapper("another call's answer not logged", `!strings.EqualFold(reported, requestID)`, `false && !strings.EqualFold(reported, requestID)`),
	inWrapper("429 taken for unavailable", `429: ErrThrottled`, `429: ErrUnavailable`),
	inWrapper("the global scope for China", `gen.ServerChina + "/.default"`, `gen.ServerGlobal + "/.default"`),

	// secrets
	inWrapper("token shown by %v", `redacted, t.TokenType,`, `t.AccessToken, t.TokenType,`),
	inWrapper("token shown in JSON", `t.AccessToken = redacted`, ``),
	inWrapper("an error unwraps to what has not been cleaned", `type cleaned struct {`,
		"func (c cleaned) Unwrap() error { return c.err }\n\ntype cleaned struct {"),
	inWrapper("a secret in JSON's escapes shown", `u[0-9A-Fa-f]{4}|`, ``),
	inWrapper("a secret in XML's entities shown", `html.UnescapeString(`, `strings.TrimSpace(html.EscapeString("")+`),
	inWrapper("a secret in a URL's escapes shown", `%[0-9A-Fa-f]{2}`, `%%[0-9A-Fa-f]{2}`),
	inWrapper("formatting a source shows its token", `"TokenSource{%v}", s.current.Load().token)`, `"TokenSource{%v}", s.current.Load().token.AccessToken)`),

	// the token source
	inWrapper("an exchange ends with its first caller", `context.WithoutCancel(ctx)`, `ctx`),
	inWrapper("request id of the first caller taken over", `ContextWithRequestID(context.WithoutCancel(ctx)`, `ContextWithCorrelationID(context.WithoutCancel(ctx)`),
	inWrapper("a panic ends the process", `reason := recover()`, `reason := error(nil)`),
	inWrapper("sleep not noticed", `min(another.wall-i.wall, another.monotonic-i.monotonic)`, `another.monotonic-i.monotonic`),
	inWrapper("a clock that was set back not noticed", `min(another.wall-i.wall, another.monotonic-i.monotonic)`, `another.wall-i.wall`),
}
