package forward

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// echoing serves small replies with as little work as possible, so that a
// benchmark measures the client. Requests must come in one piece each.
func echoing(wire string) func(p *peer) {
	return func(p *peer) {
		buf, out := make([]byte, 64<<10), []byte(wire)
		for {
			n, err := p.Read(buf)
			if err != nil {
				return
			}
			if bytes.Contains(buf[:n], []byte("\r\n\r\n")) {
				if _, err := p.Write(out); err != nil {
					return
				}
			}
		}
	}
}

// maxAllocs is what a small reply costs in steady state: the Reply, which is
// not pooled so that closing it twice is safe, and net's descriptor handle for
// the look at the pooled connection.
const maxAllocs = 2

func TestAllocations(t *testing.T) {
	s := newFake(t, echoing(okJSON))
	f, r, plan := New(Options{}), newRequest("{}"), []Target{s}
	r.Source = source(t, "Content-Type: application/json", "User-Agent: c/1", "Accept: */*", "Authorization: Bearer c", "X-Forwarded-For: 10.9.9.9", "Connection: keep-alive")
	r.TrustForwarded = true
	dst := make([]byte, 0, 1024)
	got := testing.AllocsPerRun(500, func() {
		reply, err := f.Send(r, plan, 2, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reply.ReadAll(dst, 1<<20); err != nil {
			t.Fatal(err)
		}
		reply.Close()
	})
	if !raceEnabled && got > maxAllocs {
		t.Errorf("%v allocations a request, want at most %v", got, maxAllocs)
	}
}

// BenchmarkSend compares Send with HostClient.Do on the same service.
func BenchmarkSend(b *testing.B) {
	s := newFake(b, echoing(okJSON))
	body := bytes.Repeat([]byte("x"), 700)
	send := func(b *testing.B, r *Request, plan ...Target) {
		f, dst := New(Options{}), make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			reply, err := f.Send(r, plan, 2, nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := reply.ReadAll(dst, 1<<20); err != nil {
				b.Fatal(err)
			}
			reply.Close()
		}
	}
	b.Run("forward", func(b *testing.B) { send(b, newRequest(string(body)), s) })
	b.Run("hedge not needed", func(b *testing.B) {
		r := newRequest(string(body))
		r.Hedge = Hedge{After: time.Second, Budget: NewBudget(5, 1)}
		send(b, r, s, newFake(b, echoing(okJSON)))
	})
	b.Run("fasthttp", func(b *testing.B) {
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		req.SetRequestURI("http://service.test/v1/chat/completions")
		req.Header.SetMethod("POST")
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(body)
		b.ReportAllocs()
		for b.Loop() {
			if err := s.hc.Do(req, resp); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEvent is one event of a stream, from the service's write to Read.
func BenchmarkEvent(b *testing.B) {
	step := make(chan struct{})
	s := newFake(b, func(p *peer) {
		if _, _, ok := p.request(); !ok {
			return
		}
		p.say(h11 + "Content-Type: text/event-stream\r\n" + te + blank)
		event := []byte(chunked("data: {\"choices\":[{\"delta\":{\"content\":\"a token\"}}]}\n\n"))
		for range step {
			if _, err := p.Write(event); err != nil {
				return
			}
		}
	})
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		step <- struct{}{}
		if _, err := reply.Read(p); err != nil {
			b.Fatal(err)
		}
	}
	close(step)
	reply.Close()
}

// BenchmarkChunks is the decoder alone, on a stream of small events.
func BenchmarkChunks(b *testing.B) {
	parts := make([]string, 41)
	for i := range 40 {
		parts[i] = "data: {\"choices\":[{\"delta\":{\"content\":\"a token\"}}]}\n\n"
	}
	src, dst := []byte(chunked(parts...)), make([]byte, 8<<10)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		d := decoder{framing: byChunks}
		if _, _, err := d.decode(dst, src); err != nil || !d.done() {
			b.Fatal(err, io.ErrUnexpectedEOF)
		}
	}
}
