package host

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func memoryOf(limit int64) *bodyMemory {
	m := &bodyMemory{}
	m.limit.Store(limit)
	return m
}

// headOf is a request's head; length -1 is chunked.
func headOf(length int) *fasthttp.RequestHeader {
	h := &fasthttp.RequestHeader{}
	h.SetMethod("POST")
	h.SetContentLength(length)
	return h
}

func TestBodyShares(t *testing.T) {
	m := memoryOf(1 << 20)
	for _, n := range []int{0, 1, smallBody, 2 << 20} {
		if got := m.admit(headOf(n), 1<<20, time.Minute); got != 1<<20 || m.used.Load() != 0 {
			t.Errorf("%d bytes: may be %d, used %d", n, got, m.used.Load())
		}
	}
	first, second, third := headOf(600<<10), headOf(424<<10), headOf(600<<10)
	if got := m.admit(first, 1<<20, time.Minute); got != 1<<20 || m.used.Load() != 600<<10 {
		t.Errorf("may be %d, used %d", got, m.used.Load())
	}
	if got := m.admit(second, 1<<20, time.Minute); got != 1<<20 || m.used.Load() != 1<<20 {
		t.Errorf("the rest: may be %d, used %d", got, m.used.Load())
	}
	if got := m.admit(third, 1<<20, time.Minute); got != 1 || m.used.Load() != 1<<20 {
		t.Errorf("no room: may be %d, used %d", got, m.used.Load())
	}
	if m.forget(second); m.refused(second) || m.used.Load() != 600<<10 {
		t.Errorf("used %d", m.used.Load())
	}
	if !m.refused(third) {
		t.Error("the third is not refused")
	}
	m.forget(third)
	if got := m.admit(headOf(-1), 1<<20, time.Minute); got != 1<<20 || m.used.Load() != 600<<10 {
		t.Errorf("in chunks: may be %d, used %d", got, m.used.Load())
	}
	// The head of a connection that broke is used again.
	if m.admit(first, 1<<20, time.Minute); m.used.Load() != 600<<10 {
		t.Errorf("used %d", m.used.Load())
	}
	m.forget(first)
	if m.used.Load() != 0 || m.arrivals.Load() != 0 {
		t.Errorf("left: %d, %d arrive", m.used.Load(), m.arrivals.Load())
	}
}

// TestBodyThatNeverArrives: a share that nobody gave back is found when there is
// need of it.
func TestBodyThatNeverArrives(t *testing.T) {
	m := memoryOf(1 << 20)
	m.admit(headOf(1<<20), 1<<20, -arrivalGrace)
	if got := m.admit(headOf(1<<20), 1<<20, time.Minute); got != 1<<20 || m.used.Load() != 1<<20 {
		t.Errorf("may be %d, used %d", got, m.used.Load())
	}
}

func TestSmallBodiesCostNothing(t *testing.T) {
	m, h := memoryOf(1<<20), headOf(smallBody)
	if n := testing.AllocsPerRun(100, func() { m.admit(h, 1<<20, time.Minute) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	large := headOf(100 << 10)
	pass := func() {
		m.admit(large, 1<<20, time.Minute)
		m.forget(large)
	}
	pass()
	if n := testing.AllocsPerRun(100, pass); n != 0 {
		t.Errorf("a large one: %v allocations", n)
	}
}

func BenchmarkBodyShare(b *testing.B) {
	for _, n := range []int{1000, 100 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			m, h := memoryOf(1<<30), headOf(n)
			b.ReportAllocs()
			for b.Loop() {
				m.admit(h, 1<<20, time.Minute)
				m.forget(h)
			}
		})
	}
}

