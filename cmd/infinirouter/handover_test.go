//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var servingPID = regexp.MustCompile(`msg=serving .*pid=(\d+)`)

// pids are the processes that have served so far, in order.
func (p *process) pids() []int {
	var out []int
	for _, m := range servingPID.FindAllStringSubmatch(p.log.String(), -1) {
		n, _ := strconv.Atoi(m[1])
		out = append(out, n)
	}
	return out
}

// endLast ends the process that serves last, and waits until none is left: the
// log's pipe closes with the last one that holds it.
func (p *process) endLast(t *testing.T) {
	t.Helper()
	pids := p.pids()
	_ = syscall.Kill(pids[len(pids)-1], syscall.SIGTERM)
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("serve: %v", err)
		}
	case <-time.After(60 * time.Second):
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		t.Error("a router did not end")
	}
}

// TestHandOver replaces the process again and again while clients ask, on
// connections that they keep and on new ones: none is refused, reset or cut.
func TestHandOver(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), "stream") {
			_, _ = w.Write(body)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 10 {
			_, _ = fmt.Fprintf(w, "data: {\"n\":%d}\n\n", i)
			w.(http.Flusher).Flush()
			time.Sleep(3 * time.Millisecond)
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	p := startProcess(t, oneService(s.URL, "[server]\nlisten = \"127.0.0.1:0\"\naccess_log = false"))
	defer p.endLast(t)
	for !healthy(p.url) {
		time.Sleep(5 * time.Millisecond)
	}
	clients := startHandOverClients(strings.TrimPrefix(p.url, "http://"))
	const times = 5
	for i := range times {
		asked := clients.asked.Load()
		eventually(t, "requests pass", func() bool { return clients.asked.Load() > asked+50 })
		before := p.pids()[i]
		if err := syscall.Kill(before, syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a new process serves", func() bool { return len(p.pids()) == i+2 })
		eventually(t, "the one before has drained", func() bool { return strings.Count(p.log.String(), "msg=drained") == i+1 })
		if i == 0 {
			continue // of the test's own, which waits for it at the end
		}
		eventually(t, "it has ended", func() bool { return gone(before) })
	}
	for _, err := range clients.stop() {
		t.Error(err)
	}
	if strings.Contains(p.log.String(), "requests were cut") {
		t.Error("requests were cut")
	}
	t.Logf("%d requests over %d processes", clients.asked.Load(), times+1)
}

// gone reports whether a process has ended, reaped or not.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) != nil
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

// handOverClients ask without pause and forgive nothing.
type handOverClients struct {
	address string
	asked   atomic.Int64
	done    chan struct{}
	workers sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

func startHandOverClients(address string) *handOverClients {
	c := &handOverClients{address: address, done: make(chan struct{})}
	for i := range 6 {
		keep, body := i%2 == 0, chat
		if i >= 4 {
			body = streamChat
		}
		c.workers.Go(func() {
			if err := c.run(keep, body); err != nil {
				c.mu.Lock()
				c.errs = append(c.errs, fmt.Errorf("keep %v: %w", keep, err))
				c.mu.Unlock()
			}
		})
	}
	return c
}

func (c *handOverClients) stop() []error {
	close(c.done)
	c.workers.Wait()
	return c.errs
}

// run asks until stop. A connection is used again as long as replies do not say
// that it ends.
func (c *handOverClients) run(keep bool, body string) error {
	var conn net.Conn
	var in *bufio.Reader
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for {
		select {
		case <-c.done:
			return nil
		default:
		}
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", c.address); err != nil {
				return err
			}
			in = bufio.NewReader(conn)
		}
		closes, err := askRaw(conn, in, body)
		if err != nil {
			return err
		}
		c.asked.Add(1)
		if closes || !keep {
			_ = conn.Close()
			conn = nil
		}
	}
}

func askRaw(conn net.Conn, in *bufio.Reader, body string) (closes bool, err error) {
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, chatRequest(body)); err != nil {
		return false, err
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return false, err
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, err
	}
	whole := string(got) == body || strings.HasSuffix(string(got), "{\"n\":9}\n\ndata: [DONE]\n\n")
	if resp.StatusCode != 200 || !whole {
		return false, fmt.Errorf("%d %q", resp.StatusCode, got)
	}
	return resp.Close, nil
}

