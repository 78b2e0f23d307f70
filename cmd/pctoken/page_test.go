package main

import (
	"net/http"
	"regexp"
	"testing"
)

func TestPages_NeedNothingFromElsewhere(t *testing.T) {
	url := serving(t, 1)[0]
	page := ask(t, http.MethodGet, url+"/", "")
	for _, reference := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllSubmatch(page, -1) {
		if len(ask(t, http.MethodGet, url+string(reference[1]), "")) == 0 {
			t.Errorf("%s is empty", reference[1])
		}
	}
	for name, content := range map[string][]byte{"/": page, "/_emulator/": ask(t, http.MethodGet, url+"/_emulator/", "")} {
		if elsewhere := regexp.MustCompile(`(?:src|href|url\()[="']*https?:`).Find(content); elsewhere != nil {
			t.Errorf("%s refers to %s", name, elsewhere)
		}
	}
	if requests := ask(t, http.MethodGet, url+"/_emulator/requests", ""); string(requests) != "[]\n" {
		t.Errorf("looking at the pages made requests: %s", requests)
	}
}
