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

// logger logs to stderr with --verbose. Without, it shows on a terminal that a retry is waited for, and nothing elsewhere.
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

// retryLine is a log handler that prints a line for each wait before a retry, without colours.
type retryLine struct{ terminal io.Writer }

func (retryLine) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l retryLine) Handle(_ context.Context, record slog.Record) error {
	var outcome string
	var wait time.Duration
	record.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "outcome":
			outcome = a.Value.String()
		case "retry_in":
			wait = a.Value.Duration()
		}
		return true
	})
	if outcome == "" {
		return nil
	}
	_, err := fmt.Fprintf(l.terminal, "pctoken: %s; trying again in %s\n", wrapper.Redact(outcome), max(wait, 100*time.Millisecond).Round(100*time.Millisecond))
	return err
}

func (l retryLine) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l retryLine) WithGroup(string) slog.Handler      { return l }