// TestBodyMemoryOfChunks: a body in chunks counts as it grows, and is refused
// where there is no room for its next chunk, whether or not that has come.
func TestBodyMemoryOfChunks(t *testing.T) {
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, "%d", n)
	})
	g := startRig(t, withService(s.URL)+memoryMiB, nil)
	g.healthyService()
	used := func(what string, n int64) {
		t.Helper()
		soon(t, fmt.Sprintf("%s: %d bytes are taken", what, n), func() bool { return g.memory.used.Load() == n })
	}
	const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n"
	say := func(w io.Writer, text string) {
		t.Helper()
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	body := chatOf(600 << 10)
	first := g.dial()
	say(first, head+chunk(body[:10_000]))
	used("a small part", 0)
	say(first, chunk(body[10_000:100_000]))
	used("more", 100_000)
	say(first, fmt.Sprintf("%x\r\n", 300_000)+body[100_000:100_100])
	used("a chunk that has begun", 400_000)

	// Others with what is left: one whose second chunk finds no room, midway, and
	// one that says so much that max_body is what it is over.
	second := g.dial()
	say(second, head+chunk(strings.Repeat(" ", 500_000)))
	used("another", 900_000)
	say(second, fmt.Sprintf("%x\r\n", 200_000))
	if resp, text := second.hear(); resp.StatusCode != 503 || messageOf(text) != refusedMemory || resp.Header.Get("Retry-After") != "1" || !resp.Close {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	used("it is gone", 400_000)
	third := g.dial()
	say(third, head+"ffffffff\r\n")
	if resp, text := third.hear(); resp.StatusCode != 413 {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if status, _, _ := g.must(askM); status != 200 {
		t.Errorf("a small one: %d", status)
	}

	// The first goes on, with another request behind it, large and in chunks too.
	say(first, body[100_100:400_000]+"\r\n"+chunk(body[400_000:])+"0\r\n\r\n"+head+chunk(body)+"0\r\n\r\n")
	for range 2 {
		if resp, text := first.hear(); resp.StatusCode != 200 || text != fmt.Sprint(len(body)) {
			t.Errorf("%d %.200s", resp.StatusCode, text)
		}
	}
	used("all are answered", 0)
	leaver := g.dial()
	say(leaver, head+chunk(body[:200_000]))
	used("one more", 200_000)
	_ = leaver.Close()
	used("it has left", 0)
}

// TestBodyMemoryOfEdits: what a policy writes counts beside the body that came.
func TestBodyMemoryOfEdits(t *testing.T) {
	held := make(chan int64, 1)
	edit := []byte(`["` + strings.Repeat("u", 300<<10) + `"]`)
	var g *rig
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		held <- g.memory.used.Load()
		_, _ = io.WriteString(w, "{}")
	})
	g = startRig(t, withService(s.URL)+memoryMiB, goPolicies{"p": {name: "p", hooks: plugins.HookSet(0).With(abi.OnRequest), call: func(_ abi.Hook, x plugins.Exchange) (abi.Action, error) {
		return abi.Continue, x.Document().Set([]byte("/messages"), edit)
	}}})
	g.healthyService()
	body := chatOf(400 << 10)
	if status, _, _ := g.must(body); status != 200 {
		t.Fatalf("%d", status)
	}
	if n, want := <-held, int64(len(body)+len(edit)); n != want {
		t.Errorf("%d bytes are taken, want %d", n, want)
	}
	soon(t, "all is free", func() bool { return g.memory.used.Load() == 0 })
	if status, _, text := g.must(chatOf(800 << 10)); status != 503 || messageOf(text) != refusedMemory {
		t.Errorf("together too much: %d %s", status, text)
	}
	soon(t, "all is free", func() bool { return g.memory.used.Load() == 0 })
}

// TestSmallRequestHoldsNoLargeBuffer: what is open holds what its own body needs,
// and not what a large one before it needed.
func TestSmallRequestHoldsNoLargeBuffer(t *testing.T) {
	var sizes []int
	held := make(chan int, 1)
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{}")
	})
	g := startRig(t, withService(s.URL)+memoryMiB, goPolicies{"p": {name: "p", hooks: plugins.HookSet(0).With(abi.OnRequest), call: func(_ abi.Hook, px plugins.Exchange) (abi.Action, error) {
		x := px.(*exchange)
		if len(x.body.raw) < 1000 {
			held <- cap(x.body.raw)
		}
		return abi.Continue, x.Document().Set([]byte("/user"), []byte(`"u"`))
	}}})
	g.healthyService()
	c := g.dial()
	for range 20 {
		for _, n := range []int{300 << 10, 500} {
			c.send(chatPath, chatOf(n))
			if n == 500 {
				sizes = append(sizes, <-held)
			}
			if resp, text := c.hear(); resp.StatusCode != 200 {
				t.Fatalf("%d %s", resp.StatusCode, text)
			}
		}
	}
	if most := slices.Max(sizes); len(sizes) != 20 || most > smallBody {
		t.Errorf("%d bytes are held for a body of 500: %v", most, sizes)
	}
}

const memoryMiB = "[server]\nmax_body = \"1MiB\"\nmax_reply_body = \"1MiB\"\nmax_body_memory = \"1MiB\"\n"

// chatOf is a chat request of n bytes.
func chatOf(n int) string {
	const head, tail = `{"model":"m","messages":[{"role":"user","content":"`, `"}]}`
	return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
}

const refusedMemory = "over the limit server.max_body_memory = 1048576"

