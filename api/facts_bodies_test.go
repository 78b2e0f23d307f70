package api_test

import (
	"net/http"
)

// The media types of every body (P1, P2).
var (
	requestMediaTypes = []string{
		"application/json", "application/x-www-form-urlencoded", "application/xml", "text/json", "text/xml",
	}
	responseMediaTypes = []string{"application/json", "application/xml", "text/json", "text/xml"}
)

// example is synthetic; the codes of errors are documented ones where there are any.
type example struct {
	summary string
	value   object
}

var requestBody = struct {
	facts   []fact
	schema  string
	example example
}{
	[]fact{
		{"The grant, in any of five media types", bothPages},
		{"Clients send the form in practice", "R"},
		{"The pages do not say whether the body may be left out", bothPages},
		{"It may not", assumption},
	},
	"TokenRequest",
	example{"The only grant there is", object{"grant_type": "jwt_token"}},
}

func errorExample(summary, code, description string) example {
	return example{summary, object{"code": code, "description": description, "source": "example"}}
}

// statuses are those of every operation. Go's name of one is its text without spaces.
var statuses = []struct {
	status  int
	facts   []fact
	schema  string
	example example
}{
	{http.StatusOK, []fact{
		{"The request succeeded", bothPages},
		{"The body is the Partner Center access token", bothPages},
	}, "AccessToken", example{"A token that lasts for an hour (synthetic)", object{
		"access_token": "synthetic-partner-center-access-token", "token_type": "bearer", "expires_in": 3600,
	}}},
	{http.StatusBadRequest, []fact{
		{"Input is missing or invalid", bothPages},
		{"The body holds the error's details", bothPages},
		{"Code `800002` stands for invalid input", "P6, R"},
	}, "Error", errorExample("The input is not valid (synthetic text, documented code)", "800002", "The input is not valid.")},
	{http.StatusUnauthorized, []fact{
		{"The request is not authenticated", bothPages},
		{"The client has to authenticate with the partner API service first", bothPages},
		{"Code `900420` stands for a bearer whose audience is not accepted, `800001` for a missing partner token, `400` for " +
			"access denied", "P6, R"},
	}, "Error", errorExample("The bearer's audience is not accepted (synthetic text, documented code)", "900420",
		"The audience of the bearer is not accepted.")},
	{http.StatusForbidden, []fact{
		{"The request is authenticated, but the caller lacks the rights for it", bothPages},
		{"Code `2032` stands for access denied", "P6, R"},
	}, "Error", errorExample("Access denied (synthetic text, documented code)", "2032", "Access denied.")},
	{http.StatusNotFound, []fact{
		{"The resource is not found or is not available for the given input", bothPages},
	}, "Error", errorExample("Nothing there (synthetic text; no code is documented, so it repeats the status)", "404",
		"The resource was not found.")},
	{http.StatusInternalServerError, []fact{
		{"The service, or something that it depends on, failed", bothPages},
		{"The caller can retry the request", bothPages},
		{"Code `800003` stands for an unexpected error in the service", "P6, R"},
	}, "Error", errorExample("The service failed (synthetic text, documented code)", "800003",
		"An unexpected error occurred in the service.")},
}

// member is a member of a body: its keywords in OpenAPI, and the facts that they and the description state.
type member struct {
	name     string
	keywords object
	facts    []fact
}

// schemas are the documented bodies. All of them are objects that may have further members.
var schemas = []struct {
	name     string
	required list
	facts    []fact
	members  []member
}{
	{"TokenRequest", list{"grant_type"}, []fact{{"What the caller asks for", bothPages}}, []member{
		{"grant_type", object{"type": "string", "enum": list{"jwt_token"}}, []fact{
			{"The kind of exchange", "P1"},
			{"Only `jwt_token` is supported", bothPages},
			{"The pages do not say whether the member may be left out", bothPages},
			{"It may not", assumption},
		}},
	}},
	{"AccessToken", list{"access_token"}, []fact{
		{"The Partner Center access token", bothPages},
		{"The pages do not have a schema for it", bothPages},
		{"These are the members that clients read", "R"},
		{"Only the token itself is always there", assumption},
		{"Further members may come and are to be ignored", assumption},
	}, []member{
		{"access_token", object{"type": "string"}, []fact{
			{"The token, to be sent as a bearer", "R"},
			{"It is opaque: callers should stop decoding it, for its claims may change or go", "P4"},
		}},
		{"token_type", object{"type": "string"}, []fact{
			{"How to present the token, in practice `bearer`", "R"},
			{"The pages do not name this member", bothPages},
		}},
		{"expires_in", object{"oneOf": list{object{"type": "integer"}, object{"type": "string", "pattern": "^[0-9]+$"}}}, []fact{
			{"The token's lifetime in seconds", "R"},
			{"The pages do not name this member", bothPages},
			{"Some of Microsoft's token services send a number, others a string of digits", "R"},
			{"So a reader has to accept both", assumption},
			{"It is the lifetime that counts, and no claim of the token", assumption},
		}},
	}},
	{"Error", list{"code", "description", "source"}, []fact{
		{"Why the service did not do what it was asked to", "P6"},
		{"The page is about all of Partner Center, so this endpoint keeps to it as well", assumption},
		{"A gateway in front of it may answer with HTML, with nothing, or with members of its own, `statusCode` and " +
			"`message`", "P7, R"},
	}, []member{
		{"code", object{"type": "string"}, []fact{
			{"The error's code, always there and not null", "P6"},
			{"In practice it is a JSON number at times", "R"},
		}},
		{"description", object{"type": "string", "minLength": 1, "maxLength": 1024}, []fact{
			{"What went wrong, always there, not empty and at most 1024 characters long", "P6"},
		}},
		{"data", object{"type": "array", "items": object{}}, []fact{
			{"A list of error objects, which only some errors have", "P6"},
			{"The page does not say what one holds", "P6"},
		}},
		{"source", object{"type": "string"}, []fact{{"Where the error arose, always there", "P6"}}},
	}},
}
