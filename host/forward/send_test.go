package forward

import (
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestSendReusesConnections(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, answering(okJSON))
	f := New(Options{})
	for range 5 {
		status, body, err := ask(f, newRequest("{}"), s)
		if err != nil || status != 200 || body != `{"ok":true}` {
			t.Fatalf("got %d %q %v", status, body, err)
		}
	}
	if n := s.accepted.Load(); n != 1 {
		t.Errorf("5 requests took %d connections", n)
	}
}

func TestSendRetriesWhatNobodySaw(t *testing.T) {
	checkLeaks(t)
	dead1, dead2 := refused(t, "a"), refused(t, "b")
	alive := newFake(t, answering(okJSON))
	f := New(Options{})
	var k tries
	reply, err := f.Send(newRequest("{}"), []Target{dead1, dead2, alive}, 2, nil, k.note)
	if err != nil {
		t.Fatal(err)
	}
	if reply.Attempts() != 3 || reply.Target() != Target(alive) || !slices.Equal(k, tries{KindConnect, KindConnect}) {
		t.Errorf("got %d attempts, failures %v", reply.Attempts(), k)
	}
	reply.Close()
	reply.Close() // once more does nothing

	k = nil
	_, err = f.Send(newRequest("{}"), []Target{dead1, dead2, alive}, 1, nil, k.note)
	e := wantKind(t, err, KindConnect, 502)
	if e.Service != "b" || !e.Retryable || len(k) != 2 || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("with one retry: %v, failures %v", e, k)
	}
	if p := e.Public(); p != `service "b" could not be reached` {
		t.Errorf("Public() = %q", p)
	}
}

func TestSendDoesNotRetryWhatWasWritten(t *testing.T) {
	checkLeaks(t)
	for name, handle := range map[string]func(p *peer){
		"closed without a reply": func(p *peer) { p.request() },
		"reset": func(p *peer) {
			p.request()
			_ = p.Conn.(*net.TCPConn).SetLinger(0)
		},
		"garbage":          func(p *peer) { p.request(); p.say("nonsense\r\n\r\n"); p.closed() },
		"cut in the head":  func(p *peer) { p.request(); p.say("HTTP/1.1 200 OK\r\nX-A") },
		"cut after a head": func(p *peer) { p.request(); p.say("HTTP/1.1 103 E\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			first, second := newFake(t, handle), newFake(t, answering(okJSON))
			var k tries
			_, err := New(Options{}).Send(newRequest("{}"), []Target{first, second}, 2, nil, k.note)
			if e := wantKind(t, err, KindProtocol, 502); e.Retryable || len(k) != 1 {
				t.Errorf("retryable %v, failures %v", e.Retryable, k)
			}
			if second.accepted.Load() != 0 {
				t.Error("the request was sent again")
			}
		})
	}
}

func TestSendWithoutSlots(t *testing.T) {
	checkLeaks(t)
	full, alive := newFake(t, answering(okJSON)), newFake(t, answering(okJSON))
	full.name, full.max = "full", 1
	if !full.Acquire() {
		t.Fatal("no slot at all")
	}
	defer full.Release()
	f := New(Options{})
	var k tries
	reply, err := f.Send(newRequest("{}"), []Target{full, alive}, 0, nil, k.note)
	if err != nil {
		t.Fatalf("a full service must not count as a try: %v", err)
	}
	if reply.Attempts() != 1 || !slices.Equal(k, tries{KindNoSlot}) {
		t.Errorf("got %d attempts, failures %v", reply.Attempts(), k)
	}
	reply.Close()

	full.cfg.MaxInFlight = 1
	_, err = f.Send(newRequest("{}"), []Target{full}, 2, nil, nil)
	if p := wantKind(t, err, KindNoSlot, 503).Public(); p != `service "full" is at its limit: services.max_in_flight = 1` {
		t.Errorf("Public() = %q", p)
	}
	_, err = f.Send(newRequest("{}"), nil, 2, nil, nil)
	wantKind(t, err, KindNoSlot, 503)

	dead := refused(t, "dead")
	_, err = f.Send(newRequest("{}"), []Target{dead, full}, 2, nil, nil)
	wantKind(t, err, KindConnect, 502) // what was tried explains more than what was full

	alive.hc.MaxConns = 1
	held, err := f.Send(newRequest("{}"), []Target{alive}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Send(newRequest("{}"), []Target{alive}, 0, nil, nil)
	if p := wantKind(t, err, KindNoSlot, 503).Public(); !strings.HasSuffix(p, "has no connection left") {
		t.Errorf("Public() = %q", p)
	}
	held.Close()
}
