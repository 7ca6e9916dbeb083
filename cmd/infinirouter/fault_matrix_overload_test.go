//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The rows "queued" and "draining" of the fault matrix: what clients and service
// see, what is counted, and that nothing is left, when something goes wrong
// while a request waits to be let in, or while the router is on its way out.

// stage is a service on which requests of a name do what the test says.
type stage struct {
	*httptest.Server
	mu    sync.Mutex
	seen  map[string]string // by name: "here", "answered", "reset", "gone"
	cues  map[string]chan string
	order []string
}

func setStage(t *testing.T) *stage {
	s := &stage{seen: map[string]string{}, cues: map[string]chan string{}}
	s.Server = startService(t, s.play)
	return s
}

// play waits for the cue of the request's name and does it.
func (s *stage) play(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	name := r.Header.Get("X-Name")
	s.note(name, "here")
	select {
	case cue := <-s.cue(name):
		if cue == "reset" {
			s.note(name, "reset")
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
			return
		}
		s.note(name, "answered")
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"for":%q}`, name)
	case <-r.Context().Done():
		s.note(name, "gone")
	}
}

func (s *stage) note(name, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if what == "here" {
		s.order = append(s.order, name)
	}
	s.seen[name] = what
}

func (s *stage) cue(name string) chan string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cues[name] == nil {
		s.cues[name] = make(chan string, 1)
	}
	return s.cues[name]
}

// saw waits until the service has seen this of a request.
func (s *stage) saw(t *testing.T, name, what string) {
	t.Helper()
	eventually(t, name+" is "+what+" at the service", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.seen[name] == what
	})
}

// client is one request of a matrix's place, on a connection of its own.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func sendAs(t *testing.T, url, name string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := io.WriteString(conn, chatRequest(chat, "X-Name: "+name)); err != nil {
		t.Fatal(err)
	}
	return &client{t, conn, bufio.NewReader(conn)}
}

// hears is the client's view: a status, or 0 for a connection that ended without
// a complete reply.
func (c *client) hears(status int, text string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		if status != 0 {
			c.t.Errorf("no reply: %v", err)
		}
		return
	}
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != status || err != nil || !strings.Contains(string(body), text) {
		c.t.Errorf("%d %s %v, want %d %s", resp.StatusCode, body, err, status, text)
	}
}

func (c *client) leaves() { _ = c.conn.Close() }

// place is a running router of the matrix.
type place struct {
	*testing.T
	*stage
	router *testRouter
}

// counts waits for a line of /metrics.
func (c *place) counts(line string) {
	c.Helper()
	eventually(c.T, line, func() bool {
		_, page := fetch(c.T, "GET", c.router.url+"/metrics", "")
		return strings.Contains(string(page), line+"\n")
	})
}

// leavesNothing runs a place and holds it to the goroutines and descriptors that
// there were before.
func leavesNothing(t *testing.T, run func(*place), toml func(url string) string) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Run("cell", func(t *testing.T) {
		s := setStage(t)
		c := &place{T: t, stage: s}
		c.router = startRouter(t, toml(s.URL))
		eventually(t, "the service is healthy", func() bool { return healthy(c.router.url) })
		run(c)
		if err := c.router.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines+3 })
	eventually(t, "as many open files as before", func() bool { return openFiles(t) <= files+3 })
}

// TestFaultsWhileQueued: A is at the service and takes the only place, B waits.
func TestFaultsWhileQueued(t *testing.T) {
	toml := func(url string) string {
		return oneService(url, "[server]\nmax_in_flight = 1\nrequest_timeout = \"1s\"\ndrain_timeout = \"60s\"\n[server.queue]\nsize = 4\ntimeout = \"60s\"")
	}
	for name, fault := range map[string]func(c *place, a, b *client){
		"client leaves": func(c *place, a, b *client) {
			b.leaves()
			c.counts(`infinirouter_queue_waiting{priority="normal"} 0`)
			c.counts(`infinirouter_queue_wait_seconds_count{end="client_gone",priority="normal"} 1`)
			c.counts(`infinirouter_errors_total{model="",outcome="client_gone",route="default",service=""} 1`)
			c.cue("A") <- "answer"
			a.hears(200, `{"for":"A"}`)
			if got := fmt.Sprint(c.order); got != "[A]" {
				c.Errorf("the service saw %s", got)
			}
		},
		"service resets": func(c *place, a, b *client) {
			c.cue("A") <- "reset"
			a.hears(502, `service \"one\"`)
			c.cue("B") <- "answer"
			b.hears(200, `{"for":"B"}`)
			c.counts(`infinirouter_queue_wait_seconds_count{end="admitted",priority="normal"} 1`)
			c.counts(`infinirouter_requests_in_flight 0`)
		},
		"service hangs": func(c *place, a, b *client) {
			a.hears(504, "request_timeout")
			c.saw(c.T, "A", "gone")
			c.cue("B") <- "answer"
			b.hears(200, `{"for":"B"}`)
			c.counts(`infinirouter_requests_in_flight 0`)
		},
		"router reloads": func(c *place, a, b *client) {
			writeFile(c.T, c.router.config, toml(c.URL)+"weight = 3\n")
			if page := c.router.reload(c.T); page["ok"] != true || page["generation"] != 2.0 {
				c.Errorf("%v", page)
			}
			c.counts(`infinirouter_queue_waiting{priority="normal"} 1`)
			c.cue("A") <- "answer"
			a.hears(200, `{"for":"A"}`)
			c.cue("B") <- "answer"
			b.hears(200, `{"for":"B"}`)
			c.counts(`infinirouter_generation 2`)
		},
		"SIGTERM": func(c *place, a, b *client) {
			ended := make(chan error, 1)
			go func() { ended <- c.router.stop() }()
			refuses(c.T, c.router.url)
			c.cue("A") <- "answer"
			a.hears(200, `{"for":"A"}`)
			c.cue("B") <- "answer"
			b.hears(200, `{"for":"B"}`)
			if err := <-ended; err != nil || !strings.Contains(c.router.log.String(), "msg=drained") {
				c.Errorf("%v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t, func(c *place) {
				a := sendAs(c.T, c.router.url, "A")
				c.saw(c.T, "A", "here")
				b := sendAs(c.T, c.router.url, "B")
				c.counts(`infinirouter_queue_waiting{priority="normal"} 1`)
				fault(c, a, b)
			}, toml)
		})
	}
}

