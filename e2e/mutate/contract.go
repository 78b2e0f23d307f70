package main

import "fmt"

// Where the facts are.
const (
	v3       = "/paths/~1v3~1generatetoken"
	legacy   = "/paths/~1generatetoken"
	content  = "/components/responses/%s/content/%s"
	property = "/components/schemas/%s/properties/%s"
)

func remove(path string) string { return fmt.Sprintf(`[{"op":"remove","path":%q}]`, path) }

func replace(path, value string) string {
	return fmt.Sprintf(`[{"op":"replace","path":%q,"value":%s}]`, path, value)
}

func add(path, value string) string {
	return fmt.Sprintf(`[{"op":"add","path":%q,"value":%s}]`, path, value)
}

func move(from, to string) string {
	return fmt.Sprintf(`[{"op":"move","from":%q,"path":%q}]`, from, to)
}

func duplicate(from, to string) string {
	return fmt.Sprintf(`[{"op":"copy","from":%q,"path":%q}]`, from, to)
}

// contractMutations are facts of the documentation, each told wrongly in the contract.
var contractMutations = []mutation{
	// operations
	inContract("path of v3 changed", move(v3, "/paths/~1v4~1generatetoken")),
	inContract("path of legacy changed", move(legacy, "/paths/~1v1~1generatetoken")),
	inContract("legacy gone", remove(legacy)),
	inContract("v3 gone", remove(v3)),
	inContract("method of v3 changed", move(v3+"/post", v3+"/put")),
	inContract("method of legacy changed", move(legacy+"/post", legacy+"/put")),
	inContract("v3 has another method beside", `[
		{"op":"copy","from":"`+v3+`/post","path":"`+v3+`/put"},
		{"op":"replace","path":"`+v3+`/put/operationId","value":"putToken"}]`),
	inContract("another operation", `[
		{"op":"copy","from":"`+v3+`","path":"/paths/~1v3~1revoketoken"},
		{"op":"replace","path":"/paths/~1v3~1revoketoken/post/operationId","value":"revokeToken"}]`),
	inContract("operation of v3 renamed", replace(v3+"/post/operationId", `"createToken"`)),
	inContract("legacy no longer deprecated", replace(legacy+"/post/deprecated", `false`)),
	inContract("legacy deprecated for no reason", remove(legacy+"/post/x-deprecated-reason")),
	inContract("v3 deprecated", add(v3+"/post/deprecated", `true`)),

	// servers
	inContract("global server changed", replace("/servers/0/url", `"https://api.partner.microsoft.com"`)),
	inContract("server for China changed", replace("/servers/1/url", `"https://partner.partnercenterapi.azure.cn"`)),
	inContract("server for China gone", remove("/servers/1")),
	inContract("server for China by default", move("/servers/1", "/servers/0")),

	// security
	inContract("no security", remove("/security")),
	inContract("v3 open to everybody", add(v3+"/post/security", `[]`)),
	inContract("security optional", add("/security/0", `{}`)),
	inContract("basic for bearer", replace("/components/securitySchemes/entraBearer/scheme", `"basic"`)),
	inContract("API key for bearer",
		replace("/components/securitySchemes/entraBearer", `{"type":"apiKey","in":"header","name":"X-Key"}`)),

	// request headers
	inContract("correlation id dropped from v3", remove(v3+"/post/parameters/0")),
	inContract("request id dropped from legacy", remove(legacy+"/post/parameters/1")),
	inContract("request id renamed", replace("/components/parameters/RequestID/name", `"ms-request-id"`)),
	inContract("correlation id renamed", replace("/components/parameters/CorrelationID/name", `"ms-correlation-id"`)),
	inContract("request id required", add("/components/parameters/RequestID/required", `true`)),
	inContract("correlation id required", add("/components/parameters/CorrelationID/required", `true`)),
	inContract("request id in the query", replace("/components/parameters/RequestID/in", `"query"`)),
	inContract("request id no GUID", remove("/components/parameters/RequestID/schema/format")),
	inContract("correlation id a number",
		replace("/components/parameters/CorrelationID/schema", `{"type":"integer"}`)),

	// request body
	inContract("body optional", replace("/components/requestBodies/TokenRequest/required", `false`)),
	inContract("no form request", remove("/components/requestBodies/TokenRequest/content/application~1x-www-form-urlencoded")),
	inContract("no JSON request", remove("/components/requestBodies/TokenRequest/content/application~1json")),
	inContract("no text/json request", remove("/components/requestBodies/TokenRequest/content/text~1json")),
	inContract("no XML request", remove("/components/requestBodies/TokenRequest/content/application~1xml")),
	inContract("no text/xml request", remove("/components/requestBodies/TokenRequest/content/text~1xml")),
	inContract("one more request media type", duplicate(
		"/components/requestBodies/TokenRequest/content/text~1xml", "/components/requestBodies/TokenRequest/content/text~1plain")),
	inContract("another grant", replace(fmt.Sprintf(property, "TokenRequest", "grant_type/enum/0"), `"client_credentials"`)),
	inContract("one more grant", add(fmt.Sprintf(property, "TokenRequest", "grant_type/enum/-"), `"refresh_token"`)),
	inContract("any grant", remove(fmt.Sprintf(property, "TokenRequest", "grant_type/enum"))),
	inContract("grant_type renamed", `[
		{"op":"move","from":"/components/schemas/TokenRequest/properties/grant_type","path":"/components/schemas/TokenRequest/properties/grant"},
		{"op":"replace","path":"/components/schemas/TokenRequest/required","value":["grant"]}]`),
	inContract("grant_type optional", remove("/components/schemas/TokenRequest/required")),

	// statuses
	inContract("no 200", remove(v3+"/post/responses/200")),
	inContract("no 400", remove(v3+"/post/responses/400")),
	inContract("no 401", remove(legacy+"/post/responses/401")),
	inContract("no 403", remove(v3+"/post/responses/403")),
	inContract("no 404", remove(legacy+"/post/responses/404")),
	inContract("no 500", remove(v3+"/post/responses/500")),
	inContract("429 documented", duplicate(v3+"/post/responses/500", v3+"/post/responses/429")),
	inContract("401 takes the place of 403",
		replace(v3+"/post/responses/403/$ref", `"#/components/responses/Unauthorized"`)),
	inContract("500 no longer to be retried",
		replace("/components/responses/InternalServerError/description", `"The service failed (P1, P2)."`)),

	// response media types
	inContract("no JSON token", remove(fmt.Sprintf(content, "OK", "application~1json"))),
	inContract("no text/json token", remove(fmt.Sprintf(content, "OK", "text~1json"))),
	inContract("no XML error 400", remove(fmt.Sprintf(content, "BadRequest", "application~1xml"))),
	inContract("no text/xml error 403", remove(fmt.Sprintf(content, "Forbidden", "text~1xml"))),
	inContract("no JSON error 500", remove(fmt.Sprintf(content, "InternalServerError", "application~1json"))),
	inContract("one more response media type", duplicate(
		fmt.Sprintf(content, "OK", "text~1json"), fmt.Sprintf(content, "OK", "text~1plain"))),
	inContract("a token where an error is",
		replace(fmt.Sprintf(content, "NotFound", "text~1xml/schema/$ref"), `"#/components/schemas/AccessToken"`)),

	// response headers
	inContract("request id not answered", remove("/components/responses/OK/headers/MS-RequestId")),
	inContract("correlation id not answered", remove("/components/responses/InternalServerError/headers/MS-CorrelationId")),
	inContract("answered header renamed", move(
		"/components/responses/Forbidden/headers/MS-RequestId", "/components/responses/Forbidden/headers/X-Request-Id")),
	inContract("answered header has to be a GUID", add("/components/headers/RequestID/schema/format", `"uuid"`)),
	inContract("answered header required", add("/components/headers/CorrelationID/required", `true`)),

	// schemas
	inContract("access_token renamed", `[
		{"op":"move","from":"/components/schemas/AccessToken/properties/access_token","path":"/components/schemas/AccessToken/properties/token"},
		{"op":"replace","path":"/components/schemas/AccessToken/required","value":["token"]}]`),
	inContract("access_token optional", remove("/components/schemas/AccessToken/required")),
	inContract("access_token a number", replace(fmt.Sprintf(property, "AccessToken", "access_token/type"), `"integer"`)),
	inContract("token_type gone", remove(fmt.Sprintf(property, "AccessToken", "token_type"))),
	inContract("expires_in required", add("/components/schemas/AccessToken/required/-", `"expires_in"`)),
	inContract("expires_in a number alone", remove(fmt.Sprintf(property, "AccessToken", "expires_in/oneOf/1"))),
	inContract("expires_in any string", remove(fmt.Sprintf(property, "AccessToken", "expires_in/oneOf/1/pattern"))),
	inContract("no further members", add("/components/schemas/AccessToken/additionalProperties", `false`)),
	inContract("code a number", replace(fmt.Sprintf(property, "Error", "code/type"), `"integer"`)),
	inContract("code optional", replace("/components/schemas/Error/required", `["description","source"]`)),
	inContract("description longer", replace(fmt.Sprintf(property, "Error", "description/maxLength"), `2048`)),
	inContract("description of any length", remove(fmt.Sprintf(property, "Error", "description/maxLength"))),
	inContract("data required", add("/components/schemas/Error/required/-", `"data"`)),
	inContract("data an object", replace(fmt.Sprintf(property, "Error", "data"), `{"type":"object","description":"(P6)"}`)),
	inContract("data gone", remove(fmt.Sprintf(property, "Error", "data"))),
	inContract("source renamed", `[
		{"op":"move","from":"/components/schemas/Error/properties/source","path":"/components/schemas/Error/properties/origin"},
		{"op":"replace","path":"/components/schemas/Error/required","value":["code","description","origin"]}]`),

	// what the contract promises of itself
	inContract("an example that does not hold", replace("/components/examples/OK/value/expires_in", `"an hour"`)),
	inContract("a media type without an example", remove(fmt.Sprintf(content, "OK", "text~1xml/examples"))),
	inContract("a fact without a source", replace(fmt.Sprintf(property, "Error", "code/description"), `"The code."`)),
}
