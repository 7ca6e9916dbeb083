package forward

import (
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
)

// TestFirstByteTimeout: silence before the first byte of the body, head or no
// head, ends at the knob that counts: the route's, the service's, the server's.
func TestFirstByteTimeout(t *testing.T) {
	checkLeaks(t)
	const soon, never = 20 * time.Millisecond, time.Hour
	for _, c := range []struct {
		name                   string
		server, service, route time.Duration
		total                  time.Duration
		head                   string
		public                 string
	}{
		{"server's", soon, 0, 0, never, "", `did not answer in time: server.first_byte_timeout = "20ms"`},
		{"service's", never, soon, 0, never, "", `did not answer in time: services.first_byte_timeout = "20ms"`},
		{"route's", never, never, soon, never, "", `did not answer in time: routes.first_byte_timeout = "20ms"`},
		{"after a stream's head", soon, 0, 0, never, h11 + "Content-Type: text/event-stream\r\n" + te + blank, `server.first_byte_timeout`},
		{"total first", never, 0, 0, soon, "", `did not answer in time: server.request_timeout = "20ms"`},
		{"none", 0, 0, 0, soon, "", `server.request_timeout`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFake(t, func(p *peer) { p.request(); p.say(c.head); p.closed() })
			s.cfg.Timeouts.FirstByte = c.service
			f := New(Options{RequestTimeout: c.total, FirstByteTimeout: c.server})
			r := newRequest("{}")
			r.Limits.FirstByte = c.route
			reply, err := f.Send(r, []Target{s}, 0, nil, nil)
			if c.head != "" {
				if err != nil {
					t.Fatal(err)
				}
				defer reply.Close()
				_, err = reply.Read(make([]byte, 10))
			}
			e := wantKind(t, err, KindTimeout, 504)
			if !strings.Contains(e.Public(), c.public) || !strings.Contains(c.public, e.Knob()) {
				t.Errorf("%q of %q, want %q", e.Public(), e.Knob(), c.public)
			}
		})
	}
}

// TestFirstByteTimeoutEnds: once the first byte of the body is there, the time
// to it does not count any more.
func TestFirstByteTimeoutEnds(t *testing.T) {
	checkLeaks(t)
	for name, wire := range map[string]struct{ first, rest string }{
		"stream":    {h11 + "Content-Type: text/event-stream\r\n" + te + blank + chunked("data: 1\n\n"), chunked("data: 2\n\n", "")},
		"no stream": {h11 + ctj + "Content-Length: 5\r\n\r\n[1", ",2]"},
	} {
		t.Run(name, func(t *testing.T) {
			const first = 300 * time.Millisecond
			s := newFake(t, func(p *peer) {
				p.request()
				p.say(wire.first)
				time.Sleep(first + 20*time.Millisecond)
				p.say(wire.rest)
				p.closed()
			})
			f := New(Options{FirstByteTimeout: first})
			reply, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer reply.Close()
			if body, err := reply.ReadAll(nil, 1<<20); err != nil {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
}

// TestLimitsOverride: which of several knobs of one name counts.
func TestLimitsOverride(t *testing.T) {
	f := New(Options{})
	own := &fake{cfg: config.Service{ConnectTimeout: 7, Timeouts: config.Timeouts{StreamIdle: 8}}}
	plain := &fake{}
	routed := &Request{Limits: Limits{Request: 9, Timeouts: config.Timeouts{StreamIdle: 10}}}
	for _, c := range []struct {
		got  limit
		want limit
	}{
		{f.connectLimit(plain), limit{5 * time.Second, "server.connect_timeout"}},
		{f.connectLimit(own), limit{7, "services.connect_timeout"}},
		{f.streamIdleLimit(&Request{}, plain), limit{5 * time.Minute, "server.stream_idle_timeout"}},
		{f.streamIdleLimit(&Request{}, own), limit{8, "services.stream_idle_timeout"}},
		{f.streamIdleLimit(routed, own), limit{10, "routes.stream_idle_timeout"}},
		{f.requestLimit(&Request{}), limit{5 * time.Minute, "server.request_timeout"}},
		{f.requestLimit(routed), limit{9, "routes.request_timeout"}},
	} {
		if c.got != c.want {
			t.Errorf("got %+v, want %+v", c.got, c.want)
		}
	}
}
