package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestFlagsOfOneServiceAreNotTakenForTheOther(t *testing.T) {
	for args, want := range map[string]string{
		"-fast -step":            "-step is not for the service that -fast runs",
		"-cut-rate 0.5":          "-cut-rate is for -fast alone",
		"-fast -models a,b":      "",
		"-api-key k -models a,b": "",
		"-nonsense":              "flag provided but not defined: -nonsense",
	} {
		o, err := parse(strings.Fields(args), io.Discard)
		if got := errorText(err); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
		if want == "" && (len(o.full.Models) != 2 || len(o.forLoad.Models) != 2) {
			t.Errorf("%s: models %v and %v", args, o.full.Models, o.forLoad.Models)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestBothServicesRunUntilTheyAreStopped(t *testing.T) {
	for _, args := range []string{"-fast -models m", "-models m"} {
		o, err := parse(strings.Fields(args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		out, in := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- run(ctx, o, in) }()
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		url := strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
		resp, err := http.Get(url + "/v1/models")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if !strings.Contains(string(body), `"id":"m"`) {
			t.Errorf("%s: %s", args, body)
		}
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
