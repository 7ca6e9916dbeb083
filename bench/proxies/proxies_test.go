package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestProxiesPassOn has each proxy pass on a body both ways, and a stream event
// by event: the service sends the second only when the client has the first.
func TestProxiesPassOn(t *testing.T) {
	next := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/echo" {
			body, _ := io.ReadAll(r.Body) // net/http ends a body that is read beside the reply
			_, _ = w.Write(body)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}))
	defer service.Close()
	for name, serve := range kinds {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error)
			go func() { ended <- serve(ln, service.Listener.Addr().String()) }()
			url := "http://" + ln.Addr().String()
			checkEcho(t, url)
			checkEvents(t, url, next)
			if err := ln.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

func checkEcho(t *testing.T, url string) {
	t.Helper()
	body := strings.Repeat("0123456789", 100_000)
	resp, err := http.Post(url+"/echo", "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != body {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

func checkEvents(t *testing.T, url string, next chan struct{}) {
	t.Helper()
	resp, err := http.Get(url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		if want := fmt.Sprintf("data: %d\n", i); err != nil || line != want {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		next <- struct{}{}
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
		t.Errorf("%q is left, %v", rest, err)
	}
}

func TestRunRefusesNonsense(t *testing.T) {
	for _, c := range [][3]string{{"squid", "127.0.0.1:0", "127.0.0.1:1"}, {"fasthttp", "127.0.0.1:0", ""}, {"fasthttp", "nowhere", "127.0.0.1:1"}} {
		if err := run(c[0], c[1], c[2]); err == nil {
			t.Errorf("%v is fine", c)
		}
	}
}
