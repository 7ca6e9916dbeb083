package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/engine"
)

var testPolling = config.Polling{Interval: time.Second, Timeout: time.Second, Expire: 10 * time.Second}

// looks answers looks, and remembers what was asked.
type looks struct {
	mu      sync.Mutex
	figures engine.Figures
	err     error
	targets []Target
	paths   []string
}

func (l *looks) look(_ context.Context, t Target, path string) (engine.Figures, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.targets, l.paths = append(l.targets, t), append(l.paths, path)
	return l.figures, l.err
}

func (l *looks) say(f engine.Figures, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures, l.err = f, err
}

func (l *looks) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.paths)
}

// last returns the path that was asked last, "" when none was.
func (l *looks) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.paths) == 0 {
		return ""
	}
	return l.paths[len(l.paths)-1]
}

// first returns what was asked first.
func (l *looks) first() (Target, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.targets[0], l.paths[0]
}

// newPolled starts a set whose services are looked at.
func newPolled(t *testing.T, l *looks, out io.Writer, prev *Set, o Options, cfgs ...config.Service) *Set {
	t.Helper()
	f := newFakes()
	for _, cfg := range cfgs {
		f.set(cfg.Name, up("m"))
	}
	o.Probe, o.Look, o.Polling = f.probe, l.look, testPolling
	o.Logger = slog.New(slog.NewTextHandler(out, nil))
	s, err := NewSet(cfgs, testHealth, time.Second, prev, o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start(t.Context())
	s.WaitReady(t.Context(), time.Minute)
	synctest.Wait()
	return s
}

func TestPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := &looks{figures: engine.Figures{Engine: "vllm", Running: 8, Waiting: 2, CacheUse: 0.5}}
		cfg := named("a")
		cfg.Metrics, cfg.APIKey = config.MetricsAuto, "sk"
		s := newPolled(t, l, &out, nil, Options{ByLoad: true}, cfg)
		defer s.Release()
		a := s.ByName("a")
		if target, path := l.first(); l.count() != 1 || path != "" || target.APIKey != "sk" || target.Timeout != time.Second {
			t.Fatalf("not looked at, once and as it was told: %+v", target)
		}
		if f, at, ok := a.Reported(); !ok || f.Engine != "vllm" || !at.Equal(time.Now()) || a.Load() != 14 {
			t.Errorf("reported %+v, %v, load %v", f, ok, a.Load())
		}
		a.Acquire()
		a.Acquire()
		if a.Load() != 16 {
			t.Errorf("with two requests of ours more: %v", a.Load())
		}
		pass(10 * time.Second)
		if n := l.count(); n < 9 || n > 13 {
			t.Errorf("%d looks in 10 s", n)
		}
		if a.Load() != 14 {
			t.Errorf("the look has those two: %v", a.Load())
		}
		a.Release()
		if a.Load() != 13 {
			t.Errorf("one has ended since: %v", a.Load())
		}
		l.say(engine.Figures{Engine: "vllm", Running: 0, Waiting: 0, CacheUse: 1}, nil)
		pass(2 * time.Second)
		if a.Load() != 1 {
			t.Errorf("below our own: %v", a.Load())
		}
		a.Acquire()
		if a.Load() != 2 {
			t.Errorf("in a full cache each counts twice: %v", a.Load())
		}
		l.say(engine.Figures{}, errors.New("GET /metrics: status 500"))
		pass(5 * time.Second)
		if _, _, ok := a.Reported(); !ok {
			t.Error("the last figures do not outlive one bad look")
		}
		pass(7 * time.Second)
		if _, _, ok := a.Reported(); ok || a.Load() != 2 {
			t.Error("figures of long ago count")
		}
		out.Reset()
		l.say(engine.Figures{Engine: "vllm"}, nil)
		pass(2 * time.Second)
		if _, _, ok := a.Reported(); !ok || !strings.Contains(out.String(), "service tells its load again") {
			t.Errorf("not heard again: %s", out.String())
		}
	})
}

func TestWhoIsPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			metrics       string
			byLoad, polls bool
			path          string
			warns         bool
		}{
			{"auto", false, false, "", false},
			{"auto", true, true, "", false},
			{"/stats/prometheus", false, true, "/stats/prometheus", false},
			{"/m", true, true, "/m", false},
			{"off", false, false, "", false},
			{"off", true, false, "", true},
		} {
			var out bytes.Buffer
			l := &looks{figures: engine.Figures{Engine: "x"}}
			cfg := named("a")
			cfg.Metrics = c.metrics
			s := newPolled(t, l, &out, nil, Options{ByLoad: c.byLoad}, cfg)
			pass(3 * time.Second)
			if polls := l.count() > 0; polls != c.polls || polls && l.last() != c.path {
				t.Errorf("%+v: looked at %q", c, l.last())
			}
			if warns := strings.Contains(out.String(), `metrics = \"off\" hides it`); warns != c.warns {
				t.Errorf("%+v: logged %s", c, out.String())
			}
			s.Release()
			synctest.Wait() // the poller ends with the last set, or the bubble fails
		}
	})
}

