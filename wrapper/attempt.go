package wrapper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

// maxAnswer caps how much of an answer is read: far more than any token or documented error needs, and little enough
// that a broken server cannot exhaust memory.
const maxAnswer = 1 << 20

var errTooLong = errors.New("the answer is longer than 1 MiB")

// attempt sends the request once and reads the answer, so that one which breaks off is known inside the attempt and
// nothing is left open when the next begins. It fails when no answer came, or when the status promised a token and the
// body did not come whole; any other status holds whatever became of its body.
func (r *retrier) attempt(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), r.retry.AttemptTimeout)
	defer cancel()
	try := req.WithContext(ctx)
	if req.GetBody != nil {
		var err error
		if try.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	resp, err := r.next.Do(try)
	var content []byte
	if err == nil {
		content, err = readAnswer(resp)
	}
	if err != nil && ctx.Err() != nil && req.Context().Err() == nil {
		// The caller's own deadline has not passed, so the error must not look as if it had.
		err = &url.Error{Op: req.Method, URL: req.URL.String(), Err: fmt.Errorf(
			"no whole answer within Retry.AttemptTimeout (%s): %w", r.retry.AttemptTimeout, os.ErrDeadlineExceeded)}
	}
	if resp == nil {
		return nil, err
	}
	if err != nil && !errors.Is(err, errTooLong) && resp.StatusCode == http.StatusOK {
		return nil, fmt.Errorf("the answer broke off after %d bytes: %w", len(content), err)
	}
	resp.Request = req
	resp.Body = &answer{content: content, err: err, unread: *bytes.NewReader(content)}
	return resp, nil
}

// readAnswer reads the body into a buffer of the length that the answer announces, up to the cap, or of an ordinary
// token's.
func readAnswer(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	length := resp.ContentLength
	if length < 0 {
		length = 4 << 10
	}
	content := bytes.NewBuffer(make([]byte, 0, min(length, maxAnswer)+bytes.MinRead))
	_, err := content.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	if content.Len() > maxAnswer {
		return content.Bytes()[:maxAnswer], errTooLong
	}
	return content.Bytes(), err
}

// answer is the body of a response that has been read already: all of it, or what came of it and the error that ended
// it. It carries what the retrier knows about the call to whoever makes a Token or an Error of the response.
type answer struct {
	content  []byte
	err      error
	unread   bytes.Reader
	attempts int
	started  time.Time // when the first attempt left
}

// Read gives the generated parser what it would have read from the wire.
func (a *answer) Read(p []byte) (int, error) {
	n, err := a.unread.Read(p)
	if errors.Is(err, io.EOF) && a.err != nil {
		err = a.err
	}
	return n, err
}

// Close does nothing: the connection has been let go of already.
func (*answer) Close() error { return nil }