// refuses waits until the router accepts no more.
func refuses(t *testing.T, url string) {
	t.Helper()
	eventually(t, "new connections are refused", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

// TestFaultsWhileDraining: A is at the service when the router is told to end.
func TestFaultsWhileDraining(t *testing.T) {
	for name, c := range map[string]struct {
		limit string
		says  string // the log at the end
		fault func(c *place, a *client)
	}{
		"client leaves": {"60s", "msg=drained", func(c *place, a *client) {
			a.leaves()
			c.saw(c.T, "A", "gone")
		}},
		"service resets": {"60s", "msg=drained", func(c *place, a *client) {
			c.cue("A") <- "reset"
			a.hears(502, `service \"one\"`)
		}},
		"service hangs": {"300ms", "requests were cut at exit", func(_ *place, a *client) {
			a.hears(0, "")
		}},
		"router reloads": {"60s", "msg=drained", func(c *place, a *client) {
			writeFile(c.T, c.router.config, "nonsense = 1\n")
			if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
				c.Fatal(err)
			}
			c.cue("A") <- "answer"
			a.hears(200, `{"for":"A"}`)
			if strings.Contains(c.router.log.String(), "msg=reload") || strings.Contains(c.router.log.String(), "msg=\"reload") {
				c.Error("it reloaded on its way out")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			toml := func(url string) string {
				return oneService(url, fmt.Sprintf("[server]\ndrain_timeout = %q", c.limit))
			}
			run := func(cl *place) {
				a := sendAs(cl.T, cl.router.url, "A")
				cl.saw(cl.T, "A", "here")
				ended := make(chan error, 1)
				go func() { ended <- cl.router.stop() }()
				refuses(cl.T, cl.router.url)
				c.fault(cl, a)
				if err := <-ended; err != nil || !strings.Contains(cl.router.log.String(), c.says) {
					cl.Errorf("serve: %v, log without %q", err, c.says)
				}
			}
			if c.limit == "60s" {
				leavesNothing(t, run, toml)
				return
			}
			// What was cut is the process's to end: it does not go on here.
			s := setStage(t)
			run(&place{T: t, stage: s, router: startRouter(t, toml(s.URL))})
		})
	}
}

// TestSecondSignalEndsAtOnce: who says it twice means it.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	s := setStage(t)
	p := startProcess(t, oneService(s.URL, "[server]\nlisten = \"127.0.0.1:0\"\ndrain_timeout = \"10m\""))
	eventually(t, "the service is healthy", func() bool { return healthy(p.url) })
	http.DefaultClient.CloseIdleConnections()
	a := sendAs(t, p.url, "A")
	s.saw(t, "A", "here")
	for range 2 {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it drains", func() bool { return strings.Contains(p.log.String(), "msg=draining") })
	}
	a.hears(0, "")
	if err := <-p.ended; err == nil || p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", err)
	}
	s.saw(t, "A", "gone")
}
