package main

// boundMutations change what a value may be, or add a keyword that no page has.
var boundMutations = []mutation{
	// bounds of documented values, each moved
	inKeyword(errorField+"description/minLength", `0`),
	inKeyword(errorField+"description/maxLength", `1023`),
	inKeyword(errorField+"description/maxLength", `1025`),
	inKeyword(tokenField+"expires_in/oneOf/1/pattern", `"^[0-9]*$"`),
	inKeyword(tokenField+"expires_in/oneOf/1/pattern", `"[0-9]+"`),
	inKeyword(tokenField+"expires_in/oneOf/0/type", `"number"`),
	inKeyword(grantType+"/enum/0", `"JWT_TOKEN"`),
	inKeyword(parameter+"RequestID/schema/format", `"guid"`),
	inKeyword(parameter+"CorrelationID/schema/format", `"date-time"`),
	inKeyword(errorField+"data/type", `"string"`),
	inKeyword(errorField+"data/items", `{"type":"string"}`),

	// bounds that no page has
	inKeyword(tokenField+"access_token/minLength", `1`),
	inKeyword(tokenField+"access_token/maxLength", `4096`),
	inKeyword(tokenField+"access_token/pattern", `"^[^.]+\\.[^.]+\\.[^.]*$"`),
	inKeyword(tokenField+"access_token/format", `"password"`),
	inKeyword(tokenField+"token_type/enum", `["bearer"]`),
	inKeyword(tokenField+"token_type/default", `"bearer"`),
	inKeyword(tokenField+"expires_in/oneOf/0/minimum", `1`),
	inKeyword(tokenField+"expires_in/oneOf/0/maximum", `3600`),
	inKeyword(tokenField+"expires_in/oneOf/0/format", `"int32"`),
	inKeyword(tokenField+"expires_in/nullable", `true`),
	inKeyword(errorField+"code/nullable", `true`),
	inKeyword(errorField+"code/pattern", `"^[0-9]+$"`),
	inKeyword(errorField+"code/maxLength", `6`),
	inKeyword(errorField+"source/enum", `["PartnerFD"]`),
	inKeyword(errorField+"source/minLength", `1`),
	inKeyword(errorField+"data/maxItems", `10`),
	inKeyword(errorField+"data/nullable", `true`),
	inKeyword(schema+"Error/additionalProperties", `false`),
	inKeyword(schema+"TokenRequest/additionalProperties", `false`),
	inKeyword(schema+"AccessToken/minProperties", `3`),
	inKeyword(parameter+"RequestID/schema/maxLength", `36`),
	inKeyword(parameter+"RequestID/deprecated", `true`),
	inKeyword(parameter+"CorrelationID/allowEmptyValue", `true`),
	inKeyword("/components/headers/RequestID/deprecated", `true`),
	inKeyword("/components/securitySchemes/entraBearer/bearerFormat", `"JWT"`),

	// parts that no page has
	inKeyword("/servers/2", `{"url":"https://api.partnercenter.microsoft.us","description":"US Government (P1)."}`),
	inKeyword("/servers/0/variables", `{"tenant":{"default":"common"}}`),
	inKeyword(v3+"/parameters", `[]`),
	inKeyword(v3+"/post/servers", `[{"url":"https://login.microsoftonline.com"}]`),
	inKeyword(legacy+"/post/externalDocs", `{"url":"https://example.com"}`),
	inKeyword(response+"OK/links", `{}`),
	inKeyword(schema+"RefreshToken", `{"type":"object"}`),
	inKeyword("/x-internal", `true`),

	// what tools and readers take from the document
	inKeyword("/openapi", `"3.0.2"`),
	inKeyword("/info/version", `"2.0.0"`),
	inKeyword("/info/license/name", `"Apache-2.0"`),
	inKeyword("/info/contact/url", `"https://example.com"`),
	inKeyword("/externalDocs/url", `"https://example.com"`),
	inKeyword(v3+"/post/summary", `"Make a token"`),
	inKeyword(legacy+"/post/x-deprecated-reason", `"It is old."`),

	// examples, whose codes are documented
	inKeyword("/components/examples/BadRequest/value/code", `"800003"`),
	inKeyword("/components/examples/Unauthorized/value/code", `"900421"`),
	inKeyword("/components/examples/Forbidden/value/code", `"403"`),
	inKeyword("/components/examples/InternalServerError/value/code", `"500"`),
	inKeyword("/components/examples/OK/value/expires_in", `7200`),
	inKeyword("/components/examples/TokenRequest/value/scope", `"any"`),
	inKeyword(parameter+"RequestID/schema/example", `"one"`),
}
