package host

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/admission"
	"github.com/infinirouter/infinirouter/host/route"
)

// holding is a service that answers a request when the test lets it.
type holding struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	names   []string // X-Name of the requests that came, in order
	release chan struct{}
}

func startHolding(t *testing.T) *holding {
	h := &holding{t: t, release: make(chan struct{})}
	h.Server = backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h.mu.Lock()
		h.names = append(h.names, r.Header.Get("X-Name"))
		h.mu.Unlock()
		select {
		case <-h.release:
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	})
	return h
}

func (h *holding) came() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.names...)
}

// arrive waits until the n-th request has reached the service.
func (h *holding) arrive(n int) {
	h.t.Helper()
	soon(h.t, fmt.Sprintf("%d requests at the service", n), func() bool { return len(h.came()) >= n })
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	text   string
	err    error
}

// later asks without waiting for the answer.
func (g *rig) later(ctx context.Context, body string, headers ...string) chan answer {
	ch := make(chan answer, 1)
	go func() {
		var a answer
		a.status, a.header, a.text, a.err = g.ask(ctx, body, headers...)
		ch <- a
	}()
	return ch
}

// queued waits until n requests wait.
func (g *rig) queued(n int64) {
	g.t.Helper()
	soon(g.t, fmt.Sprintf("%d in the queue", n), func() bool {
		var sum int64
		for _, c := range g.entrance.queue.Waiting() {
			sum += c
		}
		return sum == n
	})
}

func (g *rig) healthyService() {
	g.t.Helper()
	soon(g.t, "the service is healthy", func() bool { return g.current.Load().services.Healthy() > 0 })
}

const twoKeys = "[[api_keys]]\nid = \"a\"\nkey = \"ka\"\n%s\n[[api_keys]]\nid = \"b\"\nkey = \"kb\"\n%s\n"

// TestLimits: each limit by itself, without a queue.
func TestLimits(t *testing.T) {
	h := startHolding(t)
	for _, c := range []struct {
		name, toml, message string
		status              int
		knob                string
	}{
		{"server", "[server]\nmax_in_flight = 1\n", "over the limit server.max_in_flight = 1", 503, knobInFlight},
		{"route", "[[routes]]\nname = \"chat\"\npath = \"/chat/*\"\nmax_in_flight = 1\n", "over the limit routes.chat.max_in_flight = 1", 503, knobRoute},
		{"key", fmt.Sprintf(twoKeys, "max_in_flight = 1", ""), "over the limit api_keys.a.max_in_flight = 1", 429, knobKey},
		{"key and server", "[server]\nmax_in_flight = 1\n" + fmt.Sprintf(twoKeys, "max_in_flight = 1", ""), "over the limit api_keys.a.max_in_flight = 1", 429, knobKey},
		{"service", "max_in_flight = 1\n", `service "one" is at its limit: services.max_in_flight = 1`, 503, knobSlots},
	} {
		t.Run(c.name, func(t *testing.T) {
			came := len(h.came())
			toml := withService(h.URL) + c.toml
			g := startRig(t, toml, nil)
			g.healthyService()
			first := g.later(t.Context(), askM, "Authorization", "Bearer ka")
			h.arrive(came + 1)
			status, header, text := g.must(askM, "Authorization", "Bearer ka")
			if status != c.status || messageOf(text) != c.message || header.Get("Retry-After") != "1" {
				t.Errorf("%d %v %s", status, header, text)
			}
			if got, want := g.metric("infinirouter_shed_total"), fmt.Sprintf("infinirouter_shed_total{knob=%q} 1", c.knob); got != want {
				t.Errorf("metric %s, want %s", got, want)
			}
			h.release <- struct{}{}
			if a := <-first; a.status != 200 {
				t.Errorf("the first: %+v", a)
			}
			g.idle()
			next := g.later(t.Context(), askM, "Authorization", "Bearer ka")
			h.release <- struct{}{}
			if a := <-next; a.status != 200 {
				t.Errorf("the next: %+v", a)
			}
		})
	}
}

const queueOf = "[server]\nmax_in_flight = 1\n[server.queue]\nsize = %d\ntimeout = %q\n"