// TestReloadTurnsPollingOnAndOff, for one and the same service.
func TestReloadTurnsPollingOnAndOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looks{figures: engine.Figures{Engine: "x", Running: 7}}
		var s *Set
		for i, metrics := range []string{"off", "/a", "/a", "/b", "off", "/a"} {
			cfg := named("a")
			cfg.Metrics = metrics
			next := newPolled(t, l, io.Discard, s, Options{}, cfg)
			if s != nil {
				s.Release()
			}
			s = next
			pass(2 * time.Second)
			before := l.count()
			pass(10 * time.Second)
			looked := l.count() - before
			if on := metrics != "off"; on && (looked < 8 || looked > 13 || l.last() != metrics) || !on && looked != 0 {
				t.Errorf("step %d, metrics = %q: %d looks", i, metrics, looked)
			}
			if _, _, ok := s.ByName("a").Reported(); ok != (metrics != "off") {
				t.Errorf("step %d, metrics = %q: figures: %v", i, metrics, ok)
			}
		}
		s.Release()
	})
}

func TestMissingSignalsAreSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := &looks{err: errors.New("GET /metrics: status 404")}
		cfg := named("a")
		cfg.Metrics = "/metrics"
		s := newPolled(t, l, &out, nil, Options{}, cfg)
		defer s.Release()
		expect := func(want ...string) {
			t.Helper()
			pass(30 * time.Second)
			lines := slices.DeleteFunc(strings.Split(out.String(), "\n"), func(line string) bool { return !strings.Contains(line, "load") })
			if len(lines) != len(want) {
				t.Fatalf("logged %q, want %d lines", lines, len(want))
			}
			for i := range want {
				if !strings.Contains(lines[i], want[i]) {
					t.Errorf("logged %q, want %q", lines[i], want[i])
				}
			}
			out.Reset()
		}
		expect(`level=WARN msg="service does not tell its load: only this router's own requests count"`)
		nan := engine.Figures{}.CacheUse / engine.Figures{}.CacheUse
		l.say(engine.Figures{Engine: "tgi", CacheUse: nan}, nil)
		expect("again", `level=WARN msg="service's metrics lack signals that its load is made of" service=a engine=tgi missing=[cache_use]`)
		expect()
		l.say(engine.Figures{Engine: "tgi", CacheUse: nan, Waiting: nan}, nil)
		expect("missing=\"[waiting cache_use]\"")
		l.say(engine.Figures{Engine: "tgi"}, nil)
		expect()
	})
}

// TestLookOverHTTP asks real pages, of services that behave and that do not.
func TestLookOverHTTP(t *testing.T) {
	const page = "vllm:num_requests_running 3\nvllm:num_requests_waiting 1\nvllm:kv_cache_usage_perc 0.5\n"
	type paths map[string]http.HandlerFunc
	for name, c := range map[string]struct {
		path  string
		paths paths
		want  string // the error, "" for figures
	}{
		"vllm":                 {"", paths{"/metrics": reply(200, page)}, ""},
		"trtllm-serve":         {"", paths{"/metrics": reply(200, `[{"iter":1}]`+"\n"), "/prometheus/metrics": reply(200, "trtllm_num_requests_running 3\n")}, ""},
		"a path":               {"/m", paths{"/m": reply(200, page)}, ""},
		"a path, and no other": {"/m", paths{"/metrics": reply(200, page)}, "GET /m: status 404"},
		"none": {
			"",
			paths{},
			"GET /metrics: status 404; GET /prometheus/metrics: status 404",
		},
		"of something else": {"/metrics", paths{"/metrics": reply(200, "up 1\n")}, "GET /metrics: no metric of an engine that is known"},
		"a redirect":        {"/metrics", paths{"/metrics": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/m", http.StatusFound) }, "/m": reply(200, page)}, "GET /metrics: status 302"},
		"endless":           {"/metrics", paths{"/metrics": endless}, "GET /metrics: the page is over 8388608 bytes"},
		"cut":               {"/metrics", paths{"/metrics": cutShort}, "GET /metrics: unexpected EOF"},
		"silent":            {"/metrics", paths{"/metrics": hang}, `GET /metrics: no answer within [load] timeout = "2s"`},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			for path, handler := range c.paths {
				mux.HandleFunc(path, handler)
			}
			var conns sync.Map
			server := httptest.NewUnstartedServer(mux)
			server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
				if state == http.StateNew {
					conns.Store(conn, true)
				}
			}
			server.Start()
			defer server.Close()
			where, err := locate(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			d, _, err := newDialer(config.Service{}, where, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			l := newHTTPLook(server.URL, d)
			defer l.close()
			for range 3 {
				f, err := l.look(t.Context(), Target{Timeout: 2 * time.Second, knob: "[load] timeout"}, c.path)
				if c.want != "" {
					if err == nil || err.Error() != c.want {
						t.Fatalf("%v, want %s", err, c.want)
					}
					return
				}
				if err != nil || f.Running != 3 {
					t.Fatalf("%+v, %v", f, err)
				}
			}
			n := 0
			conns.Range(func(any, any) bool { n++; return true })
			if n > 2 {
				t.Errorf("%d connections for three looks", n)
			}
		})
	}
}
