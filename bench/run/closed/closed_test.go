package closed

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/bench/service"
)

func run(t *testing.T, cfg service.Config, stream bool) *Result {
	t.Helper()
	cfg.Record = -1
	s, err := service.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	scenario, err := Chat("Qwen3-32B", 100, 4, stream)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Target: s.URL(), Connections: 2, Duration: time.Second, PID: os.Getpid()}
	r, err := Run(t.Context(), scenario, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRunCountsGoodReplies(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream=%v", stream), func(t *testing.T) {
			t.Parallel()
			r := run(t, service.Config{}, stream)
			if r.Requests == 0 || r.ErrorCount() != 0 {
				t.Errorf("%d requests, errors %s", r.Requests, r.ErrorText())
			}
			if n := r.Total.TotalCount(); n != r.Requests || r.FirstByte.TotalCount() != n {
				t.Errorf("%d latencies of %d requests", n, r.Requests)
			}
			var table bytes.Buffer
			if err := WriteTable(&table, []Row{{"fake", r}}); err != nil || !strings.Contains(table.String(), r.Scenario) {
				t.Errorf("table %s, %v", table.String(), err)
			}
		})
	}
}

func TestRunTellsBadRepliesApart(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults service.Faults
		stream bool
		want   string
	}{
		{"status", service.Faults{Status: 503}, false, "status 503"},
		{"cut", service.Faults{CutAfterTokens: 1}, false, "reply cut short"},
		{"stream cut", service.Faults{CutAfterTokens: 2}, true, "reply cut short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, service.Config{Faults: c.faults}, c.stream)
			if r.Requests != 0 || r.ErrorCount() == 0 || !strings.HasSuffix(r.ErrorText(), c.want) {
				t.Errorf("%d requests, errors %s, want %q", r.Requests, r.ErrorText(), c.want)
			}
		})
	}
}

// script is a connection that reads a text.
func script(text string) *conn { return &conn{r: bufio.NewReader(strings.NewReader(text))} }

func TestReplyParser(t *testing.T) {
	const sse = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		name, text string
		stream     bool
		want       string // the error, "" for none
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false, ""},
		{"length cut", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", false, "reply cut short"},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "empty reply"},
		{"chunks", sse + "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", true, ""},
		{"done over two chunks", sse + "3\r\ndat\r\nb;x=y\r\na: [DONE]\n\n\r\n0\r\nT: 1\r\n\r\n", true, ""},
		{"no done", sse + "9\r\ndata: 1\n\n\r\n0\r\n\r\n", true, "stream without [DONE]"},
		{"cut between chunks", sse + "e\r\ndata: [DONE]\n\n\r\n", true, "reply cut short"},
		{"bad chunk", sse + "zz\r\n", true, `chunk size "zz"`},
		{"no stream", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", true, "no event stream"},
		{"no framing", "HTTP/1.1 200 OK\r\n\r\n{}", false, "neither Content-Length nor chunks"},
		{"garbage", "SSH-2.0-x\r\n", false, "status line"},
		{"status", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\n{}", false, "status 502"},
	} {
		k := script(c.text)
		p, length, chunked, err := k.head()
		if err == nil {
			p.body, err = k.body(length, chunked)
		}
		if err == nil {
			err = k.check(p, c.stream)
		}
		if got := fmt.Sprint(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestRunRefusesNonsense(t *testing.T) {
	for _, o := range []Options{
		{Target: "https://127.0.0.1:1", Connections: 1, Duration: 1},
		{Target: "http://127.0.0.1:1", Duration: 1},
		{Target: "http://127.0.0.1:1", Connections: 1},
	} {
		if _, err := Run(t.Context(), Scenario{}, o); err == nil {
			t.Errorf("%+v is fine", o)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Scenario{}, Options{Target: "http://127.0.0.1:1", Connections: 1, Duration: time.Hour}); err == nil {
		t.Error("a cancelled run measured something")
	}
}
