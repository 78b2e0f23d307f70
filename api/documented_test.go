package api_test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// ref refers to a component.
func ref(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

// exampleLabels are what a body's example is called where it is used.
var exampleLabels = map[string]string{"TokenRequest": "grant", "AccessToken": "token", "Error": "error"}

// bodies are a body in each media type.
func bodies(mediaTypes []string, schema, example string) object {
	content := object{}
	for _, mediaType := range mediaTypes {
		content[mediaType] = object{
			"schema":   ref("schemas", schema),
			"examples": object{exampleLabels[schema]: ref("examples", example)},
		}
	}
	return content
}

func (h header) schema() object {
	schema := object{"type": "string", "example": h.example}
	if h.format != "" {
		schema["format"] = h.format
	}
	return schema
}

func (e example) object() object { return object{"summary": e.summary, "value": e.value} }

// prose is a text by its sentences.
type prose []string

func text(facts []fact) prose {
	var sentences prose
	for _, f := range facts {
		sentences = append(sentences, f.String())
	}
	return sentences
}

// documented is the contract that the facts make, with each description as its facts.
func documented() object {
	var (
		parameters, headers, responses = object{}, object{}, object{}
		examples, bodySchemas, paths   = object{}, object{}, object{}
		allParameters, allServers      list
		allResponses, answered         = object{}, object{}
	)
	listed := prose{}
	for _, s := range sources {
		listed = append(listed, "- "+s.letter+": "+s.title)
	}
	for _, h := range requestHeaders {
		parameters[h.component] = object{"name": h.name, "in": "header", "description": text(h.facts), "schema": h.schema()}
		allParameters = append(allParameters, ref("parameters", h.component))
	}
	for _, h := range responseHeaders {
		headers[h.component] = object{"description": text(h.facts), "schema": h.schema()}
		answered[h.name] = ref("headers", h.component)
	}
	// A member has the example that the first example of its body has: some tools read no other.
	memberExamples := map[string]object{requestBody.schema: requestBody.example.value}
	for _, s := range statuses {
		if memberExamples[s.schema] == nil {
			memberExamples[s.schema] = s.example.value
		}
		name := strings.ReplaceAll(http.StatusText(s.status), " ", "")
		examples[name] = s.example.object()
		responses[name] = object{
			"description": text(s.facts), "headers": answered, "content": bodies(responseMediaTypes, s.schema, name),
		}
		allResponses[strconv.Itoa(s.status)] = ref("responses", name)
	}
	examples[requestBody.schema] = requestBody.example.object()
	for _, s := range schemas {
		properties := object{}
		for _, m := range s.members {
			property := maps.Clone(m.keywords)
			property["description"] = text(m.facts)
			if example, ok := memberExamples[s.name][m.name]; ok {
				property["example"] = example
			}
			properties[m.name] = property
		}
		bodySchemas[s.name] = object{
			"type": "object", "xml": object{"name": s.name}, "description": text(s.facts), "required": s.required,
			"properties": properties,
		}
	}
	for _, op := range operations {
		operation := object{
			"tags": list{tag.name}, "operationId": op.id, "summary": op.summary, "description": text(op.facts),
			"parameters": allParameters, "requestBody": ref("requestBodies", requestBody.schema), "responses": allResponses,
		}
		if op.deprecationReason != "" {
			operation["deprecated"], operation["x-deprecated-reason"] = true, op.deprecationReason
		}
		paths[op.path] = object{op.method: operation}
	}
	for _, s := range servers {
		allServers = append(allServers, object{"url": s.url, "description": text(s.facts)})
	}
	return object{
		"openapi": document["openapi"],
		"info": object{
			"title": document["title"], "version": document["version"], "license": document["license"],
			"contact": document["contact"], "description": slices.Concat(text(introduction), listed, text(whole)),
		},
		"externalDocs": document["externalDocs"],
		"servers":      allServers,
		"security":     list{object{"entraBearer": list{}}},
		"tags":         list{object{"name": tag.name, "description": text(tag.facts)}},
		"paths":        paths,
		"components": object{
			"securitySchemes": object{"entraBearer": object{"type": "http", "scheme": "bearer", "description": text(theBearer)}},
			"parameters":      parameters, "headers": headers, "responses": responses, "examples": examples,
			"requestBodies": object{requestBody.schema: object{
				"description": text(requestBody.facts), "required": true,
				"content": bodies(requestMediaTypes, requestBody.schema, requestBody.schema),
			}},
			"schemas": bodySchemas,
		},
	}
}

// allFacts are those of every description.
func allFacts() []fact {
	all := slices.Concat(introduction, whole, theBearer, tag.facts, requestBody.facts)
	for _, s := range servers {
		all = append(all, s.facts...)
	}
	for _, op := range operations {
		all = append(all, op.facts...)
	}
	for _, h := range slices.Concat(requestHeaders, responseHeaders) {
		all = append(all, h.facts...)
	}
	for _, s := range statuses {
		all = append(all, s.facts...)
	}
	for _, s := range schemas {
		all = append(all, s.facts...)
		for _, m := range s.members {
			all = append(all, m.facts...)
		}
	}
	return all
}
