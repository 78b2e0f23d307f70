package main

// Where the sentences are.
const (
	response   = "/components/responses/"
	parameter  = "/components/parameters/"
	schema     = "/components/schemas/"
	theBody    = "/components/requestBodies/TokenRequest"
	grantType  = schema + "TokenRequest/properties/grant_type"
	tokenField = schema + "AccessToken/properties/"
	errorField = schema + "Error/properties/"
)

// proseMutations tell what only a sentence of the contract can carry wrongly. Each claim that the documentation makes of
// the endpoint is among them.
var proseMutations = []mutation{
	// what the endpoint is for, and what the whole says of the service
	inProse("/info", "a few resources of the partner API", "all resources of the partner API"),
	inProse("/info", "do not name these resources", "name these resources"),
	inProse("/info", "exchanges a Microsoft Entra access token for a Partner Center access token", "exchanges a Partner Center access token for a Microsoft Entra access token"),
	inProse("/info", "Microsoft neither made it nor endorses it", "Microsoft made it"),
	inProse("/info", "The optional header `MS-PartnerCenter-Application`", "The required header `MS-PartnerCenter-Application`"),
	inProse("/info", "the calling application (P5)", "the calling application (P6)"),
	inProse("/info", "408, 429, 502, 503 and 504", "408, 429, 501, 503 and 504"),
	inProse("/info", "`Retry-After` in seconds", "`Retry-After` in milliseconds"),
	inProse("/info", "per partner tenant", "per application"),
	inProse("/info", "immediate retries count", "no retries count"),
	inProse("/info", "these statuses, so they are no part of this contract", "these statuses, but they are part of this contract"),
	inProse("/info", "has to expect them all the same (assumption)", "has to expect them all the same (P1, P2)"),
	inProse("/info", "App-only and app+user bearers both work", "App-only bearers alone work"),
	inProse("/info", "code `900421`", "code `900420`"),
	inProse("/info", "to an app+user bearer without MFA", "to any bearer without MFA"),
	inProse("/info", "the header `ValidateMfa`", "the header `RequireMfa`"),
	inProse("/info", "do not say whether this endpoint does so", "say that this endpoint does so"),
	inProse("/info", "show no body in XML", "show a body in XML"),
	inProse("/info", "the elements within like the JSON members (assumption)", "the elements within like the JSON members (P1, P2)"),
	inProse("/info", "match local names and ignore namespaces", "match names with their namespaces"),
	inProse("/info", `P4: "Deprecate Azure AD graph token"`, `P4: "Deprecate Azure AD"`),
	inProse("/info", "- P8: \"Test and debug\" ", ""),

	// servers
	inProse("/servers/0", "The global service", "The service for the European Union"),
	inProse("/servers/0", "US Government uses it as well", "US Government has another"),
	inProse("/servers/1", "for China", "for Germany"),
	inProse("/servers/1", "operated by 21Vianet", "operated by Microsoft"),

	// operations
	inProse(v3+"/post", "The current version", "The previous version"),
	inProse(v3+"/post", "The `Accept` header is required", "The `Accept` header is optional"),
	inProse(v3+"/post", "of which `application/json` is the one", "of which `application/xml` is the one"),
	inProse(v3+"/post", "audience `https://api.partnercenter.microsoft.com`", "audience `https://graph.windows.net`"),
	inProse(v3+"/post", " and no other (P2)", " (P2)"),
	inProse(v3+"/post", "An app-only bearer has to", "An app+user bearer has to"),
	inProse(v3+"/post", "app-only and app+user bearers alike", "app-only bearers alone"),
	inProse(v3+"/post", "`https://graph.chinacloudapi.cn`", "`https://graph.windows.net`"),
	inProse(v3+"/post", "`https://partner.partnercenterapi.microsoftonline.cn`", "`https://api.partnercenter.microsoft.com`"),
	inProse(v3+"/post", "the audience there (assumption)", "the audience there (P4)"),
	inProse(legacy+"/post", "The version before `/v3`", "The version after `/v3`"),
	inProse(legacy+"/post", "Microsoft is deprecating it", "Microsoft keeps it"),
	inProse(legacy+"/post", "The `Accept` header is required", "The `Accept` header is optional"),
	inProse(legacy+"/post", "took app-only bearers", "took app+user bearers"),
	inProse(legacy+"/post", "`https://graph.windows.net`", "`https://graph.microsoft.com`"),
	inProse(legacy+"/post", "2025-08-31", "2026-08-31"),
	inProse(legacy+"/post", "Whoever does not call it today has nothing to change", "Whoever does not call it today has to"),
	inProse("/components/securitySchemes/entraBearer", "The Microsoft Entra access token", "The Partner Center access token"),
	inProse("/components/securitySchemes/entraBearer", "has to carry one", "may carry one"),
	inProse("/tags/0", "the partner API's reference", "the Graph API's reference"),

	// request headers
	inProse(parameter+"CorrelationID", "Traces the call", "Makes the call idempotent"),
	inProse(parameter+"CorrelationID", "`format: uuid` (P5)", "`format: uuid` (P1)"),
	inProse(parameter+"CorrelationID", "The service makes one where it is absent", "The service does without one where it is absent"),
	inProse(parameter+"CorrelationID", "Every call takes a new one", "Every call takes the same one"),
	inProse(parameter+"RequestID", "Makes the call idempotent", "Traces the call"),
	inProse(parameter+"RequestID", "The value is a string", "The value is a number"),
	inProse(parameter+"RequestID", "`format: uuid` (P5)", "`format: uuid` (assumption)"),
	inProse(parameter+"RequestID", "The service makes one where it is absent", "The service refuses the call where it is absent"),
	inProse(parameter+"RequestID", "should carry the value of the first try", "should carry a new value"),
	inProse(parameter+"RequestID", "A retry after a timeout", "A retry after an answer"),
	inProse(parameter+"RequestID", "So should every other retry", "So should no other retry"),
	inProse(parameter+"RequestID", "After an answer the next call takes a new one", "After an answer the next call keeps it"),

	// request body
	inProse(theBody, "any of five media types", "any of four media types"),
	inProse(theBody, "Clients send the form", "Clients send JSON"),
	inProse(theBody, "It may not (assumption)", "It may (assumption)"),
	inProse(theBody, "It may not (assumption)", "It may not (P1, P2)"),
	inProse(grantType, "Only `jwt_token` is supported", "`jwt_token` is supported"),
	inProse(grantType, "It may not (assumption)", "It may (assumption)"),

	// statuses
	inProse(response+"OK", "The request succeeded", "The request was accepted"),
	inProse(response+"OK", "The body is the Partner Center access token", "The body is empty"),
	inProse(response+"BadRequest", "missing or invalid", "too long"),
	inProse(response+"BadRequest", "The body holds the error's details", "The headers hold the error's details"),
	inProse(response+"BadRequest", "`800002`", "`800003`"),
	inProse(response+"Unauthorized", "The request is not authenticated", "The request is not authorized"),
	inProse(response+"Unauthorized", "has to authenticate with the partner API service first", "has to wait first"),
	inProse(response+"Unauthorized", "`900420`", "`900421`"),
	inProse(response+"Unauthorized", "`800001`", "`800002`"),
	inProse(response+"Unauthorized", "`400` for access denied", "`401` for access denied"),
	inProse(response+"Forbidden", "is authenticated, but", "is not authenticated, and"),
	inProse(response+"Forbidden", "lacks the rights", "lacks a licence"),
	inProse(response+"Forbidden", "`2032`", "`2033`"),
	inProse(response+"NotFound", " or is not available for the given input", ""),
	inProse(response+"InternalServerError", ", or something that it depends on,", ""),
	inProse(response+"InternalServerError", "can retry", "must not retry"),
	inProse(response+"InternalServerError", "`800003`", "`800002`"),

	// response headers
	inProse("/components/headers/CorrelationID", "`ms-correlationid`", "`ms-requestid`"),
	inProse("/components/headers/RequestID", "the caller's or the service's own", "always the service's own"),
	inProse("/components/headers/RequestID", "may lack it", "always has it"),

	// the token
	inProse(schema+"AccessToken", "do not have a schema for it", "have a schema for it"),
	inProse(schema+"AccessToken", "that clients read (R)", "that clients read (P1, P2)"),
	inProse(schema+"AccessToken", "Only the token itself is always there", "All of them are always there"),
	inProse(schema+"AccessToken", "are to be ignored", "are an error"),
	inProse(tokenField+"access_token", "It is opaque: callers should stop decoding it", "It is a JWT: callers should decode it"),
	inProse(tokenField+"access_token", "may change or go (P4)", "may change or go (P2)"),
	inProse(tokenField+"token_type", "`bearer`", "`mac`"),
	inProse(tokenField+"expires_in", "in seconds", "in minutes"),
	inProse(tokenField+"expires_in", "a string of digits", "a date"),
	inProse(tokenField+"expires_in", "no claim of the token", "any claim of the token"),
	inProse(tokenField+"expires_in", "accept both (assumption)", "accept a number (assumption)"),

	// the error
	inProse(schema+"Error", "keeps to it as well (assumption)", "keeps to it as well (P6)"),
	inProse(schema+"Error", "`statusCode` and `message`", "`status` and `message`"),
	inProse(errorField+"code", "and not null", "and at times null"),
	inProse(errorField+"code", "a JSON number at times", "always a JSON number"),
	inProse(errorField+"description", "not empty", "at times empty"),
	inProse(errorField+"description", "1024 characters", "1024 bytes"),
	inProse(errorField+"data", "only some errors", "all errors"),
	inProse(errorField+"data", "error objects", "texts"),
	inProse(errorField+"source", "always there", "seldom there"),
}
