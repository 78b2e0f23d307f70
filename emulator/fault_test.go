package emulator_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/partnercenter-go/generatetoken/emulator"
)

var specs = map[string]emulator.Fault{
	"200":                              {Status: 200},
	"500":                              {Status: 500},
	"429:retry-after=2":                {Status: 429, RetryAfter: 2 * time.Second},
	"429:retry-after-date=2":           {Status: 429, RetryAfter: 2 * time.Second, RetryAfterDate: true},
	"401:code=900420":                  {Status: 401, Code: "900420"},
	"307:location=https://a.example:8": {Status: 307, Location: "https://a.example:8"},
	"content-type=text/plain":          {ContentType: "text/plain"},
	"502:html":                         {Status: 502, Body: emulator.BodyHTML},
	"500:empty":                        {Status: 500, Body: emulator.BodyEmpty},
	"malformed":                        {Body: emulator.BodyMalformed},
	"huge":                             {Body: emulator.BodyHuge},
	"delay=3s":                         {Delay: 3 * time.Second},
	"503:delay=1m30s":                  {Status: 503, Delay: 90 * time.Second},
	"slow=1000":                        {BytesPerSecond: 1000},
	"truncate":                         {Truncate: true},
	"401:truncate":                     {Status: 401, Truncate: true},
	"reset":                            {Reset: true},
	"delay=1s:reset":                   {Reset: true, Delay: time.Second},
	"reset-after-headers":              {ResetAfterHeaders: true},
	"500:times=3":                      {Status: 500, Times: 3},
	"500:every=10":                     {Status: 500, Every: 10},
	"401:resource:code=900421":         {Status: 401, At: emulator.AtResource, Code: "900421"},
	"503:entra":                        {Status: 503, At: emulator.AtEntra},
	"code=AADSTS700082":                {Code: "AADSTS700082"},
	"500:probability=0.05":             {Status: 500, Probability: 0.05},
}

func TestParseFault_ReadsWhatStringWrites(t *testing.T) {
	for spec, want := range specs {
		t.Run(spec, func(t *testing.T) {
			if got, err := emulator.ParseFault(spec); err != nil || got != want {
				t.Errorf("read %+v, %v", got, err)
			}
			if got := want.String(); got != spec {
				t.Errorf("wrote %q", got)
			}
		})
	}
}

func TestParseFault_TakesPartsInAnyOrder(t *testing.T) {
	for spec, want := range map[string]string{
		"retry-after=2:429": "429:retry-after=2",
		"html:502":          "502:html",
		"AADSTS50173:entra": "entra:code=AADSTS50173",
		"times=2:slow=1:307:location=http://a/?b=:c": "307:slow=1:times=2:location=http://a/?b=:c",
	} {
		t.Run(spec, func(t *testing.T) {
			if got, err := emulator.ParseFault(spec); err != nil || got.String() != want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

func TestFault_WritesItsZeroValueAsTheUsualAnswer(t *testing.T) {
	if got := (emulator.Fault{}).String(); got != "200" {
		t.Errorf("got %q", got)
	}
}

func TestFault_IsAStringInJSON(t *testing.T) {
	want := []emulator.Fault{specs["429:retry-after=2"], specs["reset"]}
	encoded, err := json.Marshal(want)
	if err != nil || string(encoded) != `["429:retry-after=2","reset"]` {
		t.Fatalf("got %s, %v", encoded, err)
	}
	var got []emulator.Fault
	if err := json.Unmarshal(encoded, &got); err != nil || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`["nonsense"]`), &got); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v", err)
	}
}

func TestParseFault_RefusesWhatCannotBe(t *testing.T) {
	for spec, says := range map[string]string{
		"":                                 "neither a status",
		"five hundred":                     "neither a status",
		"99":                               "status 99",
		"600":                              "status 600",
		"429:retry-after=x":                "whole number",
		"retry-after=-1":                   "whole number",
		"retry-after=0":                    "above 0",
		"slow=0":                           "above 0",
		"times=99999999999":                "whole number",
		"retry-after=1:retry-after-date=1": "more than one retry-after",
		"probability=2":                    "not from 0 to 1",
		"probability=0":                    "above 0",
		"probability=NaN":                  "not from 0 to 1",
		"every=2:probability=1":            "both choose",
		"truncate:reset-after-headers":     "both end the body",
		"reset:html":                       "in place of an answer",
		"empty:slow=5":                     "empty body",
		"location=https://a":               "redirect",
		"307:location=":                    "wants a URL",
		"307:location=http://a b":          "location",
		"content-type=/":                   "content-type",
		"delay=3":                          "duration",
		"delay=-3s":                        "negative",
		"reset:500":                        "in place of an answer",
		"empty:truncate":                   "empty body",
		"code=1":                           "needs the status",
		"500:":                             "neither a status",
		"500:503":                          "more than one status",
		"html:empty:500":                   "more than one body",
		"entra:resource":                   "more than one place",
		"AADSTS1:code=2":                   "more than one code",
		"AADSTS":                           "there has to be a number",
		"AADSTS1x":                         "there has to be a number",
		"resource:AADSTS50076":             "refusal of Entra's",
		"200:AADSTS50076":                  "refusal of Entra's",
		"reset:AADSTS50076":                "in place of an answer",
		"truncate=1":                       "neither a status",
		"401:code=":                        "neither a status",
	} {
		t.Run(spec, func(t *testing.T) {
			_, err := emulator.ParseFault(spec)
			if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), `"`+spec+`"`) {
				t.Errorf("got %v, want it to name %q and say %q", err, spec, says)
			}
		})
	}
}

func TestFaultHelp_ListsEachPart(t *testing.T) {
	help := emulator.FaultHelp()
	for spec := range specs {
		for part := range strings.SplitSeq(spec, ":") {
			name, _, _ := strings.Cut(part, "=")
			if _, err := strconv.Atoi(name); err == nil || strings.HasPrefix(name, "//") {
				continue
			}
			if !strings.Contains("\n"+help, "\n"+name) {
				t.Errorf("%s is not in\n%s", name, help)
			}
		}
	}
}

// Each example of the help is a fault, or a part of one.
func TestFaultHelp_ShowsWhatParseFaultReads(t *testing.T) {
	for line := range strings.Lines(emulator.FaultHelp()) {
		example, _, _ := strings.Cut(line, " ")
		if _, err := emulator.ParseFault("307:" + example); err != nil {
			if _, err = emulator.ParseFault(example); err != nil {
				t.Error(err)
			}
		}
	}
}