// TestQueueOrder: a higher class first, and within one who came first.
func TestQueueOrder(t *testing.T) {
	h := startHolding(t)
	g := startRig(t, withService(h.URL)+fmt.Sprintf(queueOf, 10, "60s")+
		fmt.Sprintf(twoKeys, "priority = \"high\"", "")+
		"[[routes]]\nname = \"batch\"\npriority = \"low\"\nheaders = { X-Batch = \"1\" }\n[[routes]]\nname = \"rest\"\n", nil)
	g.healthyService()
	answers := []chan answer{g.later(t.Context(), askM, "X-Name", "first", "X-Api-Key", "kb")}
	h.arrive(1)
	for i, headers := range [][]string{
		{"X-Name", "low 1", "X-Api-Key", "kb", "X-Batch", "1"},
		{"X-Name", "normal 1", "X-Api-Key", "kb"},
		{"X-Name", "high 1", "X-Api-Key", "ka", "X-Batch", "1"},
		{"X-Name", "normal 2", "X-Api-Key", "kb"},
		{"X-Name", "high 2", "X-Api-Key", "ka"},
	} {
		answers = append(answers, g.later(t.Context(), askM, headers...))
		g.queued(int64(i + 1))
	}
	for _, want := range []string{`queue_waiting{priority="high"} 2`, `queue_waiting{priority="normal"} 2`, `queue_waiting{priority="low"} 1`} {
		if got := g.metric("infinirouter_queue_waiting"); !strings.Contains(got, want) {
			t.Errorf("metric %s lacks %s", got, want)
		}
	}
	for i := range answers {
		h.arrive(i + 1)
		h.release <- struct{}{}
	}
	for _, ch := range answers {
		if a := <-ch; a.status != 200 {
			t.Errorf("%+v", a)
		}
	}
	if got, want := fmt.Sprint(h.came()), "[first high 1 high 2 normal 1 normal 2 low 1]"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	if got := g.metric(`infinirouter_queue_wait_seconds_count{end="admitted",priority="high"}`); !strings.HasSuffix(got, " 2") {
		t.Errorf("metric %s", got)
	}
}

// TestQueueSheds: what does not fit in and what waits too long is told why; pages
// are answered meanwhile.
func TestQueueSheds(t *testing.T) {
	h := startHolding(t)
	g := startRig(t, withService(h.URL)+fmt.Sprintf(queueOf, 1, "300ms")+fmt.Sprintf(twoKeys, "", "max_in_flight = 1"), nil)
	g.healthyService()
	first := g.later(t.Context(), askM, "X-Api-Key", "kb")
	h.arrive(1)
	second := g.later(t.Context(), askM, "X-Api-Key", "ka")
	g.queued(1)
	status, header, text := g.must(askM, "X-Api-Key", "ka")
	if status != 503 || messageOf(text) != "the queue is full (server.queue.size = 1): over the limit server.max_in_flight = 1" || header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", status, header, text)
	}
	for _, page := range []string{"/health", "/readyz", "/livez", "/metrics"} {
		if status, _, _ := g.page(page); status != 200 {
			t.Errorf("%s: %d", page, status)
		}
	}
	if a := <-second; a.status != 503 || messageOf(a.text) != "waited 300ms in the queue (server.queue.timeout): over the limit server.max_in_flight = 1" || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v", a)
	}
	// Its own limit is the client's own matter.
	if status, header, text := g.must(askM, "X-Api-Key", "kb"); status != 429 || messageOf(text) != "waited 300ms in the queue (server.queue.timeout): over the limit api_keys.b.max_in_flight = 1" || header.Get("Retry-After") == "" {
		t.Errorf("%d %s", status, text)
	}
	h.release <- struct{}{}
	if a := <-first; a.status != 200 {
		t.Errorf("%+v", a)
	}
	if n := len(h.came()); n != 1 {
		t.Errorf("%d requests reached the service", n)
	}
}

// TestFullServicesQueue: while all services of a model are full its requests
// wait, in order, and others pass.
func TestFullServicesQueue(t *testing.T) {
	h, free := startHolding(t), backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	g := startRig(t, withService(h.URL)+"max_in_flight = 1\n"+fmt.Sprintf("[[services]]\nname = \"two\"\nurl = %q\nmodels = [\"other\"]\n", free.URL)+
		"[server]\nmax_in_flight = 3\n[server.queue]\nsize = 10\ntimeout = \"60s\"\n", nil)
	soon(t, "both are healthy", func() bool { return g.current.Load().services.Healthy() == 2 })
	answers := []chan answer{g.later(t.Context(), askM, "X-Name", "0")}
	h.arrive(1)
	const more = 4
	for i := range more {
		answers = append(answers, g.later(t.Context(), askM, "X-Name", fmt.Sprint(i+1)))
		g.queued(int64(i + 1))
	}
	if status, _, text := g.must(`{"model":"other"}`); status != 200 {
		t.Errorf("another model: %d %s", status, text)
	}
	for i := range answers {
		h.arrive(i + 1)
		if n := len(h.came()); n != i+1 {
			t.Errorf("%d at the service at once", n-i)
		}
		h.release <- struct{}{}
	}
	for _, ch := range answers {
		if a := <-ch; a.status != 200 {
			t.Errorf("%+v", a)
		}
	}
	if got := fmt.Sprint(h.came()); got != "[0 1 2 3 4]" {
		t.Errorf("order %s", got)
	}
}

