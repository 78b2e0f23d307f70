package wrapper_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/partnercenter-go/generatetoken/gen"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

func TestIDs_AreNewForEachCallAndTheSameForItsAttempts(t *testing.T) {
	s := &script{answers: []answer{failing(500), ok(), failing(500), ok()}}
	client := inMemory(t, s, quickly())
	for range 2 {
		if _, err := client.GenerateToken(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	seen := s.seen()
	ids := map[string]bool{}
	for _, header := range []string{"ms-requestid", "ms-correlationid"} {
		for call := range 2 {
			id := seen[2*call].header.Get(header)
			if parsed, err := uuid.Parse(id); err != nil || parsed == uuid.Nil {
				t.Errorf("%s is %q, want a GUID", header, id)
			}
			ids[id] = true
			checkEqual(t, header+" of the second attempt", seen[2*call+1].header.Get(header), id)
		}
	}
	checkEqual(t, "different ids", len(ids), 4)
}

func TestIDs_OfTheContextAreSentAndReported(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	requestID, correlationID := uuid.New(), uuid.New()
	ctx := wrapper.ContextWithRequestID(wrapper.ContextWithCorrelationID(t.Context(), correlationID), requestID)
	token, err := inMemory(t, s).GenerateToken(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got := s.seen()[0].header
	checkEqual(t, "request id sent", got.Get("ms-requestid"), requestID.String())
	checkEqual(t, "correlation id sent", got.Get("ms-correlationid"), correlationID.String())
	checkEqual(t, "request id reported", token.RequestID, requestID.String())
	checkEqual(t, "correlation id reported", token.CorrelationID, correlationID.String())
}

func TestIDs_OfTheContextWhichAreZeroStandForNewOnes(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	ctx := wrapper.ContextWithCorrelationID(wrapper.ContextWithRequestID(t.Context(), uuid.Nil), uuid.Nil)
	if _, err := inMemory(t, s).GenerateToken(ctx); err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"ms-requestid", "ms-correlationid"} {
		if id, err := uuid.Parse(s.seen()[0].header.Get(header)); err != nil || id == uuid.Nil {
			t.Errorf("%s is %s: one key for every call ever made", header, id)
		}
	}
}

func TestIDs_OfTheCallsParametersComeBeforeTheContexts(t *testing.T) {
	s := &script{answers: []answer{ok()}}
	own, ofContext := uuid.New(), uuid.New()
	_, err := inMemory(t, s).API().GenerateTokenWithResponse(wrapper.ContextWithRequestID(t.Context(), ofContext),
		&gen.GenerateTokenParams{RequestID: &own}, gen.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "request id sent", s.seen()[0].header.Get("ms-requestid"), own.String())
}

func TestIDs_ThatTheServiceReportsWin(t *testing.T) {
	a := ok()
	a.header = map[string]string{"MS-RequestId": "theirs-1", "MS-CorrelationId": "theirs-2"}
	token, err := inMemory(t, &script{answers: []answer{a}}).GenerateToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "request id", token.RequestID, "theirs-1")
	checkEqual(t, "correlation id", token.CorrelationID, "theirs-2")
}
