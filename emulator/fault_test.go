package emulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

func TestParseFault(t *testing.T) {
	for spec, want := range map[string]emulator.Fault{
		"500":                    {Status: 500},
		"200":                    {Status: 200},
		"429:retry-after=2":      {Status: 429, RetryAfter: 2 * time.Second},
		"retry-after=2:429":      {Status: 429, RetryAfter: 2 * time.Second},
		"delay=3s":               {Delay: 3 * time.Second},
		"delay=1m30s:503":        {Status: 503, Delay: 90 * time.Second},
		"reset":                  {Reset: true},
		"delay=1s:reset":         {Reset: true, Delay: time.Second},
		"truncate":               {Truncate: true},
		"401:truncate":           {Status: 401, Truncate: true},
		"html:502":               {Status: 502, Body: emulator.BodyHTML},
		"empty:500":              {Status: 500, Body: emulator.BodyEmpty},
		"401:code=900420":        {Status: 401, Code: "900420"},
		"503:retry-after=0:html": {Status: 503, Body: emulator.BodyHTML},
	} {
		t.Run(spec, func(t *testing.T) {
			if got, err := emulator.ParseFault(spec); err != nil || got != want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestParseFaultRefusesWhatItCannotDo(t *testing.T) {
	for spec, says := range map[string]string{
		"":                  "neither a status",
		"five hundred":      "neither a status",
		"99":                "status 99",
		"600":               "status 600",
		"429:retry-after=x": "whole seconds",
		"retry-after=-1":    "whole seconds",
		"delay=3":           "duration",
		"delay=-3s":         "negative",
		"reset:500":         "in place of an answer",
		"empty:truncate":    "empty body",
		"code=1":            "needs the status",
		"500:":              "neither a status",
		"500:503":           "more than one status",
		"html:empty:500":    "more than one body",
		"truncate=1":        "neither a status",
		"401:code=":         "neither a status",
	} {
		t.Run(spec, func(t *testing.T) {
			_, err := emulator.ParseFault(spec)
			if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), `"`+spec+`"`) {
				t.Errorf("got %v, want it to name %q and say %q", err, spec, says)
			}
		})
	}
}
