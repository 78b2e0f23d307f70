package api_test

// What the documentation says, written from its pages and not read from the contract, which contract_test.go holds to it:
// the contract says all of this and nothing else. A header, status or member that the documentation adds is an entry
// here, and no change of the test.

// fact is a sentence of the contract with its source: pages, "assumption", or none, where it is about the contract.
type fact struct{ says, source string }

func (f fact) String() string {
	if f.source == "" {
		return f.says + "."
	}
	return f.says + " (" + f.source + ")."
}

const (
	bothPages  = "P1, P2"
	assumption = "assumption"
	project    = "" // about the contract itself
)

// source is a page, or another place that facts come from, by its letter.
type source struct{ letter, title string }

var sources = []source{
	{"P1", `"Authentication - Generate access token", as the page stood for ` + "`POST /generatetoken`"},
	{"P2", `"Authentication - Generate access token", as the page stands for ` + "`POST /v3/generatetoken`"},
	{"P3", `"Authentication - Generate access token legacy (Deprecating)"`},
	{"P4", `"Deprecate Azure AD graph token"`},
	{"P5", `"Partner Center REST headers"`},
	{"P6", `"Partner Center REST error codes"`},
	{"P7", `"API throttling guidance"`},
	{"P8", `"Test and debug"`},
	{"P9", `Azure SDK design guidelines, on retries`},
	{"P10", `"Partner Center authentication"`},
	{"P12", `Microsoft's announcements on MFA for Partner Center APIs, as partners report them`},
	{"R", `what clients of this service and of its neighbours meet in practice, from their code and their issues`},
	{"S", `the source of Microsoft's own Partner Center SDKs`},
}

// The description of the whole, before and after the list of sources.
var (
	introduction = []fact{
		{"The token endpoint of Microsoft Partner Center exchanges a Microsoft Entra access token for a Partner Center " +
			"access token, which a few resources of the partner API require", bothPages},
		{"The pages do not name these resources", bothPages},
		{"This is a community contract, written by hand from public documentation; Microsoft neither made it nor endorses it", project},
		{`Each sentence ends with its source in parentheses: pages and code by the letters below, or "assumption" where no ` +
			"page says it and the contract has to choose", project},
		{"Sentences without a source are about the contract itself", project},
	}
	whole = []fact{
		{"OpenAPI 3.0 ignores a header parameter named Accept, so it has none here: the keys of each response's `content` " +
			"are the values that it can take", project},
		{"The optional header `MS-PartnerCenter-Application` names the calling application", "P5"},
		{"The endpoint's pages do not list it, so it is no parameter here", bothPages},
		{"Other parts of Partner Center answer 408, 429, 502, 503 and 504 as well", "P6, P7"},
		{"A 429 there carries `Retry-After` in seconds", "P7"},
		{"The quota is kept per partner tenant, and immediate retries count against it", "P7"},
		{"The endpoint's pages do not list these statuses, so they are no part of this contract", bothPages},
		{"A client has to expect them all the same", assumption},
		{"App-only and app+user bearers both work with Partner Center", "P10"},
		{"Its APIs answer 401 with code `900421` to an app+user bearer without MFA", "P12"},
		{"The pages do not say whether this endpoint does so, too, or honours the header `ValidateMfa`, so neither is part " +
			"of this contract", "P1, P2, P12"},
		{"The pages show no body in XML", "P1, P2, P6"},
		{"Its root element is named like the schema, which `xml` repeats for tools, and the elements within like the JSON members", assumption},
		{"A reader should match local names and ignore namespaces and the root's name", assumption},
	}
)

// servers come with the default first.
var servers = []struct {
	url   string
	facts []fact
}{
	{"https://api.partnercenter.microsoft.com", []fact{
		{"The global service", "P1"},
		{"US Government uses it as well: only the authority that signs in differs", "S"},
	}},
	{"https://partner.partnercenterapi.microsoftonline.cn", []fact{
		{"The service for China, operated by 21Vianet", "P4, S"},
	}},
}

// theBearer is what every operation asks for.
var theBearer = []fact{
	{"The Microsoft Entra access token to exchange", bothPages},
	{"Every request has to carry one", bothPages},
}