// TestHandOverThatFails: a new process that cannot serve leaves the old one at work.
func TestHandOverThatFails(t *testing.T) {
	s := startService(t, echo)
	p := startProcess(t, oneService(s.URL, "[server]\nlisten = \"127.0.0.1:0\"\naccess_log = false"))
	defer p.endLast(t)
	for !healthy(p.url) {
		time.Sleep(5 * time.Millisecond)
	}
	good, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, p.config, "nonsense = 1\n")
	if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old one says so", func() bool { return strings.Contains(p.log.String(), "no new process took over") })
	writeFile(t, p.config, string(good))
	if resp, got := fetch(t, "POST", p.url+"/v1/chat/completions", chat); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

// notifications is a systemd that listens.
func notifications(t *testing.T) (path string, told func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	var log syncBuffer
	go func() {
		buf := make([]byte, 4<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			_, _ = log.Write(append(buf[:n:n], "\n\n"...))
		}
	}()
	return path, log.String
}

// TestSystemdIsTold: ready, alive, reloading, replaced, stopping.
func TestSystemdIsTold(t *testing.T) {
	path, told := notifications(t)
	s := startService(t, echo)
	p := startProcess(t, oneService(s.URL, "[server]\nlisten = \"127.0.0.1:0\""), "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=200000")
	eventually(t, "ready", func() bool {
		return strings.Contains(told(), fmt.Sprintf("READY=1\nMAINPID=%d\n", p.cmd.Process.Pid))
	})
	eventually(t, "alive", func() bool { return strings.Count(told(), "WATCHDOG=1") >= 3 })
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "reloading and ready again", func() bool {
		_, after, ok := strings.Cut(told(), "RELOADING=1\nMONOTONIC_USEC=")
		return ok && strings.Contains(after, "READY=1")
	})
	if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process", func() bool { return len(p.pids()) == 2 })
	eventually(t, "the main one", func() bool { return strings.Contains(told(), fmt.Sprintf("READY=1\nMAINPID=%d\n", p.pids()[1])) })
	eventually(t, "the first has drained", func() bool { return strings.Contains(p.log.String(), "msg=drained") })
	before := strings.Count(told(), "WATCHDOG=1")
	eventually(t, "alive", func() bool { return strings.Count(told(), "WATCHDOG=1") >= before+2 })
	if strings.Contains(told(), "STOPPING") {
		t.Error("replaced is not stopping")
	}
	p.endLast(t)
	eventually(t, "stopping", func() bool { return strings.Contains(told(), "STOPPING=1") })
}

// TestSocketActivation: the sockets come from systemd, and go on to the next
// process.
func TestSocketActivation(t *testing.T) {
	s := startService(t, echo)
	listeners := map[string]*net.TCPListener{}
	var files []*os.File
	for _, name := range []string{"listen", "admin"} {
		ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		f, err := ln.File()
		if err != nil {
			t.Fatal(err)
		}
		listeners[name], files = ln, append(files, f)
	}
	toml := oneService(s.URL, "[server]\nlisten = \"127.0.0.1:1\"\nadmin_listen = \"127.0.0.1:2\"")
	p := startProcessAs(t, toml, func(p *process) {
		p.cmd.Args = append([]string{"/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=listen:admin exec "$@"`, "sh"}, p.cmd.Args...)
		p.cmd.Path, p.cmd.ExtraFiles = "/bin/sh", files
	})
	for _, f := range files {
		_ = f.Close()
	}
	for _, ln := range listeners {
		_ = ln.Close()
	}
	clients, admin := "http://"+listeners["listen"].Addr().String(), "http://"+listeners["admin"].Addr().String()
	check := func() {
		t.Helper()
		eventually(t, "clients are served", func() bool { return healthy(clients) })
		if resp, got := fetch(t, "GET", admin+"/readyz", ""); resp.StatusCode != 200 {
			t.Errorf("%d %s", resp.StatusCode, got)
		}
	}
	check()
	if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first has drained", func() bool { return strings.Contains(p.log.String(), "msg=drained") })
	http.DefaultClient.CloseIdleConnections()
	check()
	p.endLast(t)
	if _, err := net.Dial("tcp", listeners["listen"].Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
}
