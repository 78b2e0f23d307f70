package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/partnercenter-go/generatetoken/wrapper"
)

// logger logs to stderr with --verbose. Without, it shows on a terminal what is waited for, and nothing elsewhere.
func (f *serviceFlags) logger(stderr io.Writer) *slog.Logger {
	switch {
	case f.verbose:
		return slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	case isTerminal(stderr):
		return slog.New(retryLine{stderr})
	}
	return slog.New(slog.DiscardHandler)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// retryLine is a log handler that prints a line for what is waited for, without colours.
type retryLine struct{ terminal io.Writer }

func (retryLine) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l retryLine) Handle(_ context.Context, record slog.Record) error {
	var outcome, then string
	record.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "outcome":
			outcome = a.Value.String()
		case "retry_in":
			then = fmt.Sprintf("; trying again in %s", max(a.Value.Duration(), 100*time.Millisecond).Round(100*time.Millisecond))
		}
		return true
	})
	if outcome == "" {
		return nil
	}
	_, err := fmt.Fprintf(l.terminal, "pctoken: %s%s\n", wrapper.Redact(outcome), then)
	return err
}

func (l retryLine) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l retryLine) WithGroup(string) slog.Handler      { return l }
