package main

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"github.com/partnercenter-go/generatetoken/emulator"
)

//go:embed page_head.html
var pageHead template.HTML

//go:embed page_top.html
var pageTop template.HTML

//go:embed live.html
var livePage []byte

// assets is where the page's scripts and styles are.
const assets = "/_emulator/ui/"

// pages are what a person sees of an emulator: at / the contract to try, at /_emulator/ the requests as they happen.
func pages() []emulator.Option {
	ui := v5emb.NewHandlerWithConfig(swgui.Config{
		Title:       "Emulator of Partner Center's token endpoint",
		SwaggerJSON: "/openapi.yaml",
		BasePath:    assets,
		// The emulator takes any bearer, and says so where it was told not to.
		PreAuthorizeApiKey: map[string]string{"entraBearer": "any-bearer-will-do"},
		SettingsUI:         map[string]string{"displayRequestDuration": "true"},
		AppendHead:         pageHead,
		PrependHTML:        pageTop,
	})
	index := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path = assets
		ui.ServeHTTP(w, r)
	})
	live := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'")
		_, _ = w.Write(livePage)
	})
	return []emulator.Option{
		emulator.WithHandler("GET /{$}", index),
		emulator.WithHandler("GET "+assets, ui),
		emulator.WithHandler("GET /_emulator/{$}", live),
	}
}