// TestBodyMemory: a body that there is no room for is refused before it comes;
// what a body took is free again once its reply is written.
func TestBodyMemory(t *testing.T) {
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{}")
	})
	g := startRig(t, withService(s.URL)+memoryMiB, nil)
	g.healthyService()
	body := chatOf(700 << 10)
	slow := g.dial()
	head := fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nContent-Length: %d\r\n\r\n", len(body))
	if _, err := io.WriteString(slow, head); err != nil {
		t.Fatal(err)
	}
	soon(t, "its share is taken", func() bool { return g.memory.used.Load() == int64(len(body)) })
	if got := g.metric("infinirouter_body_memory_bytes"); got != "infinirouter_body_memory_bytes 716800" {
		t.Errorf("metric %s", got)
	}

	refused := g.dial()
	if _, err := io.WriteString(refused, head); err != nil {
		t.Fatal(err)
	}
	resp, text := refused.hear()
	if resp.StatusCode != 503 || messageOf(text) != refusedMemory || resp.Header.Get("Retry-After") != "1" || !resp.Close {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, text)
	}
	chunked := g.dial()
	if _, err := io.WriteString(chunked, "POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n60000\r\n"); err != nil {
		t.Fatal(err)
	}
	if resp, text = chunked.hear(); resp.StatusCode != 503 || messageOf(text) != refusedMemory {
		t.Errorf("in chunks: %d %s", resp.StatusCode, text)
	}
	asking := g.dial()
	if _, err := io.WriteString(asking, strings.Replace(head, "Host: r", "Host: r\r\nExpect: 100-continue", 1)); err != nil {
		t.Fatal(err)
	}
	if resp, text = asking.hear(); resp.StatusCode != 503 || messageOf(text) != refusedMemory {
		t.Errorf("who asks first: %d %s", resp.StatusCode, text)
	}
	if status, _, _ := g.must(askM); status != 200 {
		t.Errorf("a small one: %d", status)
	}
	if _, err := io.WriteString(slow, body); err != nil {
		t.Fatal(err)
	}
	if resp, text := slow.hear(); resp.StatusCode != 200 {
		t.Errorf("the first: %d %s", resp.StatusCode, text)
	}
	soon(t, "its share is free", func() bool { return g.memory.used.Load() == 0 })
	slow.send(chatPath, body)
	if resp, text := slow.hear(); resp.StatusCode != 200 {
		t.Errorf("the next: %d %s", resp.StatusCode, text)
	}
	soon(t, "its share is free", func() bool { return g.memory.used.Load() == 0 })
	// A client that leaves while it sends.
	leaver := g.dial()
	if _, err := io.WriteString(leaver, head); err != nil {
		t.Fatal(err)
	}
	soon(t, "its share is taken", func() bool { return g.memory.used.Load() > 0 })
	_ = leaver.Close()
	soon(t, "its share is free", func() bool { return g.memory.used.Load() == 0 })
	if got := g.metric("infinirouter_shed_total"); got != `infinirouter_shed_total{knob="server.max_body_memory"} 3` {
		t.Errorf("metric %s", got)
	}
}

// TestReplyMemory: a whole reply is counted until its client has taken it, and
// refused where there is no room, its service not blamed.
func TestReplyMemory(t *testing.T) {
	reply := `{"text":"` + strings.Repeat("y", 600<<10) + `"}`
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("X-Chunked") == "" {
			w.Header().Set("Content-Length", fmt.Sprint(len(reply)))
		} else {
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, reply)
	})
	g := startRig(t, withService(s.URL)+memoryMiB, nil)
	g.healthyService()
	for _, chunked := range []string{"", "1"} {
		if status, _, text := g.must(askM, "X-Chunked", chunked); status != 200 || text != reply {
			t.Fatalf("%d, %d bytes", status, len(text))
		}
		soon(t, "all is free", func() bool { return g.memory.used.Load() == 0 })
	}
	held := g.dial()
	body := chatOf(900 << 10)
	if _, err := fmt.Fprintf(held, "POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nContent-Length: %d\r\n\r\n", len(body)); err != nil {
		t.Fatal(err)
	}
	soon(t, "most is taken", func() bool { return g.memory.used.Load() == int64(len(body)) })
	for _, chunked := range []string{"", "1"} {
		status, header, text := g.must(askM, "X-Chunked", chunked)
		if status != 503 || messageOf(text) != refusedMemory || header.Get("Retry-After") != "1" {
			t.Errorf("chunked %q: %d %.200s", chunked, status, text)
		}
	}
	if f := g.current.Load().services.All()[0].Figures(); f.Errors != 0 || !f.Healthy {
		t.Errorf("the service is blamed: %+v", f)
	}
	_ = held.Close()
	soon(t, "all is free", func() bool { return g.memory.used.Load() == 0 })
}