func TestFullServicesShed(t *testing.T) {
	h := startHolding(t)
	g := startRig(t, withService(h.URL)+"max_in_flight = 1\n[server.queue]\nsize = 10\ntimeout = \"100ms\"\n", nil)
	g.healthyService()
	first := g.later(t.Context(), askM)
	h.arrive(1)
	status, header, text := g.must(askM)
	if want := `waited 100ms in the queue (server.queue.timeout): all 1 services of model "m" are full (services.max_in_flight)`; status != 503 || messageOf(text) != want || header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", status, text)
	}
	h.release <- struct{}{}
	<-first
}

// TestReloadOpensGates: a limit that a reload lifts lets in who waits.
func TestReloadOpensGates(t *testing.T) {
	h := startHolding(t)
	toml := withService(h.URL) + fmt.Sprintf(queueOf, 10, "60s")
	g := startRig(t, toml, nil)
	g.healthyService()
	first := g.later(t.Context(), askM)
	h.arrive(1)
	second := g.later(t.Context(), askM)
	g.queued(1)
	g.write(strings.Replace(toml, "max_in_flight = 1", "max_in_flight = 2", 1))
	if _, err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.arrive(2)
	close(h.release)
	for _, ch := range []chan answer{first, second} {
		if a := <-ch; a.status != 200 {
			t.Errorf("%+v", a)
		}
	}
}

// TestCrowd: many requests, a narrow gate, a narrower service, some clients in a
// hurry: each is answered or gone, never more are in than may be, and nothing is
// left.
func TestCrowd(t *testing.T) {
	var mu sync.Mutex
	in, most := 0, 0
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		in++
		most = max(most, in)
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		in--
		mu.Unlock()
		_, _ = io.WriteString(w, "{}")
	})
	g := startRig(t, withService(s.URL)+"max_in_flight = 2\n[server]\nmax_in_flight = 5\n[server.queue]\nsize = 30\ntimeout = \"60s\"\n", nil)
	g.healthyService()
	var counts sync.Map
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for j := range 10 {
				ctx, cancel := context.WithCancel(context.Background())
				if (i+j)%7 == 0 {
					ctx, cancel = context.WithTimeout(context.Background(), time.Duration(i%5)*time.Millisecond)
				}
				status, _, text, err := g.ask(ctx, askM)
				cancel()
				if err == nil && status != 200 && (status != 503 || !strings.Contains(text, "the queue is full")) {
					t.Errorf("%d %s", status, text)
				}
				n, _ := counts.LoadOrStore(status, new(int))
				mu.Lock()
				*n.(*int)++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	g.idle()
	if most > 2 {
		t.Errorf("%d at the service at once", most)
	}
	if !g.entrance.queue.Empty() || g.entrance.all.InFlight() != 0 || g.slots.waiting.Load() != 0 {
		t.Errorf("left: waiting %v, in flight %d", g.entrance.queue.Waiting(), g.entrance.all.InFlight())
	}
	if status, _, text := g.must(askM); status != 200 {
		t.Errorf("afterwards: %d %s", status, text)
	}
}

// TestEnterAllocatesNothing: nor does it where all limits are set.
func TestEnterAllocatesNothing(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates
	}
	r, x := entering(t)
	if n := testing.AllocsPerRun(1000, func() { enterAndLeave(t, r, x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// entering is a request before gates of all kinds.
func entering(tb testing.TB) (*Router, *exchange) {
	r, x := &Router{}, newTestExchange(tb, chatBody)
	r.entrance.all = &gate{}
	routes, key := &gate{}, &gate{}
	for _, g := range []*gate{r.entrance.all, routes, key} {
		g.SetLimit(10)
	}
	x.keyID = "a"
	x.gen = &generation{classes: map[*route.Route]class{x.route: {gate: routes}}, keyClasses: map[string]class{"a": {gate: key, priority: admission.High, ranked: true}}}
	return r, x
}

func enterAndLeave(tb testing.TB, r *Router, x *exchange) {
	if f := r.enter(x); f != nil {
		tb.Fatal(f.message)
	}
	x.leaveGates()
	r.entrance.queue.Wake()
}

// BenchmarkEnter is what all of admission costs a request while nobody waits.
func BenchmarkEnter(b *testing.B) {
	r, x := entering(b)
	b.ReportAllocs()
	for b.Loop() {
		enterAndLeave(b, r, x)
	}
}