const accept = "The `Accept` header is required: it names a media type of the responses, of which `application/json` is " +
	"the one widely accepted"

// operations are all that the service has at these paths.
var operations = []struct {
	method, path, id  string // the documentation has no ids: Go's names come from them
	summary           string
	deprecationReason string // empty where it is not deprecated
	facts             []fact
}{
	{
		method: "post", path: "/v3/generatetoken", id: "generateToken",
		summary: "Exchange an Entra access token for a Partner Center access token",
		facts: []fact{
			{"The current version of the exchange", "P2, P4"},
			{accept, "P2"},
			{"An app-only bearer has to have the audience `https://api.partnercenter.microsoft.com` and no other", "P2"},
			{"So do app-only and app+user bearers alike", "P4"},
			{"In China the audience `https://graph.chinacloudapi.cn` had to become " +
				"`https://partner.partnercenterapi.microsoftonline.cn`", "P4"},
			{"So that is the audience there", assumption},
		},
	},
	{
		method: "post", path: "/generatetoken", id: "generateTokenLegacy",
		summary:           "Exchange an Entra access token for a Partner Center access token (legacy)",
		deprecationReason: "Microsoft is retiring this version; use POST /v3/generatetoken instead.",
		facts: []fact{
			{"The version before `/v3`", "P1"},
			{"Microsoft is deprecating it", "P3"},
			{accept, "P1"},
			{"This version also took app-only bearers with the audience `https://graph.windows.net` until that audience was " +
				"retired on 2025-08-31", "P4"},
			{"Whoever does not call it today has nothing to change", "P4"},
		},
	},
}

// header is a header of every request or of every answer. Go's name for it is component.
type header struct {
	component, name, format, example string
	facts                            []fact
}

const (
	exampleCorrelationID = "3f2c8a1e-6f0b-4f0e-9a53-0d4f7c1b2a90"
	exampleRequestID     = "9b1d6a52-7c34-4f86-8a43-51c9c6a0e2d7"
)

// requestHeaders are optional, all of them (P1).
var requestHeaders = []header{
	{"CorrelationID", "ms-correlationid", "uuid", exampleCorrelationID, []fact{
		{"Traces the call", "P1, P5"},
		{"The value is a string", "P1"},
		{"It is a GUID, hence `format: uuid`", "P5"},
		{"The service makes one where it is absent", "P1"},
		{"Every call takes a new one", "P5, P8"},
	}},
	{"RequestID", "ms-requestid", "uuid", exampleRequestID, []fact{
		{"Makes the call idempotent", "P1, P5"},
		{"The value is a string", "P1"},
		{"It is a GUID, hence `format: uuid`", "P5"},
		{"The service makes one where it is absent", "P1"},
		{"A retry after a timeout should carry the value of the first try", "P5"},
		{"So should every other retry of the call", "P9, S"},
		{"After an answer the next call takes a new one", "P5, P9"},
	}},
}

var responseHeaders = []header{
	{"CorrelationID", "MS-CorrelationId", "", exampleCorrelationID, []fact{
		{"The `ms-correlationid` of the call, the caller's or the service's own", "P5"},
		{"An answer may lack it or have something other than a GUID", assumption},
	}},
	{"RequestID", "MS-RequestId", "", exampleRequestID, []fact{
		{"The `ms-requestid` of the call, the caller's or the service's own", "P5"},
		{"An answer may lack it or have something other than a GUID", assumption},
	}},
}

// document is what the contract says of itself, which no page has to say.
var document = object{
	"openapi": "3.0.3",
	"title":   "Partner Center token endpoint",
	"version": "1.0.0",
	"license": object{"name": "MIT", "url": "https://opensource.org/license/mit"},
	"contact": object{"name": "The generatetoken project", "url": "https://github.com/partnercenter-go/generatetoken"},
	"externalDocs": object{
		"description": "Authentication - Generate access token (P2)",
		"url":         "https://learn.microsoft.com/en-us/rest/api/partner-center/authentication/generate-access-token",
	},
}

var tag = struct {
	name  string
	facts []fact
}{"Authentication", []fact{{"The group of the partner API's reference in which the token endpoint stands", "P1, P2, P3"}}}
